import { createHmac } from 'node:crypto'
import { computeMany, type ManyFactory } from './compute/batch.js'
import {
  CACHED_OPTIONS,
  type CachedFunction,
  type CachedFunctions,
  type CachedOptions,
} from './compute/cached-functions.js'
import type { Call, Computing } from './compute/computing.js'
import type { Factory } from './compute/factory.js'
import { type GetOrSetOptions, jittered, parseGrace } from './compute/options.js'
import type { Policies } from './compute/policy.js'
import { type Duration, parseTtl } from './duration.js'
import { CacheNotRespondingError, ConfigurationError, NotCachedError } from './errors.js'
import { describe, describeUnknown, type Inspection } from './inspection.js'
import { CacheKey, type KeyInput, type KeyPart } from './key/cache-key.js'
import type { ResolvedOptions } from './options.js'
import { type CacheStats, type HistoryStep, statsOf, stepsOf } from './stats/cache-stats.js'
import type { Counters, ProcessStats } from './stats/counters.js'
import { type CacheEvent, type DeleteOutcome, type ExpireOutcome, eventsOf } from './stats/events.js'
import { OpenCall, type RequestRecord, recordsOf } from './stats/ledger.js'
import type { MissLog } from './stats/miss-log.js'
import type { Outbox } from './stats/outbox.js'
import type { Recorder } from './stats/recorder.js'
import type { Reporter } from './stats/reporter.js'
import type { Logger } from './store/failsafe.js'
import { MAX_EVENTS, MAX_REQUESTS, type Resolution, type Statistics } from './store/statistics.js'
import type { ListOptions, ListPage, Store, StoreUsage } from './store/store.js'
import type { TierChain } from './tiers/chain.js'
import type { Scopes } from './tiers/context.js'
import type { Miss, ReadOutcome, Written } from './tiers/outcome.js'
import type { PendingInvalidations } from './tiers/pending-invalidations.js'
import type { ProcessMemory, ProcessMemoryUsage } from './tiers/process-memory.js'
import { RequestScope, type RequestScopeOptions } from './tiers/request-scope.js'
import { refuseUnknown } from './unknown-options.js'

export type { DeleteOutcome, ExpireOutcome }

export interface SetOptions {
  /** How long it lives. Default: the cache's `ttl`. */
  readonly ttl?: Duration | undefined
  /** How long after its TTL `getOrSet` may still serve it. Default: the cache's `grace`. */
  readonly grace?: Duration | false | undefined
  /** Store it whatever happened since this request found the key missing: for a value that does not come from what was read then. */
  readonly overwrite?: boolean | undefined
}

export interface DeleteOptions {
  /** Also everything below the key, in one atomic step. Default: false. */
  readonly children?: boolean
}

export interface ExpireOptions {
  /** Also everything below the key, in one atomic step. Default: false. */
  readonly children?: boolean
}

/** How many names one step of `keys()` looks at. */
const SCAN = 500

/** What all views of one cache share. */
export interface Core {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly chain: TierChain
  readonly pending: PendingInvalidations
  readonly memory: ProcessMemory | undefined
  readonly counters: Counters
  readonly recorder: Recorder
  readonly reporter: Reporter
  readonly misses: MissLog
  /** What is told with the next report. */
  readonly requests: Outbox<RequestRecord>
  readonly statistics: Statistics
  readonly scopes: Scopes
  readonly computing: Computing
  readonly policies: Policies
  readonly functions: CachedFunctions
  /** What its processes sign with. */
  readonly secret: () => Promise<Buffer>
  /** Told when it is closed. */
  readonly onClose: () => void
  enabled: boolean
}

/**
 * A cache of values under keys that form a tree. Where the store fails, reads
 * miss, writes are skipped and nothing hangs, unless `throwOnStoreError` asks
 * for a `CacheNotRespondingError`; every method says what it answers then.
 */
export class KeyedCache {
  private readonly core: Core
  private readonly boundScope: RequestScope | undefined

  /** Use `createCache`. */
  constructor(core: Core, boundScope?: RequestScope) {
    this.core = core
    this.boundScope = boundScope
  }

  /**
   * Builds a key; see `CacheKey`. One argument means what it means in
   * `get(argument)`, of several each is one part, escaped.
   * @example cache.key('SHIP_company', { country: 'CZ', weight: 3 }) // SHIP_company::country::CZ::weight::3
   * @throws InvalidKeyError
   */
  key(input: KeyInput): CacheKey
  key(...parts: KeyPart[]): CacheKey
  key(...parts: KeyPart[]): CacheKey {
    return CacheKey.of(...parts)
  }

  /**
   * The value, or `default` (or `undefined`) when it is not cached. A store failure is a miss.
   * @throws InvalidKeyError
   */
  async get<T = unknown>(key: KeyInput): Promise<T | undefined>
  async get<T, D = T>(key: KeyInput, options: { readonly default: D }): Promise<T | D>
  async get(key: KeyInput, options?: { readonly default?: unknown }): Promise<unknown> {
    const asked = CacheKey.from(key)
    const scope = this.scope
    const outcome = this.held(asked, scope) ?? (await this.read(asked, scope))
    return outcome.hit ? outcome.value : options?.default
  }

  /**
   * The value.
   * @throws NotCachedError when it is not cached, or the store fails; `key` is the key's text.
   * @throws InvalidKeyError
   */
  async getOrThrow<T = unknown>(key: KeyInput): Promise<T> {
    const asked = CacheKey.from(key)
    const { scope } = this
    const outcome = this.held(asked, scope) ?? (await this.read(asked, scope))
    if (!outcome.hit) throw new NotCachedError(asked.text)
    return outcome.value as T
  }

  /** Whether it is cached; never counted as a read. `false` when the store fails. */
  async has(key: KeyInput): Promise<boolean> {
    const asked = CacheKey.from(key)
    const scope = this.scope
    const left = performance.now()
    const missed = this.without(scope)
    if (missed) {
      scope?.observations?.unprovable(asked.text, left)
      this.core.recorder.has(asked, false, left, scope, missed.reason)
      return false
    }
    let found = false
    try {
      found = await this.core.chain.has(asked, scope)
      return found
    } finally {
      this.core.recorder.has(asked, found, left, scope)
    }
  }

  /**
   * Stores a value; resolves to whether it was stored. It is not when caching
   * is off, when the store fails, and when this request found the key missing
   * and it was invalidated since: then the value may be out of date.
   * @throws UnserializableValueError naming what in the value cannot be stored
   * @throws ConfigurationError for a bad `ttl`
   * @throws InvalidKeyError
   */
  async set(
    key: KeyInput,
    value: unknown,
    { ttl, grace, overwrite = false }: SetOptions = {},
  ): Promise<boolean> {
    const { chain, options, recorder } = this.core
    const { maxTtlMs, ttlJitter, compute } = options
    const target = CacheKey.from(key)
    const scope = this.scope
    const ttlMs = jittered(ttl === undefined ? options.ttlMs : parseTtl(ttl, maxTtlMs), ttlJitter)
    const graceMs = grace === undefined ? compute.graceMs : parseGrace(grace, maxTtlMs)
    const left = performance.now()
    const missed = this.without(scope)
    let written = FAILED
    try {
      written = missed
        ? { outcome: 'skipped', reason: missed.reason }
        : await chain.write(target, value, { ttlMs, graceMs }, scope, overwrite)
    } finally {
      recorder.write(target, written, left, scope)
    }
    return written.outcome === 'stored'
  }

  /**
   * Removes a key, with `children` everything below it too; resolves to whether
   * anything was there. Goes through while caching is off. `false`, and a
   * warning, when the store did not surely do it.
   * @throws InvalidKeyError
   */
  async delete(key: KeyInput, options?: DeleteOptions): Promise<boolean> {
    return (await this.deleteOutcome(key, options)) === 'deleted'
  }

  /**
   * Deletes, and tells nothing there (`absent`) from not surely done (`failed`). For integrations.
   * @throws InvalidKeyError
   */
  async deleteOutcome(key: KeyInput, { children = false }: DeleteOptions = {}): Promise<DeleteOutcome> {
    const { chain, recorder } = this.core
    const target = CacheKey.from(key)
    const scope = this.scope
    const left = performance.now()
    const origin = scope?.origin()
    let outcome: DeleteOutcome = 'failed'
    try {
      const was = await chain.remove(target, children, scope, origin)
      if (was !== undefined) outcome = was ? 'deleted' : 'absent'
      return outcome
    } finally {
      recorder.delete(target, { children, outcome, origin }, left, scope)
    }
  }

  /**
   * Lets a key expire, with `children` everything below it too; resolves to whether anything was there. It is stale
   * from now on, for as long as it would have stood: `getOrSet` with a `grace` serves it while it is computed anew, all
   * other reads miss. What was being computed is not stored. Not a delete: where there is a grace, the old value is
   * served until the new one is there. Goes through while caching is off. `false`, and a warning, when the store did
   * not surely do it: then it is repeated as a delete.
   * @example await cache.expire('product', { children: true }) // a new price list: old prices until the new are computed
   * @throws InvalidKeyError
   */
  async expire(key: KeyInput, options?: ExpireOptions): Promise<boolean> {
    return (await this.expireOutcome(key, options)) === 'expired'
  }

  /**
   * Lets expire, and tells nothing there (`absent`) from not surely done (`failed`). For integrations.
   * @throws InvalidKeyError
   */
  async expireOutcome(key: KeyInput, { children = false }: ExpireOptions = {}): Promise<ExpireOutcome> {
    const { chain, recorder } = this.core
    const target = CacheKey.from(key)
    const scope = this.scope
    const left = performance.now()
    const origin = scope?.origin()
    let outcome: ExpireOutcome = 'failed'
    try {
      const was = await chain.expire(target, children, scope, origin)
      if (was !== undefined) outcome = was ? 'expired' : 'absent'
      return outcome
    } finally {
      recorder.expire(target, { children, outcome, origin }, left, scope)
    }
  }

  /** Removes everything under this cache's prefix and nothing else; resolves to whether the store surely did it. */
  async clear(): Promise<boolean> {
    const scope = this.scope
    const left = performance.now()
    const origin = scope?.origin()
    let done = false
    try {
      done = await this.core.chain.clear(scope, origin)
      return done
    } finally {
      this.core.recorder.clear({ outcome: done ? 'deleted' : 'failed', origin }, left, scope)
    }
  }

  /** The values of many keys in one round trip, in their order; `default` (or `undefined`) for what is not cached. */
  async getMany<T = unknown>(keys: Iterable<KeyInput>): Promise<(T | undefined)[]>
  async getMany<T, D = T>(keys: Iterable<KeyInput>, options: { readonly default: D }): Promise<(T | D)[]>
  async getMany(keys: Iterable<KeyInput>, options?: { readonly default?: unknown }): Promise<unknown[]> {
    const asked = Array.from(keys, (key) => CacheKey.from(key))
    const scope = this.scope
    const outcomes = await Promise.all(asked.map((key) => this.held(key, scope) ?? this.read(key, scope)))
    return outcomes.map((outcome) => (outcome.hit ? outcome.value : options?.default))
  }

  /** Stores many values in one round trip, each as `set` would; resolves to how many were stored. */
  async setMany(
    entries: Iterable<readonly [key: KeyInput, value: unknown]>,
    options?: SetOptions,
  ): Promise<number> {
    const pairs = Array.from(entries, ([key, value]) => [CacheKey.from(key), value] as const)
    return count(pairs.map(([key, value]) => this.set(key, value, options)))
  }

  /** Removes many keys in one round trip, each as `delete` would; resolves to for how many anything was there. */
  async deleteMany(keys: Iterable<KeyInput>, options?: DeleteOptions): Promise<number> {
    const targets = Array.from(keys, (key) => CacheKey.from(key))
    return count(targets.map((key) => this.delete(key, options)))
  }

  /**
   * The value, computed if it is not cached: once, however many callers in however many processes ask for it. What
   * was invalidated while it was being computed goes to those who wait already, and is not stored. While caching is
   * off each caller computes; while the store fails, each process.
   * @example const product = await cache.getOrSet(['product', id], () => db.product(id), { ttl: '1h', grace: '1d' })
   * @throws what the factory throws
   * @throws UnserializableValueError naming what in the value cannot be stored
   * @throws ComputeCycleError, ComputeTimeoutError (with `hardTimeout`), ComputeFailedError (with `errorTtl`)
   * @throws ConfigurationError, InvalidKeyError
   */
  getOrSet<T>(key: KeyInput, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T> {
    // Not an async function: see `Computing.getOrSet`.
    try {
      const policy = this.core.policies.of(options as GetOrSetOptions | undefined)
      refuseNoFactory(factory)
      const call = {
        key: CacheKey.from(key),
        factory: factory as Factory<unknown>,
        policy,
        scope: this.scope,
      }
      return this.compute(call) as Promise<T>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * The values of many keys, in their order. The factory gets the missing ones, as they were given, that fall to this
   * process, and returns their values in that order; a second time, if another process fails on those that it took.
   * @throws as `getOrSet`
   */
  async getOrSetMany<K extends KeyInput, T>(
    keys: Iterable<K>,
    factory: ManyFactory<K, T>,
    options?: GetOrSetOptions<T>,
  ): Promise<T[]> {
    const policy = this.core.policies.of(options as GetOrSetOptions | undefined)
    refuseNoFactory(factory)
    const { scope } = this
    const values = await computeMany(keys, factory as ManyFactory<K, unknown>, (call) =>
      this.compute({ ...call, policy, scope }),
    )
    return values as T[]
  }

  /**
   * A function with the same signature whose results are cached under `func::<name>::<arguments…>`. Wrap it once,
   * where it is defined: the result must depend on nothing but the arguments, or what `keyOf` says.
   * @example const nearestRestaurant = cache.cached(findNearestRestaurant, { ttl: '1m' })
   * @throws ConfigurationError for a function without a name, or a name that another function has
   */
  cached<This, Args extends readonly unknown[], R>(
    fn: (this: This, ...args: Args) => R,
    given: CachedOptions<Args, Awaited<R>> = {},
  ): CachedFunction<This, Args, Awaited<R>> {
    refuseUnknown(given, CACHED_OPTIONS, 'option')
    const { name, keyOf, ...options } = given
    const { functions, policies } = this.core
    const policy = policies.of(options as GetOrSetOptions)
    // Whoever calls it later is in a request of their own.
    const cache = new KeyedCache(this.core)
    return functions.wrap(fn, name, keyOf, {
      compute: (key, factory) => cache.compute({ key, factory, policy, scope: cache.scope }),
      remove: (key, children) => cache.delete(key, { children }),
    })
  }

  /**
   * Drops every cached result of a function, given the original or the wrapped one; resolves to whether any was there.
   * @throws ConfigurationError for a function that this cache has not wrapped
   */
  async deleteFunction(fn: (...args: never[]) => unknown): Promise<boolean> {
    return (await this.deleteMany(this.core.functions.rootsOf(fn), { children: true })) > 0
  }

  /**
   * Whether a key is cached, why not, what is stored and by whom. Leaves no
   * trace, no counted trouble either; `state` is `unknown` when the store fails.
   */
  async inspect(key: KeyInput): Promise<Inspection> {
    const { chain, misses, store, options } = this.core
    const asked = CacheKey.from(key)
    try {
      const peek = await store.peek(asked)
      const standing = await chain.standing(asked, peek)
      const explained =
        standing.state === 'missing' ? await misses.explainOne(asked, standing.reason) : undefined
      return describe(asked, peek, standing, {
        keyPrefix: options.keyPrefix,
        explained,
        isRemembered: chain.remembers(asked),
      })
    } catch (error) {
      if (options.throwOnStoreError || !(error instanceof CacheNotRespondingError)) throw error
      return describeUnknown(asked)
    }
  }

  /**
   * The live keys, all or those at and below one, in no order; fetched a page
   * at a time. One that is there all the while comes at least once.
   * @throws CacheNotRespondingError, since a listing that stops short would be taken for a whole one
   */
  async *keys(under?: KeyInput): AsyncGenerator<CacheKey, void, undefined> {
    const within = under === undefined ? undefined : CacheKey.from(under)
    const { pending, store } = this.core
    let cursor: string | undefined
    do {
      const page: ListPage = await store.list({ under: within, cursor, scan: SCAN })
      for (const { key, ttlMs } of page.entries) if (ttlMs > 0 && !pending.covers(key)) yield key
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  /**
   * One page of live entries, with their sizes and times: what `keys()` is made
   * of, for those who page themselves.
   * @throws CacheNotRespondingError
   */
  list(options: ListOptions): Promise<ListPage> {
    return this.core.store.list(options)
  }

  /**
   * What all processes have counted, this one until now and the others until a second ago; on the embedded store this
   * one only.
   * @throws CacheNotRespondingError, since figures without those of the others would be taken for all
   */
  async stats(): Promise<CacheStats> {
    const { reporter, statistics } = this.core
    await reporter.report()
    return statsOf(await statistics.gathered(), this.statisticsScope, reporter.id)
  }

  /**
   * What all processes have done in the last hour in steps of 10 s (`fine`), or in the last day in minutes (`coarse`),
   * oldest first; steps in which nothing happened are left out.
   * @throws CacheNotRespondingError
   */
  async history(resolution: Resolution = 'coarse'): Promise<HistoryStep[]> {
    return stepsOf(await this.core.statistics.history(resolution))
  }

  /**
   * What was deleted, let expire and cleared, by which process, route and user, and what the store did not surely
   * carry out: the newest, by all processes, newest first; some 1,000 are kept. Those of this process are there until
   * now, those of the others until a second ago; on the embedded store there are this one's only.
   * @example const [last] = await cache.events(1) // { type: 'delete', key: 'product::123', user: 'anna', … }
   * @throws CacheNotRespondingError
   */
  async events(limit = 100): Promise<CacheEvent[]> {
    return eventsOf(await this.newest('events', limit, MAX_EVENTS))
  }

  /**
   * The newest requests that were taken down, of all processes, newest first, each with its calls of the cache; some
   * 200 are kept. See the option `ledger`.
   * @throws CacheNotRespondingError
   */
  async requests(limit = 50): Promise<RequestRecord[]> {
    return recordsOf(await this.newest('requests', limit, MAX_REQUESTS))
  }

  /** What this process has counted since it started. */
  processStats(): ProcessStats {
    return this.core.counters.snapshot()
  }

  /**
   * Proves that the store takes a value and gives it back.
   * @throws CacheNotRespondingError
   */
  async check(): Promise<void> {
    await this.core.store.check()
  }

  /**
   * How full the store is, and what it has pushed out for want of room; nothing where it does not tell.
   * @throws CacheNotRespondingError
   */
  async usage(): Promise<StoreUsage | undefined> {
    return this.core.store.usage?.()
  }

  /** How full this process's memory is, and whether it serves; nothing without one: see the option `memory`. */
  get memoryUsage(): ProcessMemoryUsage | undefined {
    return this.core.memory?.usage
  }

  /** How many invalidations by this process did not surely reach the store, and are repeated until they do. */
  get unsettledInvalidations(): number {
    return this.core.pending.size
  }

  /** Whether caching is on. */
  get enabled(): boolean {
    return this.core.enabled
  }

  /** Switches caching on or off in this process: off, reads miss and `set` does nothing; deletes go through. */
  enable(state: boolean): void {
    this.core.enabled = state
  }

  /**
   * Runs a job with a request memory, gone when it settles; within a request, or
   * another job, it shares that one's. In it, a `set` after a miss is a fill, as
   * in a request with a safe method.
   */
  async withRequestMemory<T>(job: (cache: KeyedCache) => T): Promise<Awaited<T>> {
    const memory = this.core.options.requestMemory
    const scope = new RequestScope({ memory, fills: true }, this.scope)
    try {
      return await this.runInScope(scope, () => job(this.bindTo(scope)))
    } finally {
      scope.end()
    }
  }

  /**
   * Lets refreshes in the background come to their end, for five seconds at most, and disconnects what this cache
   * opened; a client that was handed in stays open.
   */
  async close(): Promise<void> {
    this.core.onClose()
    await this.core.computing.close()
    await this.core.pending.close()
    await this.core.reporter.close()
    await this.core.store.close()
  }

  /** What entries are held by, for people: `redis 127.0.0.1:6379/0`. */
  get storeDescription(): string {
    return this.core.store.description
  }

  /** Whether other processes see the same entries. */
  get isShared(): boolean {
    return this.core.store.shared
  }

  /** Whose figures and events it tells: with a store of one's own that takes none, only those of this process. */
  get statisticsScope(): CacheStats['scope'] {
    const { shared, statistics } = this.core.store
    return shared && statistics ? 'all processes' : 'this process'
  }

  get keyPrefix(): string {
    return this.core.options.keyPrefix
  }

  /** Where warnings go. For integrations. */
  get logger(): Logger {
    return this.core.options.logger
  }

  /** Whether anything is counted: see the option `stats`. */
  get isCounting(): boolean {
    return this.core.options.stats
  }

  /** Which share of the requests is taken down: 0 for none, 1 for all. */
  get ledgerShare(): number {
    return this.core.options.ledgerShare
  }

  /**
   * Signs a text for all processes of this cache, by HMAC-SHA-256, with a key that the store keeps for them; one that
   * keeps none leaves each process with its own. For integrations.
   * @throws CacheNotRespondingError
   */
  async sign(text: string): Promise<Buffer> {
    return createHmac('sha256', await this.core.secret())
      .update(text)
      .digest()
  }

  /** The request that asks is not one of the application: it is not taken down. For integrations. */
  leaveOut(): void {
    this.scope?.log?.leaveOut()
  }

  /** Puts a request into the ledger. For integrations. */
  addRequest(request: Omit<RequestRecord, 'process'>): void {
    this.core.requests.add({ ...request, process: this.core.options.process })
  }

  /** A scope for one request. For integrations: it must be `end()`ed. */
  openScope(options: Omit<RequestScopeOptions, 'memory'>): RequestScope {
    return new RequestScope({ ...options, memory: this.core.options.requestMemory })
  }

  /** Runs `fn`, and whatever it starts, in a scope. */
  runInScope<T>(scope: RequestScope, fn: () => T): T {
    return this.core.scopes.run(scope, fn)
  }

  /** This cache for one request, also where the async context has been lost on the way. */
  bindTo(scope: RequestScope): KeyedCache {
    return new KeyedCache(this.core, scope)
  }

  /** Whether this is a view of the same cache. For integrations. */
  isViewOf(other: KeyedCache): boolean {
    return this.core === other.core
  }

  /** What all processes have told, this one until now. */
  private async newest(what: 'events' | 'requests', limit: number, most: number): Promise<readonly string[]> {
    const { reporter, statistics } = this.core
    const wanted = Math.min(Math.trunc(limit), most)
    if (!(wanted > 0)) return []
    await reporter.report()
    return await statistics[what](wanted)
  }

  private get scope(): RequestScope | undefined {
    return this.core.scopes.current(this.boundScope)
  }

  /** Why a call does without the cache, if it does. */
  private without(scope: RequestScope | undefined): Miss | undefined {
    if (!this.core.enabled) return DISABLED
    return scope?.bypasses ? BYPASSED : undefined
  }

  private compute(call: Call): Promise<unknown> {
    const log = call.scope?.log
    return log ? this.computeLogged(call, new OpenCall(log, call.key.text)) : this.computeOrCallThrough(call)
  }

  private computeOrCallThrough(call: Call): Promise<unknown> {
    const { computing } = this.core
    const missed = this.without(call.scope)
    return missed ? computing.callThrough(call, missed) : computing.getOrSet(call)
  }

  /** The same in a request that is taken down. */
  private computeLogged(call: Call, open: OpenCall): Promise<unknown> {
    const result = this.computeOrCallThrough({ ...call, open })
    result.then(
      () => open.end(false),
      () => open.end(true),
    )
    return result
  }

  /** What the memories hold, counted; the quick way of every read. */
  private held(key: CacheKey, scope: RequestScope | undefined): ReadOutcome | undefined {
    if ((scope === undefined && !this.core.memory) || this.without(scope)) return undefined
    const left = performance.now()
    const outcome = this.core.chain.held(key, scope)
    if (outcome) this.core.recorder.read(key, outcome, left, scope)
    return outcome
  }

  private async read(key: CacheKey, scope: RequestScope | undefined): Promise<ReadOutcome> {
    const left = performance.now()
    const missed = this.without(scope)
    if (missed) scope?.observations?.unprovable(key.text, left)
    // What is thrown is told as well.
    let outcome: ReadOutcome = STORE_DOWN
    try {
      outcome = missed ?? (await this.core.chain.read(key, scope))
      return outcome
    } finally {
      this.core.recorder.read(key, outcome, left, scope)
    }
  }
}

const STORE_DOWN: Miss = { hit: false, reason: 'store-down' }
const DISABLED: Miss = { hit: false, reason: 'disabled' }
const BYPASSED: Miss = { hit: false, reason: 'bypassed' }

const FAILED: Written = { outcome: 'failed' }

function refuseNoFactory(factory: unknown): void {
  if (typeof factory === 'function') return
  throw new ConfigurationError(
    `A function that computes the value is wanted after the key, not ${typeof factory}.`,
  )
}

/** How many came to something. All are tried before the first error is thrown. */
async function count(attempts: readonly Promise<boolean>[]): Promise<number> {
  const settled = await Promise.allSettled(attempts)
  for (const result of settled) if (result.status === 'rejected') throw result.reason
  return settled.filter((result) => result.status === 'fulfilled' && result.value).length
}

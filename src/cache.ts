import { createHmac } from 'node:crypto'
import type { Core } from './cache/core.js'
import { getOrSet, refuseNoFactory } from './cache/get-or-set.js'
import { inspect } from './cache/inspect.js'
import {
  clear,
  DELETE_OPTIONS,
  type DeleteOptions,
  EXPIRE_OPTIONS,
  type ExpireOptions,
  expire,
  remove,
} from './cache/invalidating.js'
import { LIST_OPTIONS } from './cache/listing.js'
import { manyOf, pairOf } from './cache/many.js'
import { GET_OPTIONS, type GetOptions, held, isCached, read } from './cache/reading.js'
import {
  checkLimit,
  checkResolution,
  readEvents,
  readHistory,
  readRequests,
  readStats,
  statisticsScope,
} from './cache/shared-statistics.js'
import { SET_OPTIONS, type SetOptions, write } from './cache/writing.js'
import { computeMany, type ManyFactory } from './compute/batch.js'
import { CACHED_OPTIONS, type CachedFunction, type CachedOptions } from './compute/cached-functions.js'
import type { Factory } from './compute/factory.js'
import type { GetOrSetOptions } from './compute/options.js'
import { ConfigurationError, NotCachedError } from './errors.js'
import type { Inspection } from './inspection.js'
import { CacheKey, type KeyInput, type KeyPart } from './key/cache-key.js'
import { treeKeyOf } from './key/tree-key.js'
import { aBoolean, aFunction } from './option-checks.js'
import type { CacheEvent } from './stats/cache-event.js'
import type { CacheStats, HistoryStep } from './stats/cache-stats.js'
import type { ProcessStats } from './stats/counters.js'
import type { RequestRecord } from './stats/request-record.js'
import type { Logger } from './store/failsafe.js'
import type { Resolution } from './store/statistics.js'
import type { ListOptions, ListPage, StoreUsage } from './store/store.js'
import type { DeleteOutcome, ExpireOutcome } from './tiers/outcome.js'
import type { ProcessMemoryUsage } from './tiers/process-memory.js'
import { RequestScope, type RequestScopeOptions } from './tiers/request-scope.js'

export type { DeleteOptions, DeleteOutcome, ExpireOptions, ExpireOutcome, GetOptions, SetOptions }

/** The same in every copy of this package. */
const BRAND = Symbol.for('keyedcache.KeyedCache')

const inspectable = Symbol.for('nodejs.util.inspect.custom')

/** How many names one step of `keys()` looks at. */
const SCAN = 500

/**
 * A cache of values under keys that form a tree. Where the store fails, reads
 * miss, writes are skipped and nothing hangs, unless `throwOnStoreError` asks
 * for a `CacheNotRespondingError`; every method says what it answers then.
 */
export class KeyedCache {
  private readonly core: Core
  private readonly boundScope: RequestScope | undefined

  get [BRAND](): true {
    return true
  }

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
   * Nothing proves that a value has the type that is named: another version of the program may have stored it.
   * @example const quote = await cache.get<Quote>(key) // Quote | undefined
   * @example const views = await cache.get(['views', id], { default: 0 }) // number
   * @throws InvalidKeyError, ConfigurationError
   */
  async get<T = unknown>(key: KeyInput, options?: GetOptions<undefined>): Promise<T | undefined>
  async get<T>(key: KeyInput, options: { readonly default: T }): Promise<T>
  async get<T, D>(key: KeyInput, options: { readonly default: D }): Promise<T | D>
  async get(key: KeyInput, options?: GetOptions): Promise<unknown> {
    const asked = CacheKey.from(key)
    const { default: otherwise } = GET_OPTIONS.take(options)
    const { core, scope } = this
    const outcome = held(core, asked, scope) ?? (await read(core, asked, scope))
    return outcome.hit ? outcome.value : otherwise
  }

  /**
   * The value.
   * @throws NotCachedError when it is not cached, or the store fails; `key` is the key's text.
   * @throws InvalidKeyError
   */
  async getOrThrow<T = unknown>(key: KeyInput): Promise<T> {
    const asked = CacheKey.from(key)
    const { core, scope } = this
    const outcome = held(core, asked, scope) ?? (await read(core, asked, scope))
    if (!outcome.hit) throw new NotCachedError(asked.text)
    return outcome.value as T
  }

  /** Whether it is cached; never counted as a read. `false` when the store fails. */
  async has(key: KeyInput): Promise<boolean> {
    return await isCached(this.core, CacheKey.from(key), this.scope)
  }

  /**
   * Stores a value; resolves to whether it was stored. It is not when caching
   * is off, when the store fails, and when this request found the key missing
   * and it was invalidated since: then the value may be out of date.
   * @throws UnserializableValueError naming what in the value cannot be stored
   * @throws ConfigurationError for a bad `ttl`, and an unknown option
   * @throws InvalidKeyError
   */
  async set(key: KeyInput, value: unknown, options?: SetOptions): Promise<boolean> {
    return await write(this.core, CacheKey.from(key), value, options, this.scope)
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
  async deleteOutcome(key: KeyInput, options?: DeleteOptions): Promise<DeleteOutcome> {
    const { children = false } = DELETE_OPTIONS.take(options)
    return await remove(this.core, children ? treeKeyOf(key) : CacheKey.from(key), children, this.scope)
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
  async expireOutcome(key: KeyInput, options?: ExpireOptions): Promise<ExpireOutcome> {
    const { children = false } = EXPIRE_OPTIONS.take(options)
    return await expire(this.core, children ? treeKeyOf(key) : CacheKey.from(key), children, this.scope)
  }

  /** Removes everything under this cache's prefix and nothing else; resolves to whether the store surely did it. */
  async clear(): Promise<boolean> {
    return await clear(this.core, this.scope)
  }

  /** The values of many keys in one round trip, in their order; `default` (or `undefined`) for what is not cached. */
  async getMany<T = unknown>(
    keys: Iterable<KeyInput>,
    options?: GetOptions<undefined>,
  ): Promise<(T | undefined)[]>
  async getMany<T>(keys: Iterable<KeyInput>, options: { readonly default: T }): Promise<T[]>
  async getMany<T, D>(keys: Iterable<KeyInput>, options: { readonly default: D }): Promise<(T | D)[]>
  async getMany(keys: Iterable<KeyInput>, options?: GetOptions): Promise<unknown[]> {
    const asked = manyOf(keys, 'getMany', 'keys', (key) => CacheKey.from(key))
    const { default: otherwise } = GET_OPTIONS.take(options)
    const { core, scope } = this
    const outcomes = await Promise.all(asked.map((key) => held(core, key, scope) ?? read(core, key, scope)))
    return outcomes.map((outcome) => (outcome.hit ? outcome.value : otherwise))
  }

  /** Stores many values in one round trip, each as `set` would; resolves to how many were stored. */
  async setMany(
    entries: Iterable<readonly [key: KeyInput, value: unknown]>,
    options?: SetOptions,
  ): Promise<number> {
    const given = SET_OPTIONS.take(options)
    const pairs = manyOf(entries, 'setMany', 'pairs of a key and a value', pairOf)
    return count(pairs.map(([key, value]) => this.set(key, value, given)))
  }

  /** Removes many keys in one round trip, each as `delete` would; resolves to for how many anything was there. */
  async deleteMany(keys: Iterable<KeyInput>, options?: DeleteOptions): Promise<number> {
    const given = DELETE_OPTIONS.take(options)
    const targets = manyOf(keys, 'deleteMany', 'keys', given.children ? treeKeyOf : CacheKey.from)
    return count(targets.map((key) => this.delete(key, given)))
  }

  /**
   * The value, computed if it is not cached: once, however many callers in however many processes ask for it. What
   * was invalidated while it was being computed goes to those who wait already, and is not stored. A value that cannot
   * be stored is returned all the same, the very object to all callers of this process. While caching is off each caller
   * computes; while the store fails, each process.
   * @example const product = await cache.getOrSet(['product', id], () => db.product(id), { ttl: '1h', grace: '1d' })
   * @throws what the factory throws
   * @throws UnserializableValueError (with `strictValues`) naming what in the value cannot be stored
   * @throws ComputeCycleError, ComputeTimeoutError (with `hardTimeout`), ComputeFailedError (with `errorTtl`), CacheClosedError
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
      return getOrSet(this.core, call) as Promise<T>
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
    const { core, scope } = this
    const policy = core.policies.of(options as GetOrSetOptions | undefined)
    refuseNoFactory(factory)
    const asked = manyOf(keys, 'getOrSetMany', 'keys', (key) => key)
    const values = await computeMany(asked, factory as ManyFactory<K, unknown>, (call) =>
      getOrSet(core, { ...call, policy, scope }),
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
    given?: CachedOptions<Args, Awaited<R>>,
  ): CachedFunction<This, Args, Awaited<R>> {
    const { name, keyOf, ...options } = CACHED_OPTIONS.take(given as CachedOptions | undefined)
    const { functions, policies } = this.core
    const policy = policies.of(options as GetOrSetOptions)
    // Whoever calls it later is in a request of their own.
    const cache = new KeyedCache(this.core)
    return functions.wrap(fn, name, keyOf as CachedOptions<Args>['keyOf'], {
      compute: (key, factory) => getOrSet(cache.core, { key, factory, policy, scope: cache.scope }),
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
    return await inspect(this.core, CacheKey.from(key))
  }

  /** Inspects a key; a value of more than `bytes` is not built, but an `UnbuiltValue`. For integrations. */
  async inspectUpTo(key: KeyInput, bytes: number): Promise<Inspection> {
    return await inspect(this.core, CacheKey.from(key), bytes)
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
   * @throws CacheNotRespondingError, ConfigurationError
   */
  async list(options: Partial<ListOptions>): Promise<ListPage> {
    return await this.core.store.list({ scan: SCAN, ...LIST_OPTIONS.take(options) })
  }

  /**
   * What all processes have counted, this one until now and the others until a second ago; on the embedded store this
   * one only.
   * @throws CacheNotRespondingError, since figures without those of the others would be taken for all
   */
  async stats(): Promise<CacheStats> {
    return await readStats(this.core)
  }

  /**
   * What all processes have done in the last hour in steps of 10 s (`fine`), or in the last day in minutes (`coarse`),
   * oldest first; steps in which nothing happened are left out.
   * @throws CacheNotRespondingError
   */
  async history(resolution: Resolution = 'coarse'): Promise<HistoryStep[]> {
    return await readHistory(this.core, checkResolution(resolution))
  }

  /**
   * What was deleted, let expire and cleared, by which process, route and user, and what the store did not surely
   * carry out: the newest, by all processes, newest first; some 1,000 are kept. Those of this process are there until
   * now, those of the others until a second ago; on the embedded store there are this one's only.
   * @example const [last] = await cache.events(1) // { type: 'delete', key: 'product::123', user: 'anna', … }
   * @throws CacheNotRespondingError
   */
  async events(limit = 100): Promise<CacheEvent[]> {
    return await readEvents(this.core, checkLimit(limit, 'events'))
  }

  /**
   * The newest requests that were taken down, of all processes, newest first, each with its calls of the cache; some
   * 200 are kept. See the option `requestLog`.
   * @throws CacheNotRespondingError
   */
  async requests(limit = 50): Promise<RequestRecord[]> {
    return await readRequests(this.core, checkLimit(limit, 'requests'))
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
  get pendingInvalidations(): number {
    return this.core.pending.size
  }

  /** Whether caching is on. */
  get enabled(): boolean {
    return this.core.enabled
  }

  /**
   * Switches caching on or off in this process: off, reads miss and `set` does nothing; deletes go through.
   * @throws ConfigurationError when it is neither `true` nor `false`
   */
  enable(state: boolean): void {
    aBoolean(state, 'The state of enable(state)')
    this.core.enabled = state
  }

  /**
   * Runs a job with a request memory, gone when it settles; within a request, or
   * another job, it shares that one's. In it, a `set` after a miss is a fill, as
   * in a request with a safe method.
   */
  async withRequestMemory<T>(job: (cache: KeyedCache) => T): Promise<Awaited<T>> {
    aFunction(job, 'The job of withRequestMemory')
    const memory = this.core.options.requestMemory
    const scope = new RequestScope({ memory, fills: true }, this.scope)
    try {
      return await this.runInScope(scope, () => job(this.bindTo(scope)))
    } finally {
      scope.end()
    }
  }

  /**
   * Aborts what is being computed and gives up its leases, so that other processes take over at once; waits for
   * refreshes in the background, five seconds at most; reports the last figures; and disconnects what this cache opened.
   * A client that was handed in stays open. A caller gets what its factory brings within those five seconds, else a
   * `CacheClosedError`. Where the store does not answer, closing takes little longer than `timeouts.store`. On Redis, a
   * cache that is closed answers as one whose store fails.
   */
  async close(): Promise<void> {
    this.core.onClose()
    await this.core.computing.close()
    await Promise.all([this.core.pending.close(), this.core.reporter.close()])
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
    return statisticsScope(this.core)
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
  get requestLogShare(): number {
    return this.core.options.requestLogShare
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

  /** Puts a request into the request log. For integrations. */
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

  /** What it is, for logs: without the connection, entries and figures. */
  toJSON(): object {
    const { keyPrefix, storeDescription: store, enabled } = this
    return { store, keyPrefix, enabled }
  }

  /** As `console.log` and `util.inspect` show it. */
  [inspectable](
    _depth: number,
    options: object,
    inspect: (value: object, options: object) => string,
  ): string {
    return `KeyedCache ${inspect(this.toJSON(), options)}`
  }

  private get scope(): RequestScope | undefined {
    return this.core.scopes.current(this.boundScope)
  }
}

/**
 * The cache that was given; `undefined` for something else.
 * @throws ConfigurationError for a cache whose class is another: test runners and bundlers may evaluate this package twice
 */
export function asCache(value: unknown): KeyedCache | undefined {
  try {
    if (value instanceof KeyedCache) return value
    if (typeof value !== 'object' || value === null || !(BRAND in value)) return undefined
  } catch {
    // A proxy that has been revoked.
    return undefined
  }
  throw new ConfigurationError(
    'This cache was made by another copy of keyedcache: the package was evaluated twice, by a reset of modules or by a bundler. Make the cache after the reset, or have the bundler leave the package out (external).',
  )
}

/** How many came to something. All are tried before the first error is thrown. */
async function count(attempts: readonly Promise<boolean>[]): Promise<number> {
  const settled = await Promise.allSettled(attempts)
  for (const result of settled) if (result.status === 'rejected') throw result.reason
  return settled.filter((result) => result.status === 'fulfilled' && result.value).length
}

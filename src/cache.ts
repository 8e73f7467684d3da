import { close } from './cache/closing.js'
import type { Core } from './cache/core.js'
import { checkFactory, getOrSet } from './cache/get-or-set.js'
import { inspectKey } from './cache/inspect.js'
import { CacheInternals } from './cache/internals.js'
import {
  clear,
  DELETE_OPTIONS,
  type DeleteOptions,
  EXPIRE_OPTIONS,
  type ExpireOptions,
  expire,
  remove,
} from './cache/invalidating.js'
import { LIST_OPTIONS, listPage } from './cache/listing.js'
import { manyOf, pairOf } from './cache/many.js'
import { GET_OPTIONS, type GetOptions, isCached, read } from './cache/reading.js'
import {
  checkLimit,
  checkResolution,
  readEvents,
  readHistory,
  readRequests,
  readStats,
} from './cache/shared-statistics.js'
import { SET_OPTIONS, type SetOptions, write } from './cache/writing.js'
import { computeMany, type ManyFactory } from './compute/batch.js'
import { CACHED_OPTIONS, type CachedFunction, type CachedOptions } from './compute/cached-functions.js'
import type { Factory, FactoryContext } from './compute/factory.js'
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
import type { Resolution } from './store/statistics.js'
import type { ListOptions, ListPage, StoreUsage } from './store/store.js'
import type { ProcessMemoryUsage } from './tiers/process-memory.js'
import { RequestScope } from './tiers/request-scope.js'

export type { DeleteOptions, ExpireOptions, GetOptions, SetOptions }

/** One symbol for every copy of this package: so a cache of another copy is recognised. */
const BRAND = Symbol.for('keyedcache.KeyedCache')

const inspectable = Symbol.for('nodejs.util.inspect.custom')

/** How many names one page of `keys()` and `list()` scans. */
const SCAN = 500

let open: (core: Core, boundScope?: RequestScope) => KeyedCache

let internals: (cache: KeyedCache) => CacheInternals<KeyedCache>

let hasCore: (value: object) => boolean

/**
 * A cache of values under keys that form a tree. Made by `createCache`.
 *
 * Where the store fails, reads miss, writes are skipped and nothing hangs. With `throwOnStoreError` every method rejects
 * with a `CacheNotRespondingError` instead.
 */
export class KeyedCache {
  readonly #core: Core
  readonly #boundScope: RequestScope | undefined

  static {
    open = (core, boundScope) => new KeyedCache(core, boundScope)
    internals = (cache) => new CacheInternals(cache.#core, cache.#boundScope, open)
    hasCore = (value) => #core in value
  }

  private constructor(core: Core, boundScope?: RequestScope) {
    this.#core = core
    this.#boundScope = boundScope
  }

  get [BRAND](): true {
    return true
  }

  /**
   * Builds a key. A single argument is read as by `get`: a text is a path. Of several arguments each is one part, and is
   * escaped.
   * @example cache.key('SHIP_company', { country: 'CZ', weight: 3 }) // SHIP_company::country::CZ::weight::3
   * @throws InvalidKeyError
   */
  key(input: KeyInput): CacheKey
  key(...parts: KeyPart[]): CacheKey
  key(...parts: KeyPart[]): CacheKey {
    return CacheKey.of(...parts)
  }

  /**
   * Reads a value: `default`, or `undefined`, where the key is not cached or the store fails. The type argument is not
   * checked: another version of the application may have stored the value.
   * @example const quote = await cache.get<Quote>(key) // Quote | undefined
   * @example const views = await cache.get(['views', id], { default: 0 }) // number
   * @throws InvalidKeyError, ConfigurationError
   */
  async get<T = unknown>(key: KeyInput, options?: GetOptions<undefined>): Promise<T | undefined>
  async get<T>(key: KeyInput, options: { readonly default: T }): Promise<T>
  async get<T, D>(key: KeyInput, options: { readonly default: D }): Promise<T | D>
  async get(key: KeyInput, options?: GetOptions): Promise<unknown> {
    const target = CacheKey.from(key)
    const { default: otherwise } = GET_OPTIONS.take(options)
    const reading = read(this.#core, target, this.#scope)
    const outcome = reading instanceof Promise ? await reading : reading
    return outcome.hit ? outcome.value : otherwise
  }

  /**
   * Reads a value that has to be cached.
   * @throws NotCachedError where the key is not cached, or the store fails; its `key` is the text of the key
   * @throws InvalidKeyError
   */
  async getOrThrow<T = unknown>(key: KeyInput): Promise<T> {
    const target = CacheKey.from(key)
    const reading = read(this.#core, target, this.#scope)
    const outcome = reading instanceof Promise ? await reading : reading
    if (!outcome.hit) throw new NotCachedError(target.text)
    return outcome.value as T
  }

  /**
   * Whether a key is cached; `false` where the store fails. It is not counted as a read.
   * @throws InvalidKeyError
   */
  async has(key: KeyInput): Promise<boolean> {
    return await isCached(this.#core, CacheKey.from(key), this.#scope)
  }

  /**
   * Stores a value, and resolves to whether it was stored. It is not where caching is off, where the store fails, where
   * this process sets or deletes the key again before a large value is compressed, and where this request has found the
   * key missing and the key was invalidated since: the value may be out of date then.
   * @example await cache.set(['product', id], product, { ttl: '1h' })
   * @throws UnserializableValueError for a value that cannot be stored: it names the part
   * @throws ValueTooLargeError for a value of more than `maxValueBytes`
   * @throws ConfigurationError for an option that is not allowed
   * @throws InvalidKeyError
   */
  async set(key: KeyInput, value: unknown, options?: SetOptions): Promise<boolean> {
    return await write(this.#core, CacheKey.from(key), value, options, this.#scope)
  }

  /**
   * Deletes a key, with `children` everything below it too, and resolves to whether anything was there. Also while caching
   * is off. Where the store does not confirm it, it resolves to `false`, logs a warning, and is repeated.
   * @example await cache.delete('product', { children: true })
   * @throws InvalidKeyError
   */
  async delete(key: KeyInput, options?: DeleteOptions): Promise<boolean> {
    const { children = false } = DELETE_OPTIONS.take(options)
    const target = children ? treeKeyOf(key) : CacheKey.from(key)
    return (await remove(this.#core, target, children, this.#scope)) === 'deleted'
  }

  /**
   * Marks a key as stale, with `children` everything below it too, and resolves to whether anything was there. `getOrSet`
   * with a `grace` returns the old value while it is refreshed; all other reads miss. Computations under way are not
   * stored. Also while caching is off. Where the store does not confirm it, it resolves to `false`, logs a warning, and
   * is repeated as a delete.
   * @example await cache.expire('product', { children: true }) // a new price list: old prices until the new ones are computed
   * @throws InvalidKeyError
   */
  async expire(key: KeyInput, options?: ExpireOptions): Promise<boolean> {
    const { children = false } = EXPIRE_OPTIONS.take(options)
    const target = children ? treeKeyOf(key) : CacheKey.from(key)
    return (await expire(this.#core, target, children, this.#scope)) === 'expired'
  }

  /** Deletes everything under the prefix of this cache, and nothing else. Resolves to whether the store confirmed it. */
  async clear(): Promise<boolean> {
    return (await clear(this.#core, this.#scope)) === 'deleted'
  }

  /**
   * Reads many keys in one round trip: their values in the same order, `default` or `undefined` for a key that is not
   * cached.
   * @throws InvalidKeyError, ConfigurationError
   */
  async getMany<T = unknown>(
    keys: Iterable<KeyInput>,
    options?: GetOptions<undefined>,
  ): Promise<(T | undefined)[]>
  async getMany<T>(keys: Iterable<KeyInput>, options: { readonly default: T }): Promise<T[]>
  async getMany<T, D>(keys: Iterable<KeyInput>, options: { readonly default: D }): Promise<(T | D)[]>
  async getMany(keys: Iterable<KeyInput>, options?: GetOptions): Promise<unknown[]> {
    const targets = manyOf(keys, 'getMany', 'keys', (key) => CacheKey.from(key))
    const { default: otherwise } = GET_OPTIONS.take(options)
    const core = this.#core
    const scope = this.#scope
    const outcomes = await Promise.all(targets.map((key) => read(core, key, scope)))
    return outcomes.map((outcome) => (outcome.hit ? outcome.value : otherwise))
  }

  /**
   * Stores many values in one round trip, each as by `set`, and resolves to how many were stored.
   * @example await cache.setMany([[['product', 1], one], [['product', 2], two]], { ttl: '1h' })
   * @throws as `set`
   */
  async setMany(
    entries: Iterable<readonly [key: KeyInput, value: unknown]>,
    options?: SetOptions,
  ): Promise<number> {
    const given = SET_OPTIONS.take(options)
    const pairs = manyOf(entries, 'setMany', 'pairs of a key and a value', pairOf)
    return count(pairs.map(([key, value]) => this.set(key, value, given)))
  }

  /**
   * Deletes many keys in one round trip, each as by `delete`, and resolves to the number of keys where anything was.
   * @throws InvalidKeyError, ConfigurationError
   */
  async deleteMany(keys: Iterable<KeyInput>, options?: DeleteOptions): Promise<number> {
    const given = DELETE_OPTIONS.take(options)
    const targets = manyOf(keys, 'deleteMany', 'keys', given.children ? treeKeyOf : CacheKey.from)
    return count(targets.map((key) => this.delete(key, given)))
  }

  /**
   * Reads a value, or computes and stores it: once for all callers in all processes. A value whose key is invalidated
   * during the computation is returned to the callers that wait, and not stored. One that cannot be serialised is returned
   * too: the same object to all callers of this process. While caching is off each caller computes; while the store fails,
   * each process.
   * @example const product = await cache.getOrSet(['product', id], () => db.product(id), { ttl: '1h', grace: '1d' })
   * @throws what the factory throws
   * @throws UnserializableValueError for a value that cannot be stored, with `strictValues`
   * @throws ComputeTimeoutError with `hardTimeout`, and ComputeFailedError with `errorTtl`
   * @throws ComputeCycleError, CacheClosedError
   * @throws ConfigurationError, InvalidKeyError
   */
  getOrSet<T, Context extends FactoryContext>(
    key: KeyInput,
    factory: (context: Context) => T | PromiseLike<T>,
    options?: GetOrSetOptions<T>,
  ): Promise<T>
  /**
   * With the type of the value named, `previous` and `notModified()` of the factory's context have that type, too.
   * @example await cache.getOrSet<Quote>(key, ({ previous }) => askTheCarrier(shipment, previous?.etag))
   */
  getOrSet<T>(key: KeyInput, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T>
  getOrSet<T>(key: KeyInput, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T> {
    // Not an async function: see `Computing.getOrSet`.
    try {
      checkFactory(factory, options)
      const policy = this.#core.policies.of(options as GetOrSetOptions | undefined)
      const call = {
        key: CacheKey.from(key),
        factory: factory as Factory<unknown>,
        policy,
        scope: this.#scope,
      }
      return getOrSet(this.#core, call) as Promise<T>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Reads many keys, or computes and stores their values, in the order of the keys. The factory gets the missing keys that
   * no other process computes, and returns their values in that order. It runs again for keys on which another process
   * failed.
   * @example await cache.getOrSetMany(keys, (missing) => db.products(missing), { ttl: '1h' })
   * @throws as `getOrSet`
   */
  getOrSetMany<K extends KeyInput, T, Context extends FactoryContext>(
    keys: Iterable<K>,
    factory: (
      missing: readonly K[],
      contexts: readonly Context[],
    ) => readonly T[] | PromiseLike<readonly T[]>,
    options?: GetOrSetOptions<T>,
  ): Promise<T[]>
  /** With the types of keys and values named, the contexts have the type of the values, too. */
  getOrSetMany<K extends KeyInput, T>(
    keys: Iterable<K>,
    factory: ManyFactory<K, T>,
    options?: GetOrSetOptions<T>,
  ): Promise<T[]>
  async getOrSetMany<K extends KeyInput, T>(
    keys: Iterable<K>,
    factory: ManyFactory<K, T>,
    options?: GetOrSetOptions<T>,
  ): Promise<T[]> {
    const core = this.#core
    const scope = this.#scope
    checkFactory(factory, options)
    const policy = core.policies.of(options as GetOrSetOptions | undefined)
    const given = manyOf(keys, 'getOrSetMany', 'keys', (key) => key)
    const values = await computeMany(given, factory as ManyFactory<K, unknown>, (call) =>
      getOrSet(core, { ...call, policy, scope }),
    )
    return values as T[]
  }

  /**
   * Wraps a function: one with the same signature, whose results are cached under `func::<name>::<arguments…>`. Wrap it
   * once, where it is defined. Its results may depend on its arguments only, or on what `keyOf` returns.
   * @example const nearestRestaurant = cache.cached(findNearestRestaurant, { ttl: '1m' })
   * @throws ConfigurationError for a function without a name, or a name that another function has
   */
  cached<This, Args extends readonly unknown[], R>(
    fn: (this: This, ...args: Args) => R,
    given?: CachedOptions<Args, Awaited<R>>,
  ): CachedFunction<This, Args, Awaited<R>> {
    const { name, keyOf, ...options } = CACHED_OPTIONS.take(given as CachedOptions | undefined)
    const { functions, policies } = this.#core
    const policy = policies.of(options as GetOrSetOptions)
    // Unbound: it is called in other requests.
    const cache = new KeyedCache(this.#core)
    return functions.wrap(fn, name, keyOf as CachedOptions<Args>['keyOf'], {
      compute: (key, factory) => getOrSet(cache.#core, { key, factory, policy, scope: cache.#scope }),
      remove: (key, children) => cache.delete(key, { children }),
    })
  }

  /**
   * Deletes all cached results of a function, the original or the wrapped one. Resolves to whether there were any.
   * @throws ConfigurationError for a function that this cache has not wrapped
   */
  async deleteFunction(fn: (...args: never[]) => unknown): Promise<boolean> {
    return (await this.deleteMany(this.#core.functions.rootsOf(fn), { children: true })) > 0
  }

  /**
   * Describes a key: whether it is cached, why not, and which process stored it. It changes and counts nothing. `state`
   * is `unknown` where the store fails.
   * @throws InvalidKeyError
   */
  async inspect(key: KeyInput): Promise<Inspection> {
    return await inspectKey(this.#core, CacheKey.from(key))
  }

  /**
   * Iterates over the fresh keys, in no order: all, or those at and below one. A key that exists all the time comes at
   * least once.
   * @example for await (const key of cache.keys('product')) console.log(key.text)
   * @throws CacheNotRespondingError where the store fails, since an incomplete listing would look complete
   * @throws InvalidKeyError
   */
  async *keys(under?: KeyInput): AsyncGenerator<CacheKey, void, undefined> {
    const within = under === undefined ? undefined : CacheKey.from(under)
    const { pending } = this.#core
    let cursor: string | undefined
    do {
      const page: ListPage = await listPage(this.#core, { under: within, cursor, scan: SCAN })
      for (const { key, ttlMs } of page.entries) if (ttlMs > 0 && !pending.covers(key)) yield key
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  /**
   * One page of entries, with sizes and times: `keys()` is made of these pages.
   * @example const { entries, cursor } = await cache.list({ under: cache.key('product') })
   * @throws CacheNotRespondingError, ConfigurationError
   */
  async list(options: Partial<ListOptions>): Promise<ListPage> {
    return await listPage(this.#core, { scan: SCAN, ...LIST_OPTIONS.take(options) })
  }

  /**
   * Figures of all processes: of this one until now, of the others until a second ago. With the embedded store, of this
   * process only.
   * @throws CacheNotRespondingError where the store fails, since the figures of one process would look like those of all
   */
  async stats(): Promise<CacheStats> {
    return await readStats(this.#core)
  }

  /**
   * Figures of all processes over time, oldest first: of the last hour in steps of 10 s (`fine`), or of the last day in
   * steps of a minute (`coarse`). Steps without operations are left out.
   * @throws CacheNotRespondingError, ConfigurationError
   */
  async history(resolution: Resolution = 'coarse'): Promise<HistoryStep[]> {
    return await readHistory(this.#core, checkResolution(resolution))
  }

  /**
   * The last deletes, soft expiries, clears and store failures of all processes, newest first, with process, route and
   * user. Some 1,000 are kept. With the embedded store, those of this process only.
   * @example const [last] = await cache.events(1) // { type: 'delete', key: 'product::123', user: 'anna', … }
   * @throws CacheNotRespondingError
   */
  async events(limit = 100): Promise<CacheEvent[]> {
    return await readEvents(this.#core, checkLimit(limit, 'events'))
  }

  /**
   * The last requests in the request log of all processes, newest first, each with its calls of the cache. Some 200 are
   * kept. See the option `requestLog`.
   * @throws CacheNotRespondingError, ConfigurationError
   */
  async requests(limit = 50): Promise<RequestRecord[]> {
    return await readRequests(this.#core, checkLimit(limit, 'requests'))
  }

  /** Figures of this process, since it made the cache, and its circuit breakers. */
  processStats(): ProcessStats {
    return { ...this.#core.counters.snapshot(), breakers: this.#core.store.health?.breakers ?? [] }
  }

  /**
   * Checks the store: it has to take a value and return it.
   * @example await cache.check() // in a health check
   * @throws CacheNotRespondingError
   */
  async check(): Promise<void> {
    await this.#core.store.check()
    this.#core.pending.storeAnswered()
  }

  /**
   * Memory use of the store, its limit and its evictions; `undefined` for a store that does not report them.
   * @throws CacheNotRespondingError
   */
  async usage(): Promise<StoreUsage | undefined> {
    return this.#core.store.usage?.()
  }

  /** Size of process memory, and whether it is used at the moment; `undefined` without the option `memory`. */
  get memoryUsage(): ProcessMemoryUsage | undefined {
    return this.#core.processMemory?.usage
  }

  /** Number of invalidations by this process that the store has not confirmed. They are repeated until it does. */
  get pendingInvalidations(): number {
    return this.#core.pending.size
  }

  /** Whether caching is on in this process. */
  get enabled(): boolean {
    return this.#core.enabled
  }

  /**
   * Switches caching on or off in this process. While it is off, reads miss and `set` does nothing; deletes go through.
   * @throws ConfigurationError for anything but `true` and `false`
   */
  enable(state: boolean): void {
    aBoolean(state, 'The state of enable(state)')
    this.#core.enabled = state
  }

  /**
   * Runs a job with a request memory of its own, which is dropped when the job settles. Within a request, or another job,
   * it shares the memory of that. A `set` after a miss is a fill, as in a GET request.
   * @example await cache.withRequestMemory((cache) => sendNewsletter(cache))
   */
  async withRequestMemory<T>(job: (cache: KeyedCache) => T): Promise<Awaited<T>> {
    aFunction(job, 'The job of withRequestMemory')
    const memory = this.#core.options.requestMemory
    const scope = new RequestScope({ memory, fills: true }, this.#scope)
    try {
      return await this.#core.scopes.run(scope, () => job(open(this.#core, scope)))
    } finally {
      scope.end()
    }
  }

  /**
   * Closes the cache: aborts computations and releases their leases, waits up to five seconds for refreshes, reports the
   * last figures, and disconnects what the cache has opened. A client of the application stays open. A caller whose
   * factory takes longer than those five seconds gets a `CacheClosedError`. Where the store fails, closing takes little
   * longer than `timeouts.store`. On Redis, a closed cache behaves like one whose store fails.
   * @throws CacheNotRespondingError where a store of your own cannot be closed, with `throwOnStoreError`
   */
  async close(): Promise<void> {
    await close(this.#core)
  }

  /** The store, as people read it: `redis 127.0.0.1:6379/0`. */
  get storeDescription(): string {
    return this.#core.store.description
  }

  /** The beginning of all names of this cache in Redis: see the option `keyPrefix`. */
  get keyPrefix(): string {
    return this.#core.options.keyPrefix
  }

  /** The cache in logs: without the connection, entries and figures. */
  toJSON(): object {
    const { keyPrefix, storeDescription: store, enabled } = this
    return { store, keyPrefix, enabled }
  }

  /** The cache as `console.log` and `util.inspect` show it. */
  [inspectable](
    _depth: number,
    options: object,
    inspect: (value: object, options: object) => string,
  ): string {
    return `KeyedCache ${inspect(this.toJSON(), options)}`
  }

  get #scope(): RequestScope | undefined {
    return this.#core.scopes.current(this.#boundScope)
  }
}

/** Makes a cache of its parts. */
export function openCache(core: Core): KeyedCache {
  return open(core)
}

/** The part of a cache that no application uses: for the middleware, the dashboard and the models. */
export function internalsOf(cache: KeyedCache): CacheInternals<KeyedCache> {
  return internals(cache)
}

/** Whether a value is a cache of this copy itself: not a proxy of one, nor an object with one as its prototype. */
export function isCache(value: unknown): value is KeyedCache {
  return typeof value === 'object' && value !== null && hasCore(value)
}

/**
 * The value itself if it is a cache, else `undefined`.
 * @throws ConfigurationError for a wrapped cache, and for one of another copy: test runners and bundlers may evaluate this
 * package twice
 */
export function asCache(value: unknown): KeyedCache | undefined {
  if (isCache(value)) return value
  let isWrapped: boolean
  try {
    if (typeof value !== 'object' || value === null || !(BRAND in value)) return undefined
    isWrapped = value instanceof KeyedCache
  } catch {
    // A revoked proxy.
    return undefined
  }
  throw new ConfigurationError(
    isWrapped
      ? 'A cache does not work through a proxy, or as a prototype: give the cache itself, as createCache() returns it.'
      : 'This cache was made by another copy of keyedcache: the package was evaluated twice, by a reset of modules or by a bundler. Make the cache after the reset, or have the bundler leave the package out (external).',
  )
}

/** The number of attempts that resolve to `true`. All are awaited before the first error is thrown. */
async function count(attempts: readonly Promise<boolean>[]): Promise<number> {
  const settled = await Promise.allSettled(attempts)
  for (const result of settled) if (result.status === 'rejected') throw result.reason
  return settled.filter((result) => result.status === 'fulfilled' && result.value).length
}

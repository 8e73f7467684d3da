import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { CachedObject } from '../../src/model/cached-object.js'
import type { CacheOptions } from '../../src/options.js'
import { Gate } from '../compute/gate.js'
import { eventually } from '../helpers/alive-time.js'
import type { Answer } from '../helpers/http.js'

/** What an operation needs of the store. One that needs several things is served where it gets all of them. */
export type Need =
  | 'read'
  | 'fill'
  | 'write'
  | 'invalidate'
  | 'peek'
  | 'list'
  | 'usage'
  | 'check'
  | 'report'
  | 'history'
  | 'secret'

/** The cache that an operation is called on, and its dashboard. */
export interface Subject {
  readonly cache: KeyedCache
  /** Requests a page of the dashboard, as staff. */
  ask(path: string, form?: Readonly<Record<string, string>>): Promise<Answer>
}

/** What a caller gets: a value, or the code of an error. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** One public operation, as it is documented. */
export interface Operation {
  readonly name: string
  readonly needs: readonly Need[]
  run(subject: Subject): Promise<unknown>
  /** Options of its cache. */
  readonly options?: CacheOptions
  /** Happens before the fault, with another process that the fault may not reach. */
  readonly before?: (subject: Subject, other: KeyedCache) => Promise<unknown>
  /** Done by that process during the fault. */
  readonly meanwhile?: (other: KeyedCache) => Promise<unknown>
  /** Outcome while the store provides what the operation needs. */
  readonly served: Outcome
  /** Outcome while it does not. */
  readonly failed: Outcome
  /**
   * Outcome with `throwOnStoreError` where the store is read, and takes no writes.
   * @default {@link NOT_RESPONDING}
   */
  readonly readOnly?: Outcome
  /** The outcomes in words, where a value does not say them. */
  readonly inWords?: { readonly served?: string; readonly failed?: string }
  /** Keys whose old value no process may read once the store is back. */
  readonly invalidates?: readonly string[]
  /** Whether it refreshes values in the background. */
  readonly refreshes?: true
  /** Whether the cache is of no use after it. */
  readonly ends?: true
  /** Whether it may fail or be served, since it has begun before the fault, or needs the store only for a proof. */
  readonly varies?: true
  /** Whether it is a page of the dashboard, which is shown with `throwOnStoreError` too. */
  readonly isPage?: boolean
  /** How many deadlines of the store it may take, one after the other. @default 1 */
  readonly deadlines?: number
}

const OLD = 'old'
const COMPUTED = 'computed'
const LONG = { ttl: '1d' } as const
const GRACE = { grace: '1d' } as const

const value = (result: unknown): Outcome => ({ value: result })
/** Outcome of an operation of a cache with `throwOnStoreError`, while the store does not provide what it needs. */
export const NOT_RESPONDING: Outcome = { error: 'ERR_KEYEDCACHE_NOT_RESPONDING' }

class Row {
  constructor(
    readonly id: number,
    readonly name: string,
  ) {}
}

function modelOf(cache: KeyedCache) {
  return CachedObject(Row, { cache, ...LONG, name: 'product' })
}

function functionOf(cache: KeyedCache) {
  const known = FUNCTIONS.get(cache)
  if (known !== undefined) return known
  const made = wrap(cache)
  FUNCTIONS.set(cache, made)
  return made
}

function wrap(cache: KeyedCache) {
  return cache.cached(async (_weight: number) => COMPUTED, { ...LONG, name: 'quote' })
}

/** A function is wrapped once for each cache. */
const FUNCTIONS = new WeakMap<KeyedCache, ReturnType<typeof wrap>>()

/** Writes what the operations expect: old values, of which one is stale. */
export async function prepare(cache: KeyedCache): Promise<void> {
  // Repeated after the values are written, it would delete them.
  if (cache.pendingInvalidations > 0) throw new Error('A delete is pending.')
  const names = ['tree', 'tree::a', 'tree::b', 'stale', functionOf(cache).key(1).text]
  const values = names.map((name) => [name, OLD] as const)
  const stored = await cache.setMany(values, { ...LONG, ...GRACE })
  if (stored < names.length) throw new Error(`Only ${stored} of ${names.length} values were stored.`)
  if (!(await new (modelOf(cache))(1, OLD).cacheSet())) throw new Error('The object was not stored.')
  if (!(await cache.expire('stale'))) throw new Error('The value was not expired.')
  await cache.deleteMany(['missing', 'missing::too', 'awaited', 'early'])
  // Only a value whose computation took time is refreshed early.
  const slow = () => new Promise((resolve) => setTimeout(resolve, 2, OLD))
  await cache.getOrSet('early', slow, LONG)
  if (!(await cache.has('early'))) throw new Error('The computed value was not stored.')
  if (cache.pendingInvalidations > 0) throw new Error('A delete was not confirmed.')
  // Nothing is left for the background to report, which would meet the fault before the operation does.
  await cache.stats()
}

const THEIRS = 'theirs'

interface Waiting {
  readonly waiting: Promise<unknown>
  /** Ends the computation of the other process. */
  end(): void
}

const WAITING = new WeakMap<KeyedCache, Waiting>()

const compute = async () => COMPUTED
const computeMany = async (keys: readonly unknown[]) => keys.map(() => COMPUTED)

const CACHE_OPERATIONS: readonly Operation[] = [
  {
    name: 'get',
    needs: ['read'],
    run: ({ cache }) => cache.get('tree::a'),
    served: value(OLD),
    failed: value(undefined),
  },
  {
    name: 'get with a default',
    needs: ['read'],
    run: ({ cache }) => cache.get('tree::a', { default: 'default' }),
    served: value(OLD),
    failed: value('default'),
  },
  {
    name: 'getOrThrow',
    needs: ['read'],
    run: ({ cache }) => cache.getOrThrow('tree::a'),
    served: value(OLD),
    failed: { error: 'ERR_KEYEDCACHE_NOT_CACHED' },
  },
  {
    name: 'has',
    needs: ['read'],
    run: ({ cache }) => cache.has('tree::a'),
    served: value(true),
    failed: value(false),
  },
  {
    name: 'getMany',
    needs: ['read'],
    run: ({ cache }) => cache.getMany(['tree::a', 'tree::b']),
    served: value([OLD, OLD]),
    failed: value([undefined, undefined]),
  },
  {
    name: 'get after a set in the same request',
    needs: ['write'],
    run: ({ cache }) =>
      cache.withRequestMemory(async (own) => {
        await own.set('tree::a', 'new')
        return await own.get('tree::a')
      }),
    served: value('new'),
    failed: value('new'),
    invalidates: ['tree::a'],
  },
  {
    name: 'get from process memory, of what another process deletes meanwhile',
    needs: ['read'],
    options: { memory: {} },
    varies: true,
    before: ({ cache }) =>
      eventually(5_000, async () => {
        await cache.get('tree::a')
        expect(cache.memoryUsage).toMatchObject({ entries: 1, isServing: true })
      }),
    meanwhile: (other) => other.delete('tree::a'),
    run: ({ cache }) => cache.get('tree::a'),
    served: value(OLD),
    failed: value(undefined),
    inWords: {
      served: "`'old'`, and soon `undefined`",
      failed: "`'old'` for a second at most, then `undefined`",
    },
    invalidates: ['tree::a'],
  },
  {
    name: 'set',
    needs: ['write'],
    run: ({ cache }) => cache.set('tree::a', 'new', LONG),
    served: value(true),
    failed: value(false),
    invalidates: ['tree::a'],
  },
  {
    name: 'set, compressed',
    needs: ['write'],
    run: ({ cache }) => cache.set('tree::a', 'new'.repeat(20_000), LONG),
    served: value(true),
    failed: value(false),
    invalidates: ['tree::a'],
  },
  {
    name: 'setMany',
    needs: ['write'],
    run: ({ cache }) =>
      cache.setMany(
        ['tree::a', 'tree::b'].map((key) => [key, 'new'] as const),
        LONG,
      ),
    served: value(2),
    failed: value(0),
    invalidates: ['tree::a', 'tree::b'],
  },
  {
    name: 'set after a miss in the same request',
    needs: ['read', 'fill', 'write'],
    run: ({ cache }) =>
      cache.withRequestMemory(async (own) => {
        await own.get('missing')
        return await own.set('missing', 'new', LONG)
      }),
    served: value(true),
    failed: value(false),
    deadlines: 2,
  },
  {
    name: 'set with overwrite after a miss',
    needs: ['write'],
    run: ({ cache }) =>
      cache.withRequestMemory(async (own) => {
        await own.get('missing')
        return await own.set('missing', 'new', { ...LONG, overwrite: true })
      }),
    served: value(true),
    failed: value(false),
    deadlines: 2,
  },
  {
    name: 'getOrSet, hit',
    needs: ['read'],
    run: ({ cache }) => cache.getOrSet('tree::a', compute, LONG),
    served: value(OLD),
    failed: value(COMPUTED),
  },
  {
    name: 'getOrSet, miss',
    needs: ['read', 'write'],
    run: ({ cache }) => cache.getOrSet('missing', compute, LONG),
    served: value(COMPUTED),
    failed: value(COMPUTED),
    deadlines: 3,
  },
  {
    name: 'getOrSet, waiting for another process',
    varies: true,
    needs: ['read', 'write'],
    async before({ cache }, other) {
      const holder = new Gate()
      const computing = other.getOrSet('awaited', async () => {
        await holder.pass()
        return THEIRS
      })
      await holder.reached()
      const waiting = cache.getOrSet('awaited', compute, LONG)
      // Once as many commands are answered, the caller has asked for the lease.
      for (let commands = 0; commands < 4; commands++) await cache.get('tree::a')
      // It may reject before the operation awaits it.
      waiting.catch(() => {})
      computing.catch(() => {})
      WAITING.set(cache, { waiting, end: () => holder.open() })
    },
    async run({ cache }) {
      const { waiting, end } = WAITING.get(cache) as Waiting
      end()
      return await waiting
    },
    served: value(THEIRS),
    failed: value(COMPUTED),
    deadlines: 6,
  },
  {
    name: 'getOrSet, stale with a grace',
    needs: ['read'],
    refreshes: true,
    run: ({ cache }) => cache.getOrSet('stale', compute, { ...LONG, ...GRACE }),
    served: value(OLD),
    failed: value(COMPUTED),
  },
  {
    name: 'getOrSet, stale with a softTimeout',
    needs: ['read', 'write'],
    run: ({ cache }) =>
      cache.getOrSet('stale', compute, { ...LONG, ...GRACE, softTimeout: '30s', retryDelay: 1 }),
    served: value(COMPUTED),
    failed: value(COMPUTED),
    // As where computing fails.
    readOnly: value(OLD),
    deadlines: 3,
  },
  {
    name: 'getOrSet, refreshed early',
    needs: ['read'],
    refreshes: true,
    run: ({ cache }) => cache.getOrSet('early', compute, { ...LONG, earlyRefresh: { beta: 1e12 } }),
    served: value(OLD),
    failed: value(COMPUTED),
  },
  {
    name: 'getOrSetMany, hits',
    needs: ['read'],
    run: ({ cache }) => cache.getOrSetMany(['tree::a', 'tree::b'], computeMany, LONG),
    served: value([OLD, OLD]),
    failed: value([COMPUTED, COMPUTED]),
  },
  {
    name: 'getOrSetMany, misses',
    needs: ['read', 'write'],
    run: ({ cache }) => cache.getOrSetMany(['missing', 'missing::too'], computeMany, LONG),
    served: value([COMPUTED, COMPUTED]),
    failed: value([COMPUTED, COMPUTED]),
    deadlines: 3,
  },
  {
    name: 'a cached function',
    needs: ['read'],
    run: ({ cache }) => functionOf(cache)(1),
    served: value(OLD),
    failed: value(COMPUTED),
  },
  {
    name: 'delete of a cached function',
    needs: ['invalidate'],
    run: ({ cache }) => functionOf(cache).delete(1),
    served: value(true),
    failed: value(false),
    invalidates: ['func::quote::1'],
  },
  {
    name: 'deleteAll of a cached function',
    needs: ['invalidate'],
    run: ({ cache }) => functionOf(cache).deleteAll(),
    served: value(true),
    failed: value(false),
    invalidates: ['func::quote::1'],
  },
  {
    name: 'deleteFunction',
    needs: ['invalidate'],
    run: ({ cache }) => cache.deleteFunction(functionOf(cache)),
    served: value(true),
    failed: value(false),
    invalidates: ['func::quote::1'],
  },
  {
    name: 'delete',
    needs: ['invalidate'],
    run: ({ cache }) => cache.delete('tree::a'),
    served: value(true),
    failed: value(false),
    invalidates: ['tree::a'],
  },
  {
    name: 'delete with children',
    needs: ['invalidate'],
    run: ({ cache }) => cache.delete('tree', { children: true }),
    served: value(true),
    failed: value(false),
    invalidates: ['tree', 'tree::a', 'tree::b'],
  },
  {
    name: 'deleteMany',
    needs: ['invalidate'],
    run: ({ cache }) => cache.deleteMany(['tree::a', 'tree::b']),
    served: value(2),
    failed: value(0),
    invalidates: ['tree::a', 'tree::b'],
  },
  {
    name: 'expire',
    needs: ['invalidate'],
    run: ({ cache }) => cache.expire('tree::a'),
    served: value(true),
    failed: value(false),
    invalidates: ['tree::a'],
  },
  {
    name: 'expire with children',
    needs: ['invalidate'],
    run: ({ cache }) => cache.expire('tree', { children: true }),
    served: value(true),
    failed: value(false),
    invalidates: ['tree', 'tree::a', 'tree::b'],
  },
  {
    name: 'clear',
    needs: ['invalidate'],
    run: ({ cache }) => cache.clear(),
    served: value(true),
    failed: value(false),
    invalidates: ['tree', 'tree::a', 'product::1', 'func::quote::1'],
  },
  {
    name: 'inspect',
    needs: ['peek'],
    run: async ({ cache }) => (await cache.inspect('tree::a')).state,
    served: value('fresh'),
    failed: value('unknown'),
    deadlines: 2,
  },
  {
    name: 'keys',
    needs: ['list'],
    async run({ cache }) {
      const texts = new Set<string>()
      for await (const { text } of cache.keys('tree')) texts.add(text)
      return [...texts].sort()
    },
    served: value(['tree', 'tree::a', 'tree::b']),
    failed: NOT_RESPONDING,
    inWords: { served: 'keys' },
    deadlines: 2,
  },
  {
    name: 'list',
    needs: ['list'],
    run: async ({ cache }) => Array.isArray((await cache.list({})).entries),
    served: value(true),
    failed: NOT_RESPONDING,
    inWords: { served: 'a page of entries' },
    deadlines: 2,
  },
  {
    name: 'usage',
    needs: ['usage'],
    run: async ({ cache }) => (await cache.usage())?.policy,
    served: value('noeviction'),
    failed: NOT_RESPONDING,
    inWords: { served: 'figures' },
  },
  {
    name: 'check',
    needs: ['check'],
    run: ({ cache }) => cache.check(),
    served: value(undefined),
    failed: NOT_RESPONDING,
  },
  {
    name: 'stats',
    needs: ['report', 'history'],
    run: async ({ cache }) => (await cache.stats()).scope,
    served: value('all processes'),
    failed: NOT_RESPONDING,
    inWords: { served: 'figures' },
    deadlines: 5,
  },
  {
    name: 'history',
    needs: ['history'],
    run: async ({ cache }) => Array.isArray(await cache.history()),
    served: value(true),
    failed: NOT_RESPONDING,
    inWords: { served: 'figures' },
    deadlines: 2,
  },
  {
    name: 'events',
    needs: ['report'],
    run: async ({ cache }) => Array.isArray(await cache.events()),
    served: value(true),
    failed: NOT_RESPONDING,
    inWords: { served: 'events' },
    deadlines: 4,
  },
  {
    name: 'requests',
    needs: ['report'],
    run: async ({ cache }) => Array.isArray(await cache.requests()),
    served: value(true),
    failed: NOT_RESPONDING,
    inWords: { served: 'requests' },
    deadlines: 4,
  },
  {
    name: 'findCached of a model',
    needs: ['read'],
    run: async ({ cache }) => {
      const Product = modelOf(cache)
      return (await Product.findCached(1, (id) => new Product(id, COMPUTED)))?.name
    },
    served: value(OLD),
    failed: value(COMPUTED),
  },
  {
    name: 'cacheGet of a model',
    needs: ['read'],
    run: ({ cache }) => new (modelOf(cache))(1, COMPUTED).cacheGet(),
    served: value({ id: 1, name: OLD }),
    failed: value(undefined),
  },
  {
    name: 'isCached of a model',
    needs: ['read'],
    run: ({ cache }) => new (modelOf(cache))(1, COMPUTED).isCached(),
    served: value(true),
    failed: value(false),
  },
  {
    name: 'cacheSet of a model',
    needs: ['write'],
    run: ({ cache }) => new (modelOf(cache))(1, COMPUTED).cacheSet(),
    served: value(true),
    failed: value(false),
    invalidates: ['product::1'],
  },
  {
    name: 'cacheDelete of a model',
    needs: ['invalidate'],
    run: ({ cache }) => new (modelOf(cache))(1, COMPUTED).cacheDelete(),
    served: value(true),
    failed: value(false),
    invalidates: ['product::1'],
  },
  {
    name: 'cacheReset of a model',
    needs: ['write', 'invalidate'],
    run: ({ cache }) => new (modelOf(cache))(1, COMPUTED).cacheReset(),
    served: value(true),
    failed: value(false),
    invalidates: ['product::1'],
    deadlines: 2,
  },
  {
    name: 'close',
    needs: [],
    run: ({ cache }) => cache.close(),
    ends: true,
    served: value(undefined),
    failed: value(undefined),
    deadlines: 3,
  },
]

/** Requests a page: its status, and of a page that is shown whether it says that the store is not responding. */
function page(path: string, form?: Readonly<Record<string, string>>): Operation['run'] {
  return async ({ ask }) => {
    const { status, body } = await ask(path, form)
    if (status === 200) return [status, /Store not responding|the store is not responding/.test(body)]
    return [status]
  }
}

const SHOWN_WITH_WARNING = {
  served: value([200, false]),
  failed: value([200, true]),
  inWords: { served: '200', failed: '200, and says that the store is not responding' },
}
const UNAVAILABLE = {
  served: value([200, false]),
  failed: value([503]),
  inWords: { served: '200', failed: '503' },
}

const PAGE_OPERATIONS: readonly Operation[] = [
  {
    name: 'dashboard: overview',
    needs: ['report', 'history', 'usage', 'list'],
    run: page('/'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: processes',
    needs: ['report', 'history'],
    run: page('/processes'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: events',
    needs: ['report'],
    run: page('/events'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: requests',
    needs: ['report'],
    run: page('/requests'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: keys',
    needs: ['list'],
    run: page('/keys'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: search in all keys',
    needs: ['list'],
    run: page('/keys?q=tree&whole=yes'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: a key',
    needs: ['peek', 'report'],
    run: page('/keys/tree::a'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: download',
    needs: ['peek'],
    run: page('/download?key=tree::a'),
    ...UNAVAILABLE,
    deadlines: 4,
  },
  {
    name: 'dashboard: preview of a delete',
    needs: ['list'],
    run: page('/delete?key=tree&children=yes&preview=yes'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: delete',
    needs: ['invalidate'],
    run: page('/delete', { key: 'tree::a' }),
    ...UNAVAILABLE,
    invalidates: ['tree::a'],
    deadlines: 5,
  },
  {
    name: 'dashboard: expire',
    needs: ['invalidate'],
    run: page('/delete', { key: 'tree::b', how: 'expire' }),
    ...UNAVAILABLE,
    invalidates: ['tree::b'],
    deadlines: 5,
  },
  {
    name: 'dashboard: link without the cache',
    needs: ['secret'],
    run: page('/bypass', { path: '/' }),
    served: value([303]),
    failed: value([503]),
    inWords: { served: '303', failed: '503' },
    deadlines: 2,
  },
  ...(['stats', 'processes'] as const).map((name) => ({
    name: `JSON of the dashboard: ${name}`,
    needs: ['report', 'history'] as const,
    run: page(`/api/${name}`),
    ...UNAVAILABLE,
    deadlines: 5,
  })),
  ...(['events', 'requests'] as const).map((name) => ({
    name: `JSON of the dashboard: ${name}`,
    needs: ['report'] as const,
    run: page(`/api/${name}`),
    ...UNAVAILABLE,
    deadlines: 5,
  })),
  {
    name: 'JSON of the dashboard: keys',
    needs: ['list'],
    run: page('/api/keys'),
    ...UNAVAILABLE,
    deadlines: 4,
  },
  {
    name: 'JSON of the dashboard: key',
    needs: ['peek', 'report'],
    run: page('/api/key?key=tree::a'),
    ...UNAVAILABLE,
    deadlines: 4,
  },
]

/** Every operation of a cache, a model and the dashboard that needs the store. */
export const OPERATIONS: readonly Operation[] = [
  ...CACHE_OPERATIONS,
  ...PAGE_OPERATIONS.map((operation) => ({ ...operation, isPage: true })),
]

const CHANGES: readonly Need[] = ['fill', 'write', 'invalidate']

/** Whether an operation changes what {@link prepare} has written. */
export function changesValues({ needs, refreshes, meanwhile }: Operation): boolean {
  return refreshes === true || meanwhile !== undefined || needs.some((need) => CHANGES.includes(need))
}

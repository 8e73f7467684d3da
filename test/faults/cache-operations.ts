import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { Gate } from '../compute/gate.js'
import { eventually } from '../helpers/alive-time.js'
import { NOT_RESPONDING, type Operation, value } from './operation.js'
import { COMPUTED, functionOf, GRACE, LONG, modelOf, OLD } from './prepared-values.js'

const THEIRS = 'theirs'

interface Waiting {
  readonly waiting: Promise<unknown>
  /** Ends the computation of the other process. */
  end(): void
}

const WAITING = new WeakMap<KeyedCache, Waiting>()

const compute = async () => COMPUTED
const computeMany = async (keys: readonly unknown[]) => keys.map(() => COMPUTED)

/** Operations of a cache, its cached functions and its models. */
export const CACHE_OPERATIONS: readonly Operation[] = [
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

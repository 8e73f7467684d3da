const TTL_S = 60

/**
 * Each library as its documentation sets it up for several processes that share one Redis; other options keep their
 * defaults. A library is loaded only by the process that uses it.
 *
 * `open(url, compute)` returns `read(key)`, which is get-or-compute, and `delete(key)`; and `group` with the same two if
 * the library has groups, tags or parents by which entries are deleted together.
 */
export const PEERS = {
  keyedcache: {
    manifest: '../../package.json',
    async open(url, compute, options) {
      const { createCache } = await import('../../dist/index.mjs')
      const cache = createCache({ redis: url, keyPrefix: 'kc', ...options })
      const read = (key, name) => cache.getOrSet(key, () => compute(name), { ttl: TTL_S })
      return {
        read: (key) => read(key, key),
        delete: (key) => cache.delete(key),
        group: {
          read: (parent, key) => read([parent, key], key),
          delete: (parent) => cache.delete(parent, { children: true }),
        },
        close: () => cache.close(),
      }
    },
  },

  /** bentocache.dev, "Multi Tier", Setup: memory, Redis, and the bus for several instances; "Tags". */
  bentocache: {
    manifest: '../node_modules/bentocache/package.json',
    async open(url, compute) {
      const { BentoCache, bentostore } = await import('bentocache')
      const { memoryDriver } = await import('bentocache/drivers/memory')
      const { redisDriver, redisBusDriver } = await import('bentocache/drivers/redis')
      const connection = hostAndPort(url)
      const bento = new BentoCache({
        default: 'multitier',
        stores: {
          multitier: bentostore()
            .useL1Layer(memoryDriver({ maxSize: '10mb' }))
            .useL2Layer(redisDriver({ connection }))
            .useBus(redisBusDriver({ connection })),
        },
      })
      const read = (key, tags) =>
        bento.getOrSet({ key, factory: () => compute(key), ttl: `${TTL_S}s`, ...(tags && { tags }) })
      return {
        read: (key) => read(key),
        delete: (key) => bento.delete({ key }),
        group: {
          read: (tag, key) => read(key, [tag]),
          delete: (tag) => bento.deleteByTag({ tags: [tag] }),
        },
        close: () => bento.disconnectAll(),
      }
    },
  },

  /**
   * README, "Migration from v5 to v6" and `wrap`. Of its stores only Redis: its memory store is not informed when
   * another process deletes a key.
   */
  'cache-manager': {
    manifest: '../node_modules/cache-manager/package.json',
    async open(url, compute) {
      const { createCache } = await import('cache-manager')
      const { createKeyv } = await import('@keyv/redis')
      const cache = createCache({ stores: [createKeyv(url)], ttl: TTL_S * 1000 })
      return {
        read: (key) => cache.wrap(key, () => compute(key)),
        delete: (key) => cache.del(key),
        close: () => cache.disconnect(),
      }
    },
  },

  /**
   * README, "Basic Usage" (Redis as secondary), "CacheableSync - Distributed
   * Updates", "Get Or Set Memoization Function" and "Tag Based Invalidation".
   * `getOrSet` takes no tags, so the reader in a group gets and sets by hand.
   */
  cacheable: {
    manifest: '../node_modules/cacheable/package.json',
    async open(url, compute, options = { tags: true }) {
      const { Cacheable } = await import('cacheable')
      const { default: KeyvRedis } = await import('@keyv/redis')
      const { RedisMessageProvider } = await import('@qified/redis')
      const cache = new Cacheable({
        secondary: new KeyvRedis(url),
        sync: { qified: new RedisMessageProvider({ uri: url }) },
        ttl: TTL_S * 1000,
        ...options,
      })
      return {
        read: (key) => cache.getOrSet(key, () => compute(key)),
        delete: (key) => cache.delete(key),
        group: {
          async read(tag, key) {
            const cached = await cache.get(key)
            if (cached !== undefined) return cached
            const value = await compute(key)
            await cache.set(key, value, { tags: [tag] })
            return value
          },
          delete: (tag) => cache.tags.invalidateTag(tag),
        },
        close: () => cache.disconnect(),
      }
    },
  },

  /** README, "Adapters" (Redis) and "Manually working with the cache"; the adapter's README, "Usage". */
  cachified: {
    manifest: '../node_modules/@epic-web/cachified/package.json',
    async open(url, compute) {
      const { cachified } = await import('@epic-web/cachified')
      const { redisCacheAdapter } = await import('cachified-redis-adapter')
      const { createClient } = await import('redis')
      const redis = createClient({ url })
      await redis.connect()
      const cache = redisCacheAdapter(redis)
      return {
        read: (key) => cachified({ key, cache, getFreshValue: () => compute(key), ttl: TTL_S * 1000 }),
        delete: (key) => cache.delete(key),
        close: () => redis.close(),
      }
    },
  },

  /** README, "createCache" (redis storage), "Invalidation", "Redis": `referencesTTL` is the longest TTL. */
  'async-cache-dedupe': {
    manifest: '../node_modules/async-cache-dedupe/package.json',
    async open(url, compute) {
      const { createCache } = await import('async-cache-dedupe')
      const { Redis } = await import('ioredis')
      const client = new Redis(url)
      const cache = createCache({
        ttl: TTL_S,
        storage: { type: 'redis', options: { client, invalidation: { referencesTTL: TTL_S } } },
      })
      cache.define('one', (key) => compute(key))
      cache.define('member', { references: ({ group }) => [group] }, ({ key }) => compute(key))
      return {
        read: (key) => cache.one(key),
        delete: (key) => cache.clear('one', key),
        group: {
          read: (group, key) => cache.member({ group, key }),
          delete: (reference) => cache.invalidateAll(reference),
        },
        close: () => client.quit(),
      }
    },
  },

  /**
   * README, "Update notifications": memory, Redis and a notification pair; the
   * `GroupLoader` beside it there. Version 14.2 is the last that is for Node 20.
   */
  'layered-loader': {
    manifest: '../node_modules/layered-loader/package.json',
    async open(url, compute) {
      const {
        createGroupNotificationPair,
        createNotificationPair,
        GroupLoader,
        Loader,
        RedisCache,
        RedisGroupCache,
      } = await import('layered-loader')
      const { Redis } = await import('ioredis')
      const redis = new Redis(url)
      const inMemoryCache = { ttlInMsecs: TTL_S * 1000 }
      const entries = (prefix) => ({ prefix, json: true, ttlInMsecs: TTL_S * 1000 })
      const notifications = (pairOf, channel) => {
        const { publisher, consumer } = pairOf({
          channel,
          consumerRedis: new Redis(url),
          publisherRedis: new Redis(url),
        })
        return { notificationConsumer: consumer, notificationPublisher: publisher }
      }
      const loader = new Loader({
        inMemoryCache,
        asyncCache: new RedisCache(redis, entries('one')),
        dataSourceGetOneFn: compute,
        ...notifications(createNotificationPair, 'one'),
      })
      const members = new GroupLoader({
        inMemoryCache,
        asyncCache: new RedisGroupCache(redis, entries('member')),
        dataSources: [{ name: 'database', isCache: false, getFromGroup: (key) => compute(key) }],
        ...notifications(createGroupNotificationPair, 'member'),
      })
      await Promise.all([loader.init(), members.init()])
      return {
        read: (key) => loader.get(key),
        delete: (key) => loader.invalidateCacheFor(key),
        group: {
          read: (group, key) => members.get(key, group),
          delete: (group) => members.invalidateCacheForGroup(group),
        },
        async close() {
          await Promise.all([loader.close(), members.close()])
          await redis.quit()
        },
      }
    },
  },
}

/** Libraries with a memory tier that is coherent between processes; keyedcache with and without one. */
export const MEMORIES = {
  'keyedcache, memory': {
    ...PEERS.keyedcache,
    open: (url, compute) => PEERS.keyedcache.open(url, compute, { memory: {} }),
  },
  'keyedcache, no memory': PEERS.keyedcache,
  bentocache: PEERS.bentocache,
  // With tags it asks Redis at every hit.
  'cacheable, no tags': {
    ...PEERS.cacheable,
    open: (url, compute) => PEERS.cacheable.open(url, compute, {}),
  },
  'layered-loader': PEERS['layered-loader'],
}

function hostAndPort(url) {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

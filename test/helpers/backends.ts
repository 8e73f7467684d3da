import { afterEach, beforeAll, describe } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { CacheOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import type { Statistics } from '../../src/store/statistics.js'
import { type RedisServer, startRedis } from './redis.js'
import { type RedisCluster, startRedisCluster } from './redis-cluster.js'

/** Opens caches that all see the same entries, as those of several processes do. */
export type OpenCache = (options?: CacheOptions) => KeyedCache

/** The place of the figures and events that the caches report to. */
export type OpenStatistics = () => Statistics

/** Runs the same tests on the in-memory store, on a real Redis and on a real Cluster; the store is empty at each test and after `renew()`. */
export function describeOnEveryBackend(
  name: string,
  tests: (open: OpenCache, statistics: OpenStatistics, renew: () => Promise<void>) => void,
): void {
  describe(`${name}, in memory`, () => {
    let store = new MemoryStore()
    const renew = async () => {
      store = new MemoryStore()
    }
    afterEach(renew)
    tests(
      (options = {}) => createCache({ ...options, store }),
      () => store.statistics,
      renew,
    )
  })

  describe.each([
    ['Redis', startServer],
    ['a Redis Cluster', startMasters],
  ] as const)(`${name}, on %s`, (_, start) => {
    let redis: string
    let keyPrefix = newPrefix()
    const opened: { close(): Promise<void> }[] = []
    beforeAll(async () => {
      redis = await start()
    })
    const renew = async () => {
      await Promise.all(opened.splice(0).map((cache) => cache.close()))
      keyPrefix = newPrefix()
    }
    afterEach(renew)
    tests(
      (options = {}) => {
        const cache = createCache({ redis, keyPrefix, timeouts: { store: '2s' }, ...options })
        opened.push(cache)
        return cache
      },
      () => {
        const store = new RedisStore({ redis, keyPrefix, timeoutMs: 2_000, connectTimeoutMs: 2_000 })
        opened.push(store)
        return store.statistics
      },
      renew,
    )
  })
}

let prefixes = 0
const newPrefix = () => `test:${++prefixes}`

// Servers of this process, which they end with: several suites share them, each with key prefixes of its own.
let server: Promise<RedisServer> | undefined
let masters: Promise<RedisCluster> | undefined

async function startServer(): Promise<string> {
  server ??= startRedis()
  return (await server).url
}

async function startMasters(): Promise<string> {
  masters ??= startRedisCluster({ replicas: false })
  return (await masters).url
}

import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { CacheOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import type { Statistics } from '../../src/store/statistics.js'
import { type RedisServer, startRedis } from './redis.js'

/** Opens caches that all see the same entries, as those of several processes do. */
export type OpenCache = (options?: CacheOptions) => KeyedCache

/** The place of the figures and events that the caches report to. */
export type OpenStatistics = () => Statistics

/** Runs the same tests on the in-memory store and on a real Redis; the store is empty at each test and after `renew()`. */
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

  describe(`${name}, on Redis`, () => {
    let server: RedisServer
    let prefixes = 0
    let keyPrefix = 'test:0'
    const opened: { close(): Promise<void> }[] = []
    beforeAll(async () => {
      server = await startRedis()
    })
    const renew = async () => {
      await Promise.all(opened.splice(0).map((cache) => cache.close()))
      keyPrefix = `test:${++prefixes}`
    }
    afterEach(renew)
    afterAll(() => server.stop())
    tests(
      (options = {}) => {
        const cache = createCache({ redis: server.url, keyPrefix, timeouts: { store: '2s' }, ...options })
        opened.push(cache)
        return cache
      },
      () => {
        const timeouts = { timeoutMs: 2_000, connectTimeoutMs: 2_000 }
        const store = new RedisStore({ redis: server.url, keyPrefix, ...timeouts })
        opened.push(store)
        return store.statistics
      },
      renew,
    )
  })
}

import type { KeyedCache } from '../cache.js'
import { createCache } from '../create-cache.js'
import { ConfigurationError } from '../errors.js'
import { openCaches } from '../open-caches.js'
import type { CacheOptions } from '../options.js'
import { MemoryStore, type MemoryStoreOptions } from '../store/memory-store.js'
import type { Store } from '../store/store.js'

/** Options of a cache on the embedded store. */
export type TestCacheOptions = Omit<CacheOptions, 'redis' | 'store' | 'backends' | 'alias'>

/**
 * A cache on an embedded store of its own, whatever the environment says: `REDIS_URL` and `KEYEDCACHE_…` are not read.
 * It needs no server, follows faked timers, and does not keep the process alive.
 * @example const cache = createTestCache({ ttl: '1h' })
 * @throws ConfigurationError for an unknown option, or a wrong value
 */
export function createTestCache(options: TestCacheOptions = {}): KeyedCache {
  return createCache({ keyPrefix: 'test', enabled: true, ...options, alias: 'default', store: 'memory' })
}

/**
 * Empties all caches that this process has open, and switches them on or off as their options say. Values
 * that are being computed reach their callers, and are not stored. Figures and events stay.
 * @example afterEach(resetCaches)
 * @throws ConfigurationError where other processes share the entries of an open cache, as in Redis; then none is emptied
 */
export async function resetCaches(): Promise<void> {
  for (const { store } of openCaches.values()) {
    if (store.shared) {
      throw new ConfigurationError(
        `resetCaches() empties caches of this process alone, and one that is open shares its entries: ${store.description}. Close it before, or empty it by cache.clear() in the place of resetCaches().`,
      )
    }
  }
  const resets = [...openCaches].map(async ([cache, { enabled }]) => {
    cache.enable(enabled)
    await cache.clear()
  })
  await Promise.all(resets)
}

/**
 * Closes all caches that this process has open, whatever their stores.
 * @example afterAll(closeCaches)
 */
export async function closeCaches(): Promise<void> {
  await Promise.all([...openCaches.keys()].map((cache) => cache.close()))
}

/**
 * An embedded store, to be wrapped by one that fails, delays or records: `createCache({ store: wrapped })`.
 * @example const failing = Object.assign(embeddedStore(), { read: () => Promise.reject(new Error('down')) })
 */
export function embeddedStore(limits?: MemoryStoreOptions): Store {
  return new MemoryStore(limits)
}

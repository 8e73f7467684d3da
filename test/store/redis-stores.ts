import { afterEach, vi } from 'vitest'
import { CacheKey, type KeyInput } from '../../src/key/cache-key.js'
import { checkLiveness } from '../../src/store/liveness.js'
import { RedisStore, type RedisStoreOptions } from '../../src/store/redis/redis-store.js'
import type { NewEntry, ReadResult } from '../../src/store/store.js'
import { type TestRedis, useRedis } from '../helpers/use-redis.js'

export const ORIGIN = { process: 'test:1' }

export const key = (input: KeyInput) => CacheKey.from(input)

export const entry = (payload = 'x', ttlMs = 60_000): NewEntry => ({
  format: 1,
  payload: Buffer.from(payload),
  ttlMs,
  writtenBy: 'test:1',
})

/** A reading in which nothing was found. */
export const NOTHING: ReadResult = { frame: null, generations: [], now: 0 }

/** Observes a miss, as `get` does: by what was read. */
export const observed = async (store: RedisStore, input: KeyInput) =>
  await store.observe(key(input), await store.read(key(input)))

/** Connecting counts for the first deadline: on a busy machine a short one may need a second try. */
export const connected = (store: RedisStore) =>
  vi.waitFor(() => store.check(), { timeout: 5_000, interval: 20 })

export const isLive = async (store: RedisStore, input: KeyInput) =>
  checkLiveness(await store.read(key(input))).live

/** A server for the tests of a file, and stores that are closed after each test. */
export interface RedisStores {
  readonly redis: TestRedis
  /** Opens a store with a key prefix of its own, unless one is given. */
  open(options?: Partial<RedisStoreOptions>): RedisStore
  /** A key prefix that no other store has. */
  newPrefix(purpose: string): string
}

export function useRedisStores(): RedisStores {
  const redis = useRedis()
  const opened: RedisStore[] = []
  let prefixes = 0
  const newPrefix = (purpose: string) => `${purpose}:${++prefixes}`
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })
  return {
    redis,
    newPrefix,
    open(options = {}) {
      const defaults = {
        redis: redis.server.url,
        keyPrefix: newPrefix('test'),
        timeoutMs: 2_000,
        connectTimeoutMs: 2_000,
      }
      const store = new RedisStore({ ...defaults, ...options })
      opened.push(store)
      return store
    },
  }
}

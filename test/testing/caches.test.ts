import { afterEach, expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { ConfigurationError } from '../../src/errors.js'
import { closeCaches, createTestCache, embeddedStore, resetCaches } from '../../src/testing.js'
import { startRedis } from '../helpers/redis.js'

afterEach(async () => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
  await closeCaches()
})

test('a test cache is independent of the environment', async () => {
  vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1')
  vi.stubEnv('KEYEDCACHE_ALIAS', 'catalog')
  vi.stubEnv('KEYEDCACHE_ENABLED', 'false')
  vi.stubEnv('KEYEDCACHE_PREFIX', '!')
  vi.stubEnv('NODE_ENV', 'production')
  const cache = createTestCache({ ttl: '1h', logger: { warn: (message) => expect.fail(message) } })
  expect(await cache.set('a', 1)).toBe(true)
  expect(await cache.get('a')).toBe(1)
})

test('a test cache refuses unknown options', () => {
  expect(() => createTestCache({ tll: 5 } as never)).toThrow(/did you mean "ttl"/)
})

test('resetCaches empties all open caches and restores their state', async () => {
  const [one, other] = [createTestCache(), createCache({ store: 'memory', enabled: false })]
  await one.set('a', 1)
  one.enable(false)
  other.enable(true)
  await other.set('b', 1)
  await resetCaches()
  expect([one.enabled, other.enabled]).toEqual([true, false])
  expect(await one.get('a')).toBeUndefined()
  other.enable(true)
  expect(await other.get('b')).toBeUndefined()
})

test('a value computed during a reset reaches its callers and is not stored', async () => {
  const cache = createTestCache()
  let finish: (value: number) => void = () => {}
  let waiting: Promise<number> | undefined
  await new Promise<void>((begun) => {
    waiting = cache.getOrSet('a', () => {
      begun()
      return new Promise<number>((resolve) => {
        finish = resolve
      })
    })
  })
  await resetCaches()
  finish(1)
  expect(await waiting).toBe(1)
  expect(await cache.has('a')).toBe(false)
})

test('resetCaches works with fake timers, and expires nothing itself', async () => {
  vi.useFakeTimers()
  const cache = createTestCache()
  await cache.set('a', 1, { ttl: '1m' })
  await resetCaches()
  await cache.set('a', 2, { ttl: '1m' })
  vi.advanceTimersByTime(59_000)
  expect(await cache.get('a')).toBe(2)
  vi.advanceTimersByTime(2_000)
  expect(await cache.get('a')).toBeUndefined()
})

test('resetCaches refuses a shared store, and then empties nothing', async () => {
  const server = await startRedis()
  try {
    const mine = createTestCache()
    await mine.set('a', 1)
    const shared = createCache({ redis: server.url, keyPrefix: 'shared' })
    await shared.set('a', 1)
    await expect(resetCaches()).rejects.toThrow(ConfigurationError)
    expect([await mine.get('a'), await shared.get('a')]).toEqual([1, 1])
    await shared.close()
    await resetCaches()
    expect(await mine.get('a')).toBeUndefined()
  } finally {
    await server.stop()
  }
})

test('an in-memory store can be wrapped by one that fails', async () => {
  const failing = Object.assign(embeddedStore(), { read: () => Promise.reject(new Error('down')) })
  const cache = createCache({ store: failing, logger: { warn: () => {} } })
  await cache.set('a', 1)
  expect(await cache.get('a')).toBeUndefined()
  expect(await cache.getOrSet('a', () => 2)).toBe(2)
  await resetCaches()
})

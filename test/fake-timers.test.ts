import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../src/cache.js'
import { createCache } from '../src/create-cache.js'
import { startRedis } from './helpers/redis.js'

// How a test of an application fakes time: entries of the embedded store expire by the clock that is faked.

/** A way to fake time: begins, advances by milliseconds, and ends. */
interface Fakes {
  begin(): void
  advance(ms: number): void
  end(): void
}

const vitest = (toFake?: ('Date' | 'performance' | 'setTimeout')[]): Fakes => ({
  begin: () => void vi.useFakeTimers(toFake && { toFake }),
  advance: (ms) => void vi.advanceTimersByTime(ms),
  end: () => void vi.useRealTimers(),
})

const FAKES: Record<string, Fakes> = {
  'all of vitest': vitest(),
  'only Date': vitest(['Date']),
  'only performance': vitest(['performance']),
  'only setTimeout and Date': vitest(['setTimeout', 'Date']),
  'Date set by hand': {
    ...vitest(['Date']),
    advance: (ms) => void vi.setSystemTime(Date.now() + ms),
  },
  'a Date of years ago': {
    ...vitest(),
    begin: () => void vi.useFakeTimers({ now: new Date('2001-02-03') }),
  },
  'a Date that begins at 0': { ...vitest(), begin: () => void vi.useFakeTimers({ now: 0 }) },
  'mock.timers of node:test': {
    begin: () => mock.timers.enable({ apis: ['Date', 'setTimeout'] }),
    advance: (ms) => mock.timers.tick(ms),
    end: () => mock.timers.reset(),
  },
}

const caches: KeyedCache[] = []
const open = (options: object = {}) => {
  const cache = createCache({ store: 'memory', ...options })
  caches.push(cache)
  return cache
}

afterEach(async () => {
  vi.useRealTimers()
  mock.timers.reset()
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
})

for (const [name, fakes] of Object.entries(FAKES)) {
  describe(`With ${name}`, () => {
    test('an entry expires when its TTL has passed, in a cache made before', async () => {
      const cache = open()
      fakes.begin()
      await cache.set('a', 1, { ttl: '1m' })
      fakes.advance(45_000)
      expect(await cache.get('a')).toBe(1)
      expect((await cache.inspect('a')).ttlMs).toBeLessThanOrEqual(15_000)
      fakes.advance(16_000)
      expect(await cache.get('a')).toBeUndefined()
    })

    test('an entry expires when its TTL has passed, in a cache made after', async () => {
      fakes.begin()
      const cache = open()
      await cache.set('a', 1, { ttl: '1m' })
      fakes.advance(45_000)
      expect(await cache.get('a')).toBe(1)
      fakes.advance(16_000)
      expect(await cache.get('a')).toBeUndefined()
    })

    test('an entry that was set before the fake expires, also when it is read only once', async () => {
      const cache = open()
      await cache.set('a', 1, { ttl: '1m' })
      fakes.begin()
      fakes.advance(61_000)
      expect(await cache.get('a')).toBeUndefined()
    })

    test('an entry that was set before the fake is still cached at first', async () => {
      const cache = open()
      await cache.set('a', 1, { ttl: '1m' })
      fakes.begin()
      expect(await cache.get('a')).toBe(1)
    })

    test('many small steps sum up to the TTL', async () => {
      const cache = open()
      fakes.begin()
      await cache.set('a', 1, { ttl: '40s' })
      // Where one clock is real, that adds to them: there is time for it.
      for (let step = 0; step < 250; step++) {
        fakes.advance(90)
        expect(await cache.get('a')).toBe(1)
      }
      fakes.advance(18_000)
      expect(await cache.get('a')).toBeUndefined()
    })

    test('an entry that is set after the fake has its TTL', async () => {
      const cache = open()
      fakes.begin()
      await cache.set('a', 1, { ttl: '1h' })
      fakes.advance(600_000)
      expect(await cache.get('a')).toBe(1)
      fakes.end()
      await cache.set('b', 1, { ttl: '1s' })
      expect(await cache.get('b')).toBe(1)
      await expect.poll(() => cache.get('b'), { timeout: 15_000, interval: 50 }).toBeUndefined()
    })

    test('a value within its grace is served, and computed again', async () => {
      const cache = open()
      fakes.begin()
      let count = 0
      const read = () => cache.getOrSet('a', () => ++count, { ttl: '1m', grace: '1h' })
      expect(await read()).toBe(1)
      fakes.advance(61_000)
      expect(await read()).toBe(1)
      await nextTurn()
      expect(await read()).toBe(2)
      fakes.advance(2 * 3_600_000)
      expect(await read()).toBe(3)
    })

    test('each operation and the close resolve', async () => {
      fakes.begin()
      const cache = open({ stats: true })
      const slow = async () => {
        await nextTurn()
        return 1
      }
      const callers = Array.from({ length: 5 }, () => cache.getOrSet('a', slow, { hardTimeout: '5s' }))
      expect(await Promise.all(callers)).toEqual([1, 1, 1, 1, 1])
      expect(await cache.getOrSetMany(['a', 'b'], (keys) => keys.map(() => 2))).toEqual([1, 2])
      expect(await cache.setMany([['c', 3]])).toBe(1)
      expect(await cache.getMany(['a', 'c'])).toEqual([1, 3])
      expect(await cache.delete('a')).toBe(true)
      expect(await cache.expire('c')).toBe(true)
      expect(await cache.withRequestMemory(() => cache.get('b'))).toBe(2)
      for await (const key of cache.keys()) expect(key.text).toBe('b')
      expect((await cache.stats()).totals.misses).toBeGreaterThan(0)
      expect(await cache.clear()).toBe(true)
      await cache.close()
    })
  })
}

describe('Fake time', () => {
  test('triggers the timeouts of a computation', async () => {
    const cache = open()
    vi.useFakeTimers()
    const never = () => new Promise<never>(() => {})
    const failed = expect(cache.getOrSet('a', never, { hardTimeout: '10s' })).rejects.toMatchObject({
      code: 'ERR_KEYEDCACHE_COMPUTE_TIMEOUT',
    })
    await vi.advanceTimersByTimeAsync(10_001)
    await failed

    await cache.set('b', 'old', { ttl: '1m', grace: '1h' })
    vi.advanceTimersByTime(61_000)
    let finish: ((value: string) => void) | undefined
    const slow = () =>
      new Promise<string>((resolve) => {
        finish = resolve
      })
    const stale = cache.getOrSet('b', slow, { grace: '1h', softTimeout: '10s' })
    await vi.advanceTimersByTimeAsync(10_001)
    expect(await stale).toBe('old')
    finish?.('new')
  })

  test('that passes during a computation does not prevent its storage', async () => {
    const cache = open()
    vi.useFakeTimers()
    const computing = cache.getOrSet('a', () => new Promise((resolve) => setTimeout(resolve, 30_000, 1)))
    await nextTurn()
    vi.advanceTimersByTime(30_000)
    expect(await computing).toBe(1)
    expect(await cache.get('a')).toBe(1)
  })

  test('far ahead expires all entries, and back again leaves the cache usable', async () => {
    const cache = open()
    await cache.set('a', 1, { ttl: '30d' })
    vi.useFakeTimers()
    vi.setSystemTime(new Date(Date.now() + 400 * 86_400_000))
    expect(await cache.get('a')).toBeUndefined()
    await cache.set('b', 2, { ttl: '1m' })
    vi.setSystemTime(0)
    expect(await cache.get('b')).toBe(2)
    vi.advanceTimersByTime(61_000)
    expect(await cache.get('b')).toBeUndefined()
  })

  test('is the time of inspect(), which shows that an entry has expired', async () => {
    const cache = open()
    vi.useFakeTimers()
    await cache.set('a', 1, { ttl: '1m' })
    vi.advanceTimersByTime(90_000)
    expect(await cache.inspect('a')).toMatchObject({ state: 'missing', reason: 'expired' })
  })

  test('does not affect Redis, which has its own clock: no operation hangs or fails', async () => {
    const server = await startRedis()
    try {
      vi.useFakeTimers()
      const cache = open({ store: undefined, redis: server.url, keyPrefix: 'faked', throwOnStoreError: true })
      await cache.set('a', 1, { ttl: '1h' })
      await vi.advanceTimersByTimeAsync(61_000)
      expect(await cache.get('a')).toBe(1)
      expect(await cache.getOrSet('b', () => 2)).toBe(2)
      expect(await cache.delete('a')).toBe(true)
      await cache.close()
    } finally {
      vi.useRealTimers()
      await server.stop()
    }
  })
})

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { CHANNELS, type StoreFailureMessage } from '../../src/channels.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { RequestLog } from '../../src/stats/request-log.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

/** What each public operation answers while the store does not. */
const ANSWERS: Record<string, [(cache: KeyedCache) => Promise<unknown>, unknown]> = {
  get: [(cache) => cache.get('a'), undefined],
  'get with a default': [(cache) => cache.get('a', { default: 7 }), 7],
  has: [(cache) => cache.has('a'), false],
  set: [(cache) => cache.set('a', 1), false],
  delete: [(cache) => cache.delete('a'), false],
  'delete with children': [(cache) => cache.delete('a', { children: true }), false],
  expire: [(cache) => cache.expire('a'), false],
  'expire with children': [(cache) => cache.expire('a', { children: true }), false],
  clear: [(cache) => cache.clear(), false],
  getMany: [(cache) => cache.getMany(['a', 'b']), [undefined, undefined]],
  setMany: [
    (cache) =>
      cache.setMany([
        ['a', 1],
        ['b', 2],
      ]),
    0,
  ],
  deleteMany: [(cache) => cache.deleteMany(['a', 'b']), 0],
  inspect: [async (cache) => (await cache.inspect('a')).state, 'unknown'],
}

/** What tells of a failure whatever the options say. */
const THROWING: Record<string, (cache: KeyedCache) => Promise<unknown>> = {
  keys: (cache) => cache.keys().next(),
  list: (cache) => cache.list({ scan: 10 }),
  check: (cache) => cache.check(),
}

const TROUBLES: Record<string, (server: RedisServer) => void | Promise<void>> = {
  frozen: (server) => server.freeze(),
  killed: (server) => server.kill(),
}

const warnings: string[] = []
const logger = { warn: (message: string) => void warnings.push(message) }

for (const [trouble, cause] of Object.entries(TROUBLES)) {
  describe(`While Redis is ${trouble}`, () => {
    let server: RedisServer
    let cache: KeyedCache

    beforeEach(async () => {
      server = await startRedis()
      cache = createCache({ redis: server.url, keyPrefix: 'outage', logger })
      await cache.set('a', 1)
      warnings.length = 0
      await cause(server)
    })
    afterEach(async () => {
      server.thaw()
      await cache.close()
      await server.stop()
    })

    for (const [name, [operation, answer]] of Object.entries(ANSWERS)) {
      test(`${name} answers as documented, in time`, async () => {
        const left = performance.now()
        expect(await operation(cache)).toEqual(answer)
        expect(performance.now() - left).toBeLessThan(1_000)
      })
    }

    test('getOrThrow says that it is not cached', async () => {
      await expect(cache.getOrThrow('a')).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_CACHED' })
    })

    for (const [name, operation] of Object.entries(THROWING)) {
      test(`${name} throws: a wrong answer would be worse`, async () => {
        await expect(operation(cache)).rejects.toThrow(CacheNotRespondingError)
        await expect(operation(cache)).rejects.toThrow(/^Redis is not responding: /)
      })
    }

    test('throwOnStoreError throws everywhere', async () => {
      const strict = createCache({ redis: server.url, keyPrefix: 'outage', throwOnStoreError: true, logger })
      for (const [name, [operation]] of Object.entries(ANSWERS)) {
        await expect(operation(strict), name).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' })
      }
      await strict.close()
    })

    test('is counted and taken down also where it is thrown', async () => {
      const strict = createCache({ redis: server.url, keyPrefix: 'outage', throwOnStoreError: true, logger })
      const log = new RequestLog()
      const scope = internalsOf(strict).openScope({ fills: false, log })
      const own = internalsOf(strict).bindTo(scope)
      const down = { code: 'ERR_KEYEDCACHE_NOT_RESPONDING' }
      await expect(own.get('a')).rejects.toMatchObject(down)
      await expect(own.has('a')).rejects.toMatchObject(down)
      await expect(own.set('a', 1)).rejects.toMatchObject(down)
      const together = internalsOf(strict).runInScope(scope, () =>
        [1, 2, 3].map(() => own.getOrSet('b', () => 1)),
      )
      for (const one of together) await expect(one).rejects.toMatchObject(down)
      expect(strict.processStats().totals).toMatchObject({ misses: 4, missesBy: { 'store-down': 4 } })
      const calls = log.end({ route: 'GET /', status: 500, aborted: false })?.calls ?? []
      const told = calls.map(({ operation, outcome, reason }) => [operation, outcome, reason])
      expect(told.slice(0, 3)).toEqual([
        ['get', 'miss', 'store-down'],
        ['has', 'miss', undefined],
        ['set', 'failed', undefined],
      ])
      expect(told.slice(3)).toEqual([1, 2, 3].map(() => ['getOrSet', 'failed', 'store-down']))
      await strict.close()
    })

    test('is said once in a while, not each time, and published each time', async () => {
      const published: StoreFailureMessage[] = []
      const listener = (message: unknown) => void published.push(message as StoreFailureMessage)
      subscribe(CHANNELS.storeFailure, listener)
      for (let time = 0; time < 5; time++) await cache.get(['a', time])
      unsubscribe(CHANNELS.storeFailure, listener)
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatch(
        /^keyedcache: the store failed in get of "a::0"; it counts as a miss\. Redis is not responding: /,
      )
      expect(published.map(({ operation, key }) => `${operation} ${key}`)).toEqual(
        [0, 1, 2, 3, 4].map((time) => `get a::${time}`),
      )
      expect(cache.processStats().storeFailures).toBe(5)
      expect(cache.processStats().totals.missesBy).toEqual({ 'store-down': 5 })
    })

    test('a request’s memory goes on serving what it holds', async () => {
      await cache.withRequestMemory(async () => {
        await cache.set('b', 2)
        expect(await cache.get('b')).toBe(2)
      })
    })

    test('ten thousand reads at once all miss, in time', async () => {
      const left = performance.now()
      const values = await Promise.all(Array.from({ length: 10_000 }, (_, id) => cache.get(['many', id])))
      expect(values.every((value) => value === undefined)).toBe(true)
      expect(performance.now() - left).toBeLessThan(10_000)
    })

    test('serves again when it is back', async () => {
      await cache.get('a')
      if (trouble === 'frozen') server.thaw()
      else await server.restart()
      // On a busy machine a single operation may be late once more.
      await vi.waitFor(
        async () => {
          expect(await cache.set('a', 2)).toBe(true)
          expect(await cache.get('a')).toBe(2)
        },
        { timeout: 5_000, interval: 20 },
      )
    })
  })
}

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('the logger is broken')
    },
  ],
  ['rejects', () => Promise.reject(new Error('the logger is broken'))],
])('A logger that %s keeps nothing from being done', async (_, warn) => {
  const escaped: unknown[] = []
  const note = (reason: unknown) => escaped.push(reason)
  process.on('unhandledRejection', note)
  const gone = await startRedis()
  await gone.stop()
  const cache = createCache({ redis: gone.url, keyPrefix: 'outage', logger: { warn } })
  try {
    expect(await cache.get('a')).toBe(undefined)
    expect(await cache.delete('a')).toBe(false)
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
    await new Promise(setImmediate)
    expect(escaped).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
    await cache.close()
  }
})

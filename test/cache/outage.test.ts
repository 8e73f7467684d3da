import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { CHANNELS, type StoreFailureMessage } from '../../src/channels.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { RequestLog } from '../../src/stats/request-log.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { testRows } from '../helpers/rows.js'

type Operation = (cache: KeyedCache) => Promise<unknown>
type Answer = readonly [operation: Operation, answer: unknown]

/** The answer of each public operation while the store does not respond. */
const ANSWERS: Record<string, Answer> = {
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

/** Operations that throw with any options. */
const THROWING: Record<string, Operation> = {
  keys: (cache) => cache.keys().next(),
  list: (cache) => cache.list({ scan: 10 }),
  check: (cache) => cache.check(),
}

const OUTAGES: Record<string, (server: RedisServer) => void | Promise<void>> = {
  frozen: (server) => server.freeze(),
  killed: (server) => server.kill(),
}

const warnings: string[] = []
const logger = { warn: (message: string) => void warnings.push(message) }

for (const [outage, cause] of Object.entries(OUTAGES)) {
  describe(`While Redis is ${outage}`, () => {
    let server: RedisServer
    /** A cache for each operation, each connected before the outage. */
    const caches = new Map<string, KeyedCache>()
    beforeAll(async () => {
      server = await startRedis()
      for (const name of Object.keys({ ...ANSWERS, ...THROWING })) {
        const cache = createCache({ redis: server.url, keyPrefix: `outage:${caches.size}`, logger })
        await cache.set('a', 1)
        caches.set(name, cache)
      }
      await cause(server)
    })
    afterAll(async () => {
      server.thaw()
      await Promise.all([...caches.values()].map((cache) => cache.close()))
      await server.stop()
    })

    const answer = async ([operation, answer]: Answer, name: string) => {
      const startedAt = performance.now()
      expect(await operation(caches.get(name) as KeyedCache)).toEqual(answer)
      expect(performance.now() - startedAt).toBeLessThan(1_000)
    }
    testRows('each operation answers as documented, within a second', Object.entries(ANSWERS), answer, {
      atOnce: true,
    })

    const reject = async (operation: Operation, name: string) => {
      const cache = caches.get(name) as KeyedCache
      await expect(operation(cache)).rejects.toThrow(CacheNotRespondingError)
      await expect(operation(cache)).rejects.toThrow(/^Redis is not responding: /)
    }
    testRows(
      'keys, list and check reject, since any answer would be wrong',
      Object.entries(THROWING),
      reject,
      {
        atOnce: true,
      },
    )
  })

  describe(`While Redis is ${outage}`, () => {
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

    test('getOrThrow rejects with NotCachedError', async () => {
      await expect(cache.getOrThrow('a')).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_CACHED' })
    })

    test('each operation throws with throwOnStoreError', async () => {
      const strict = createCache({ redis: server.url, keyPrefix: 'outage', throwOnStoreError: true, logger })
      const code = 'ERR_KEYEDCACHE_NOT_RESPONDING'
      await Promise.all(
        Object.entries(ANSWERS).map(([name, [operation]]) =>
          expect(operation(strict), name).rejects.toMatchObject({ code }),
        ),
      )
      await strict.close()
    })

    test('is counted, and in the request log, also with throwOnStoreError', async () => {
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
      const noted = calls.map(({ operation, outcome, reason }) => [operation, outcome, reason])
      expect(noted.slice(0, 3)).toEqual([
        ['get', 'miss', 'store-down'],
        ['has', 'miss', undefined],
        ['set', 'failed', undefined],
      ])
      expect(noted.slice(3)).toEqual([1, 2, 3].map(() => ['getOrSet', 'failed', 'store-down']))
      await strict.close()
    })

    test('is logged at most once in ten seconds, and published each time', async () => {
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

    test('request memory still serves its values', async () => {
      await cache.withRequestMemory(async () => {
        await cache.set('b', 2)
        expect(await cache.get('b')).toBe(2)
      })
    })

    test('ten thousand reads at once all miss, within ten seconds', async () => {
      const startedAt = performance.now()
      const values = await Promise.all(Array.from({ length: 10_000 }, (_, id) => cache.get(['many', id])))
      expect(values.every((value) => value === undefined)).toBe(true)
      expect(performance.now() - startedAt).toBeLessThan(10_000)
    })

    test('serves again after Redis is back', async () => {
      await cache.get('a')
      if (outage === 'frozen') server.thaw()
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
])('A logger that %s does not disturb any operation', async (_, warn) => {
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

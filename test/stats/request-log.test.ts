import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import {
  CacheNotRespondingError,
  type CacheOptions,
  type CallRecord,
  createCache,
  type KeyedCache,
  type RequestRecord,
} from '../../src/index.js'
import { resolveOptions } from '../../src/options.js'
import { cacheMsOf } from '../../src/stats/cache-time.js'
import { ReportQueue } from '../../src/stats/report-queue.js'
import { RequestLog } from '../../src/stats/request-log.js'
import { MAX_CALLS, recordsOf } from '../../src/stats/request-record.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { describeOnEveryBackend, type OpenCache } from '../helpers/backends.js'
import { startRedis } from '../helpers/redis.js'
import { becomesStale } from '../helpers/stale.js'

const END = { route: 'GET /', status: 200, aborted: false }

/** Runs a job as a logged request, and returns its calls. */
async function request(
  cache: KeyedCache,
  job: (own: KeyedCache) => unknown,
  { route = 'GET /', fills = true } = {},
): Promise<readonly CallRecord[]> {
  const log = new RequestLog()
  const scope = internalsOf(cache).openScope({ fills, log })
  await internalsOf(cache).runInScope(scope, () => job(internalsOf(cache).bindTo(scope)))
  scope.end()
  const record = log.end({ ...END, route })
  if (record) internalsOf(cache).addRequest(record)
  return record?.calls ?? []
}

/** A call without its times, in words. */
function inWords({ operation, key, outcome, tier, reason, children, stored }: CallRecord): string {
  const more = [tier, reason, children && 'children', stored !== undefined && (stored ? 'kept' : 'not kept')]
  return [operation, key, outcome, ...more.filter((word) => word)].join(' ')
}

describeOnEveryBackend('The request log', (open) => {
  test('records calls in order, with their outcome', async () => {
    const cache = open({ requestLog: true })
    await cache.set('old', 1)
    const calls = await request(cache, async (own) => {
      await own.get('a')
      await own.set('a', 1)
      await own.get('a')
      await own.get('old')
      await own.get('old')
      await own.has('old')
      await own.has('none')
      await own.delete('a')
      await own.delete('a')
      await own.delete('old', { children: true })
      await own.get('old')
      await own.getMany(['x', 'y'])
      await own.clear()
    })
    expect(calls.map(inWords)).toEqual([
      'get a miss absent',
      'set a stored',
      'get a hit request',
      'get old hit store',
      'get old hit request',
      'has old hit',
      'has none miss',
      'delete a deleted',
      'delete a absent',
      'delete old deleted children',
      'get old miss deleted',
      'get x miss absent',
      'get y miss absent',
      'clear  deleted',
    ])
    for (const [index, { afterMs, durationMs }] of calls.entries()) {
      expect(durationMs).toBeGreaterThanOrEqual(0)
      expect(afterMs).toBeGreaterThanOrEqual(calls[index - 1]?.afterMs ?? 0)
    }
  })

  test('orders calls by their beginning, not by their end', async () => {
    const cache = open()
    let finish = (_value: number) => {}
    const gate = new Promise<number>((resolve) => (finish = resolve))
    const calls = await request(cache, async (own) => {
      const slow = own.getOrSet('slow', () => gate)
      await own.get('quick')
      finish(1)
      await slow
    })
    expect(calls.map(inWords)).toEqual(['getOrSet slow computed absent kept', 'get quick miss absent'])
    expect(calls[0]?.durationMs).toBeGreaterThan(calls[1]?.durationMs ?? Number.NaN)
  })

  test('records whether getOrSet hit, computed or waited', async () => {
    const cache = open()
    await cache.getOrSet('quote', () => 1, { ttl: '20ms', grace: '1h' })
    await becomesStale(cache, 'quote')
    let finish = (_value: number) => {}
    const elsewhere = cache.getOrSet('slow', () => new Promise<number>((resolve) => (finish = resolve)))
    await vi.waitFor(async () => expect((await cache.inspect('slow')).state).toBe('computing'))
    const calls = await request(cache, async (own) => {
      await own.getOrSet('a', () => 1)
      await own.getOrSet('a', () => 1)
      await own.getOrSet('b', ({ skip }) => skip(1))
      await own.getOrSet('quote', () => 2, { grace: '1h' })
      const waiting = own.getOrSet('slow', () => 2)
      setTimeout(finish, 20, 1)
      expect(await waiting).toBe(1)
      await own.getOrSet('broken', () => Promise.reject(new Error('no'))).catch(() => {})
      await cache.cached(async function price(_id: number) {}, { name: 'price' })(7)
      await own.getOrSetMany(['a', 'm'], (missing) => missing)
    })
    await elsewhere
    expect(calls.map(inWords)).toEqual([
      'getOrSet a computed absent kept',
      'getOrSet a hit request',
      'getOrSet b computed absent not kept',
      'getOrSet quote stale store',
      'getOrSet slow waited absent',
      'getOrSet broken failed absent',
      'getOrSet func::price::7 computed absent kept',
      'getOrSet a hit request',
      'getOrSet m computed absent kept',
    ])
    expect(calls[4]?.durationMs).toBeGreaterThanOrEqual(15)
  })

  test('records one computation for concurrent callers, and that the others waited', async () => {
    const cache = open({ requestMemory: false })
    const calls = await request(cache, (own) =>
      Promise.all(Array.from({ length: 5 }, () => own.getOrSet('a', () => pause(20).then(() => 1)))),
    )
    expect(calls.map(inWords).sort()).toEqual([
      'getOrSet a computed absent kept',
      ...Array.from({ length: 4 }, () => 'getOrSet a waited absent'),
    ])
    const hits = await request(cache, (own) =>
      Promise.all(Array.from({ length: 5 }, () => own.getOrSet('a', () => 2))),
    )
    expect(hits.map(inWords)).toEqual(Array.from({ length: 5 }, () => 'getOrSet a hit store'))
  })

  test('records that a computed value was not stored, because its key was deleted meanwhile', async () => {
    const cache = open()
    const calls = await request(cache, (own) =>
      own.getOrSet('a', async () => {
        await cache.delete('a')
        return 1
      }),
    )
    expect(calls.map(inWords)).toEqual(['getOrSet a computed absent not kept'])
  })

  test('does not record calls of factories, which run isolated', async () => {
    const cache = open()
    const calls = await request(cache, (own) =>
      own.getOrSet('a', async () => [await own.get('inner'), await cache.get('inner')]),
    )
    expect(calls.map(inWords)).toEqual(['getOrSet a computed absent kept'])
  })

  test('records calls deep in a service, and in a job within the request', async () => {
    const cache = open()
    const calls = await request(cache, async () => {
      await cache.get('deep')
      await cache.withRequestMemory((job) => job.get('in a job'))
    })
    expect(calls.map(inWords)).toEqual(['get deep miss absent', 'get in%20a%20job miss absent'])
  })

  test('records nothing outside of a request, of another one, or after its end', async () => {
    const cache = open()
    const late: (() => Promise<unknown>)[] = []
    const calls = await request(cache, async (own) => {
      await request(cache, (other) => other.get('other'))
      late.push(() => own.get('late'))
    })
    await late[0]?.()
    await cache.get('outside')
    expect(calls).toEqual([])
  })

  test('records calls while caching is off', async () => {
    const cache = open({ enabled: false })
    const calls = await request(cache, async (own) => {
      await own.get('a')
      await own.getOrSet('a', () => 1)
      await own.set('a', 1)
      await own.delete('a')
    })
    expect(calls.map(inWords)).toEqual([
      'get a miss disabled',
      'getOrSet a computed disabled',
      'set a skipped disabled',
      'delete a absent',
    ])
  })

  test('records a fenced fill as refused', async () => {
    const cache = open()
    const calls = await request(cache, async (own) => {
      await own.get('a')
      await internalsOf(cache).runInScope(internalsOf(cache).openScope({ fills: false }), () =>
        cache.delete('a'),
      )
      await own.set('a', 1)
    })
    expect(calls.map(inWords)).toEqual(['get a miss absent', 'set a refused'])
  })
})

describeOnEveryBackend('cache.requests()', (open: OpenCache) => {
  const routes = async (cache: KeyedCache, limit?: number) =>
    (await cache.requests(limit)).map(({ route }) => route)

  test('lists requests of all processes, newest first, without delay those of the process that reads', async () => {
    const [one, other] = [open(), open()]
    expect(await one.requests()).toEqual([])
    const before = Date.now()
    await request(one, (own) => own.get('a'), { route: 'GET /one' })
    await pause(3)
    await request(other, (own) => own.get('a'), { route: 'GET /other' })
    expect(await routes(other)).toContain('GET /other')
    expect(await routes(one)).toEqual(['GET /other', 'GET /one'])
    const [{ at, process, status, durationMs, moreCalls }] = (await one.requests(1)) as [RequestRecord]
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now())
    expect({ process, status, moreCalls }).toEqual({
      process: one.processStats().process,
      status: 200,
      moreCalls: 0,
    })
    expect(durationMs).toBeGreaterThan(0)
  })

  test('lists requests of other processes within about a second', async () => {
    const [one, other] = [open(), open()]
    await request(one, (own) => own.get('a'), { route: 'GET /one' })
    await expect.poll(() => routes(other), { timeout: 4_000 }).toEqual(['GET /one'])
  })

  test('lists up to the limit', async () => {
    const cache = open()
    for (const path of ['a', 'b', 'c']) {
      await request(cache, (own) => own.get('x'), { route: `GET /${path}` })
      await pause(2)
    }
    expect(await routes(cache, 1)).toEqual(['GET /c'])
    expect(await routes(cache, 2.9)).toEqual(['GET /c', 'GET /b'])
    expect(await routes(cache, Number.POSITIVE_INFINITY)).toEqual(['GET /c', 'GET /b', 'GET /a'])
    for (const none of [0, -1, 0.5, Number.NaN]) expect(await routes(cache, none)).toEqual([])
  })

  test('keeps the last two hundred', async () => {
    const cache = open({ timeouts: { store: '10s' } })
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 100; index++) await request(cache, (own) => own.get(['k', index]))
      await cache.requests(1)
    }
    expect(await cache.requests(1_000)).toHaveLength(200)
  })
})

test('cache.requests() throws while the store does not respond, and lists the requests later', async () => {
  const redis = await startRedis()
  const cache = createCache({ redis: redis.url, keyPrefix: 'test', logger: { warn() {} } })
  try {
    await expect.poll(() => cache.set('a', 1)).toBe(true)
    redis.freeze()
    const calls = await request(cache, async (own) => {
      await own.get('a')
      await own.set('b', 1)
      await own.delete('a')
      await own.getOrSet('c', () => 1)
    })
    expect(calls.map(inWords)).toEqual([
      'get a miss store-down',
      'set b failed',
      'delete a failed',
      'getOrSet c computed store-down not kept',
    ])
    await expect(cache.requests()).rejects.toThrow(CacheNotRespondingError)
    redis.thaw()
    await expect
      .poll(async () => (await cache.requests().catch(() => [])).length, { timeout: 10_000 })
      .toBe(1)
  } finally {
    redis.thaw()
    await cache.close()
    await redis.stop()
  }
})

describe('A record of a request', () => {
  test('holds a hundred calls, and the number of the others', () => {
    const log = new RequestLog()
    for (let index = 0; index < 250; index++) {
      log.add({ operation: 'get', key: `k::${index}`, outcome: 'hit', tier: 'request' }, performance.now())
    }
    expect(log.summary).toMatchObject({ calls: 250, hits: 250, misses: 0 })
    const { calls = [], moreCalls } = log.end(END) ?? {}
    expect(calls).toHaveLength(MAX_CALLS)
    expect(calls.at(-1)?.key).toBe('k::99')
    expect(moreCalls).toBe(150)
    expect(log.end(END)).toBeUndefined()
  })

  test('holds the beginning of a long text', () => {
    const log = new RequestLog()
    log.add({ operation: 'get', key: 'k'.repeat(4_000), outcome: 'miss', reason: 'absent' }, 0)
    const { calls, route } = log.end({ ...END, route: `GET /${'x'.repeat(10_000)}` }) ?? {}
    expect(calls?.[0]?.key).toBe(`${'k'.repeat(199)}…`)
    expect(route).toHaveLength(200)
  })

  test('does not exist without calls, or when it is not sampled', () => {
    expect(new RequestLog().end(END)).toBeUndefined()
    const log = new RequestLog()
    log.add({ operation: 'get', key: 'a', outcome: 'hit', tier: 'store' }, performance.now())
    log.leaveOut()
    log.add({ operation: 'get', key: 'a', outcome: 'hit', tier: 'store' }, performance.now())
    expect(log.isEmpty).toBe(true)
    expect(log.end(END)).toBeUndefined()
  })

  test('is reported up to the maximum size of a report', () => {
    const outbox = new ReportQueue<RequestRecord>(() => {})
    const call = { operation: 'get', key: 'k'.repeat(200), outcome: 'hit', afterMs: 0, durationMs: 0 }
    const calls = Array.from({ length: 100 }, () => call)
    for (let at = 0; at < 200; at++) {
      outbox.add({ at, process: 'h:1', route: 'GET /', status: 200, durationMs: 1, calls, moreCalls: 0 })
    }
    const items = outbox.take()
    expect(items.join('').length).toBeLessThanOrEqual(1_000_000)
    expect(items.length).toBeGreaterThan(20)
    expect(recordsOf(items)[0]?.at).toBe(199)
    expect(outbox.isEmpty).toBe(true)
  })
})

describe('Time in the cache', () => {
  const at = (afterMs: number, durationMs: number) => ({ afterMs, durationMs })

  test.each([
    [[], 0],
    [[at(1, 2), at(5, 3)], 5],
    [[at(0, 10), at(2, 3)], 10],
    [[at(2, 3), at(0, 4), at(4, 6)], 10],
  ])('%j is %d ms', (stretches, ms) => {
    expect(cacheMsOf(stretches)).toBe(ms)
  })

  test('is never longer than all calls together, nor than from the first to the last', () => {
    const stretch = fc.record({ afterMs: fc.nat(1_000), durationMs: fc.nat(100) })
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1 }), (stretches) => {
        const busy = cacheMsOf(stretches)
        const ends = stretches.map(({ afterMs, durationMs }) => afterMs + durationMs)
        const sum = stretches.reduce((total, { durationMs }) => total + durationMs, 0)
        const begin = Math.min(...stretches.map(({ afterMs }) => afterMs))
        expect(busy).toBeLessThanOrEqual(sum)
        expect(busy).toBeLessThanOrEqual(Math.max(...ends) - begin)
        expect(busy).toBeGreaterThanOrEqual(Math.max(...stretches.map(({ durationMs }) => durationMs)))
      }),
    )
  })
})

describe('Reading requests', () => {
  const call = { operation: 'get', key: 'a', outcome: 'hit', tier: 'store', afterMs: 0, durationMs: 1 }
  const good = {
    at: 1,
    process: 'h:1',
    route: 'GET /',
    status: 200,
    durationMs: 2,
    calls: [call],
    moreCalls: 0,
  }

  test.each([
    '',
    'null',
    '1',
    '"GET /"',
    '[]',
    '{}',
    '{"at":',
    JSON.stringify({ ...good, at: '1' }),
    JSON.stringify({ ...good, at: 1e300 }),
    JSON.stringify({ ...good, route: null }),
    JSON.stringify({ ...good, route: 'x'.repeat(5_000) }),
    JSON.stringify({ ...good, status: -1 }),
    JSON.stringify({ ...good, calls: {} }),
    JSON.stringify({ ...good, calls: [null] }),
    JSON.stringify({ ...good, calls: [{ ...call, key: 1 }] }),
    JSON.stringify({ ...good, calls: [{ ...call, tier: {} }] }),
    JSON.stringify({ ...good, calls: Array.from({ length: 101 }, () => call) }),
  ])('leaves out an item that is no request: %s', (item) => {
    expect(recordsOf([item, JSON.stringify(good)])).toEqual([good])
  })

  test('leaves out invalid requests', async () => {
    const store = new MemoryStore()
    store.statistics.requests = async () => ['damaged', JSON.stringify(good)]
    expect(await createCache({ store }).requests()).toEqual([good])
  })
})

describe('The option requestLog', () => {
  const shareOf = (requestLog: CacheOptions['requestLog'], NODE_ENV?: string) =>
    resolveOptions({ store: 'memory', ...(requestLog !== undefined && { requestLog }) }, { NODE_ENV })
      .requestLogShare

  test('logs every request by default, in production one in a hundred', () => {
    expect(shareOf(undefined)).toBe(1)
    expect(shareOf(undefined, 'test')).toBe(1)
    expect(shareOf(undefined, 'production')).toBe(0.01)
  })

  test('accepts a share', () => {
    expect(shareOf(true, 'production')).toBe(1)
    expect(shareOf(false)).toBe(0)
    expect(shareOf({ sample: 0.25 })).toBe(0.25)
    expect(shareOf({ sample: 1 })).toBe(1)
  })

  test.each([0, -0.1, 1.1, Number.NaN, '0.1', undefined])('refuses a sample of %s', (sample) => {
    expect(() => shareOf({ sample } as never)).toThrow(
      /^requestLog must be true .* requestLog: \{ sample: 0\.01 \}\.$/,
    )
  })

  test.each(['yes', 0.5, 1])('refuses %j', (requestLog) => {
    expect(() => shareOf(requestLog as never)).toThrow('requestLog must be true for every request')
  })

  test('refuses unknown names', () => {
    expect(() => shareOf({ sampel: 1 } as never)).toThrow('did you mean "sample"')
  })
})

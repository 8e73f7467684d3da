import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import { CacheNotRespondingError, type CacheOptions, createCache, type KeyedCache } from '../../src/index.js'
import { type CacheEvent, eventsOf } from '../../src/stats/cache-event.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { RequestOrigin } from '../../src/tiers/request-scope.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const QUIET = { warn() {} }

/** A cache as a request of somebody sees it. */
function as(cache: KeyedCache, origin: RequestOrigin): KeyedCache {
  return internalsOf(cache).bindTo(internalsOf(cache).openScope({ fills: false, origin: () => origin }))
}

/** An event without its times and process. */
function facts({ at: _, process: __, until: ___, ...event }: CacheEvent) {
  return event
}

const ANNA = { route: 'POST /products/123', user: 'anna' }

describeOnEveryBackend('cache.events()', (open, statistics) => {
  test('lists invalidations with their outcome, route and user, newest first', async () => {
    const cache = open()
    const own = as(cache, ANNA)
    const before = Date.now()
    await cache.setMany([
      ['product::1', 1],
      ['cart', 1],
    ])
    await cache.delete('cart')
    await own.delete(['product', 1])
    await internalsOf(own).deleteOutcome('product', { children: true })
    await own.deleteMany(['a'])
    await own.deleteMany(['b'])
    await own.clear()
    const events = await cache.events()
    expect(events.map(facts)).toEqual([
      { type: 'clear', key: '', outcome: 'deleted', ...ANNA },
      { type: 'delete', key: 'b', children: false, outcome: 'absent', ...ANNA },
      { type: 'delete', key: 'a', children: false, outcome: 'absent', ...ANNA },
      { type: 'delete', key: 'product', children: true, outcome: 'deleted', ...ANNA },
      { type: 'delete', key: 'product::1', children: false, outcome: 'deleted', ...ANNA },
      { type: 'delete', key: 'cart', children: false, outcome: 'deleted' },
    ])
    for (const { at, process } of events) {
      expect(at).toBeGreaterThanOrEqual(before)
      expect(at).toBeLessThanOrEqual(Date.now())
      expect(process).toBe(cache.processStats().process)
    }
  })

  test('lists no reads and no writes', async () => {
    const cache = open()
    await cache.set('a', 1)
    await cache.get('a')
    await cache.has('b')
    await cache.getOrSet('c', () => 1)
    expect(await cache.events()).toEqual([])
  })

  test('lists soft expiries with their children, outcome and user', async () => {
    const [cache, other] = [open(), open()]
    await cache.set('product::1', 1)
    const scope = internalsOf(other).openScope({ fills: false, origin: () => ({ user: 'anna' }) })
    const own = internalsOf(other).bindTo(scope)
    await own.expire('product::1')
    await own.expire('product', { children: true })
    await own.expire('nothing')
    await other.events(1)
    expect((await cache.events()).map(facts)).toEqual([
      { type: 'expire', key: 'nothing', children: false, outcome: 'absent', user: 'anna' },
      { type: 'expire', key: 'product', children: true, outcome: 'expired', user: 'anna' },
      { type: 'expire', key: 'product::1', children: false, outcome: 'expired', user: 'anna' },
    ])
  })

  test('lists deletes of cached functions', async () => {
    const cache = open()
    await cache.deleteFunction(cache.cached(async function price() {}))
    expect((await cache.events()).map(facts)).toEqual([
      { type: 'delete', key: 'func::price', children: true, outcome: 'absent' },
    ])
  })

  test('lists events of all processes, without delay those of the process that reads', async () => {
    const [one, other] = [open(), open()]
    await one.delete('a')
    expect(await one.events()).toHaveLength(1)
    await other.delete('b')
    expect((await other.events()).map(({ key }) => key)).toEqual(['b', 'a'])
    await one.delete('c')
    await expect.poll(async () => (await other.events()).map(({ key }) => key)).toEqual(['c', 'b', 'a'])
  })

  test('lists up to the limit', async () => {
    const cache = open()
    for (const key of ['a', 'b', 'c']) await cache.delete(key)
    const keys = async (limit?: number) => (await cache.events(limit)).map(({ key }) => key)
    expect(await keys(1)).toEqual(['c'])
    expect(await keys(2.9)).toEqual(['c', 'b'])
    expect(await keys(Number.POSITIVE_INFINITY)).toEqual(['c', 'b', 'a'])
    for (const none of [0, -1, 0.5, Number.NaN]) expect(await keys(none)).toEqual([])
  })

  test('keeps few of ten thousand deletes, with the number of dropped ones', async () => {
    const cache = open({ timeouts: { store: '10s' } })
    await cache.clear()
    const began = performance.now()
    await cache.deleteMany(Array.from({ length: 10_000 }, (_, index) => ['k', index]))
    const events = await cache.events(1_000)
    const reports = Math.ceil((performance.now() - began) / 1_000) + 1
    expect(events.length).toBeLessThanOrEqual(reports * 200)
    const leftOut = events.reduce((sum, event) => sum + (event.leftOut ?? 0), 0)
    expect(leftOut).toBeGreaterThan(5_000)
    expect(events.length + leftOut).toBe(10_001)
    // Those of one moment have no order.
    expect(events[0]?.key).toMatch(/^k::99\d\d$/)
    await cache.delete('later')
    const [last] = await cache.events(1)
    expect(last).toMatchObject({ key: 'later' })
    expect(last?.leftOut).toBeUndefined()
  })

  test('keeps about a thousand events', async () => {
    const cache = open({ timeouts: { store: '10s' } })
    for (let round = 0; round < 6; round++) {
      await cache.deleteMany(Array.from({ length: 200 }, (_, index) => [round, index]))
      await cache.events(1)
    }
    const events = await cache.events(5_000)
    expect(events).toHaveLength(1_000)
    expect(events.at(-1)?.key).toBe('1::0')
  })

  test('bounds routes and users of any type', async () => {
    const cache = open()
    const long = '\u0000<script>\ud800'.repeat(10_000)
    await as(cache, { route: long, user: long }).delete('long')
    await as(cache, { route: 12, user: 12n } as never).delete('numbers')
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    await as(cache, { route: cyclic, user: () => {} } as never).delete('objects')
    await as(cache, { route: '__proto__', user: '' }).delete('__proto__')
    const [proto, objects, numbers, cut] = await cache.events()
    expect(proto).toMatchObject({ key: '__proto__', route: '__proto__', user: '' })
    expect(objects && facts(objects)).toEqual({
      ...{ type: 'delete', key: 'objects', children: false, outcome: 'absent' },
    })
    expect(numbers).toMatchObject({ route: '12', user: '12' })
    const cutOff = long.slice(0, 200).toWellFormed()
    expect(cut).toMatchObject({ route: cutOff, user: cutOff })
  })

  test('calls the hook for the origin once', async () => {
    const cache = open()
    let asked = 0
    const scope = internalsOf(cache).openScope({
      fills: false,
      origin: () => {
        asked++
        return ANNA
      },
    })
    await internalsOf(cache).bindTo(scope).delete('a')
    await internalsOf(cache).bindTo(scope).clear()
    expect(asked).toBe(2)
  })

  test('skips items that are no events', async () => {
    const cache = open()
    await cache.delete('a')
    await cache.events()
    const junk = {
      process: 'x',
      about: {},
      families: new Map(),
      history: new Map(),
      requests: [],
      changes: new Map(),
    }
    await statistics().report({ ...junk, sequence: 1, events: FOREIGN })
    await cache.delete('b')
    expect((await cache.events()).map(({ key }) => key)).toEqual(['b', 'a'])
  })
})

const EVENT = { type: 'delete', at: 1, key: 'a', outcome: 'deleted', process: 'host:1' }
const FOREIGN = [
  ...['', '{', 'null', '[]', '"text"', '12', '{}', '\u0000'],
  ...[
    { ...EVENT, type: 'set' },
    { ...EVENT, type: 'toString' },
    { ...EVENT, at: '1' },
    { ...EVENT, at: -1 },
    { ...EVENT, at: 1e300 },
    { ...EVENT, key: 7 },
    { ...EVENT, key: '' },
    { ...EVENT, key: 'not a key' },
    { ...EVENT, key: '::' },
    { ...EVENT, key: `a${'::a'.repeat(100)}` },
    { ...EVENT, outcome: 'maybe' },
    { ...EVENT, process: undefined },
    { ...EVENT, process: 'x'.repeat(2_000) },
  ].map((event) => JSON.stringify(event)),
]

describe('Reading events back', () => {
  test.each(FOREIGN)('leaves out: %s', (item) => {
    expect(eventsOf([item])).toEqual([])
  })

  test('takes known fields only', () => {
    const odd =
      '{"__proto__":{"polluted":1},"children":"yes","route":7,"user":"u","count":"9","leftOut":-1,"more":1,'
    const [event, ...others] = eventsOf([odd + JSON.stringify(EVENT).slice(1)])
    expect(others).toEqual([])
    expect(event).toEqual({ ...EVENT, user: 'u' })
    expect((event as unknown as { polluted?: number }).polluted).toBeUndefined()
  })

  test('sorts by time; of equal times the later report is newer', () => {
    const items = [
      { ...EVENT, at: 2, key: 'd' },
      { ...EVENT, at: 1, key: 'b' },
      { ...EVENT, at: 1, key: 'a' },
      { ...EVENT, at: 3, key: 'e' },
    ]
    const keys = eventsOf(items.map((item) => JSON.stringify(item))).map(({ key }) => key)
    expect(keys).toEqual(['e', 'd', 'b', 'a'])
  })
})

describe('Events of store failures', () => {
  /** The in-memory store, with operations that fail. */
  function failing(options: CacheOptions = {}) {
    const store = new MemoryStore()
    const { read, remove, clear } = store
    const cache = createCache({ store, logger: QUIET, ...options })
    const fail = () => Promise.reject(new Error('out of order: token=hunter2'))
    return {
      cache,
      break: () => Object.assign(store, { read: fail, remove: fail, clear: fail }),
      mend: () => Object.assign(store, { read, remove, clear }),
    }
  }

  test('an unconfirmed delete has failed, and is a store failure too', async () => {
    const { cache, ...store } = failing()
    const own = as(cache, ANNA)
    store.break()
    await own.delete('a', { children: true })
    await own.clear()
    const events = (await cache.events()).map(facts)
    expect(events.filter(({ type }) => type !== 'store-failure')).toEqual([
      { type: 'clear', key: '', outcome: 'failed', ...ANNA },
      { type: 'delete', key: 'a', children: true, outcome: 'failed', ...ANNA },
    ])
    const failure = { type: 'store-failure', outcome: 'failed', count: 1 }
    expect(events.filter(({ type }) => type === 'store-failure')).toEqual([
      { ...failure, operation: 'clear', key: '', message: expect.stringContaining('out of order') },
      { ...failure, operation: 'delete', key: 'a', message: expect.stringContaining('out of order') },
    ])
    await cache.close()
  })

  test('an unconfirmed delete with throwOnStoreError has failed, and is a store failure too', async () => {
    const { cache, ...store } = failing({ throwOnStoreError: true })
    store.break()
    await expect(cache.delete('a')).rejects.toThrow(CacheNotRespondingError)
    await expect(cache.clear()).rejects.toThrow(CacheNotRespondingError)
    const events = (await cache.events()).filter(({ type }) => type !== 'store-failure')
    expect(events.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['clear', 'failed'],
      ['delete', 'failed'],
    ])
    await cache.close()
  })

  test('a thousand failures of an operation are one event, and displace no delete', async () => {
    const { cache, ...store } = failing()
    await cache.delete('before')
    store.break()
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => cache.get(['k', index])))
    await pause(5)
    await cache.get('last')
    await cache.has('other')
    const events = await cache.events()
    expect(events.map(({ type, operation, count, key }) => [type, operation, count, key])).toEqual([
      ['store-failure', 'has', 1, 'other'],
      ['store-failure', 'get', 1_001, 'k::0'],
      ['delete', undefined, undefined, 'before'],
    ])
    const [, get] = events
    expect((get?.until ?? 0) - (get?.at ?? 0)).toBeGreaterThanOrEqual(4)
    await cache.get('again')
    expect((await cache.events())[0]).toMatchObject({ operation: 'get', count: 1, key: 'again' })
    await cache.close()
  })

  test('a store failure is not newer than a delete that came after it', async () => {
    const { cache, ...store } = failing()
    store.break()
    await cache.get('a')
    store.mend()
    await pause(5)
    await cache.delete('after')
    expect(await cache.events(1)).toMatchObject([{ key: 'after' }])
    await cache.close()
  })

  test('ten thousand failed deletes do not displace the store failures', async () => {
    const { cache, ...store } = failing()
    store.break()
    await cache.get('a')
    await cache.deleteMany(Array.from({ length: 10_000 }, (_, index) => ['k', index]))
    const events = await cache.events(1_000)
    expect(events.find(({ operation }) => operation === 'get')).toMatchObject({ count: 1 })
    expect(events.find(({ operation }) => operation === 'delete')).toMatchObject({ count: 10_000 })
    store.mend()
    await cache.close()
  })

  test('a long message is cut', async () => {
    const store = new MemoryStore()
    store.read = () => Promise.reject(new Error('x'.repeat(10_000)))
    const cache = createCache({ store, logger: QUIET })
    await cache.get('a')
    expect((await cache.events())[0]?.message?.length).toBe(300)
    await cache.close()
  })
})

describe('Events while Redis does not respond', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  test('are reported once, when it responds again', async () => {
    const cache = createCache({ redis: redis.url, keyPrefix: 'shop', logger: QUIET })
    await expect.poll(() => cache.set('a', 1)).toBe(true)
    await cache.delete('a')
    expect((await cache.events()).filter(({ type }) => type === 'delete')).toHaveLength(1)
    redis.freeze()
    await expect(cache.events()).rejects.toThrow(CacheNotRespondingError)
    await cache.delete('b')
    await Promise.all(Array.from({ length: 50 }, () => cache.get('c')))
    await expect(cache.events()).rejects.toThrow(CacheNotRespondingError)
    redis.thaw()
    await expect.poll(async () => (await cache.events(1).catch(() => [])).length).toBe(1)
    const events = await cache.events()
    expect(events.filter(({ type }) => type === 'delete').map(({ key, outcome }) => [key, outcome])).toEqual([
      ['b', 'failed'],
      ['a', 'deleted'],
    ])
    expect(events.filter(({ operation }) => operation === 'get')).toEqual([
      expect.objectContaining({ count: 50, key: 'c', outcome: 'failed' }),
    ])
    await cache.close()
  })
})

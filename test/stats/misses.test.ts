import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { CHANNELS } from '../../src/channels.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import type { OperationMessage } from '../../src/stats/operation-message.js'
import { RequestLog } from '../../src/stats/request-log.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { startRedis } from '../helpers/redis.js'

const reasons = async (cache: KeyedCache) => (await cache.stats()).totals.missesBy

/** As soon as a read of it misses. */
async function gone(cache: KeyedCache, key: string): Promise<void> {
  await vi.waitFor(async () => expect(await cache.has(key)).toBe(false), { timeout: 5_000, interval: 10 })
}

describeOnEveryBackend('The reason of a miss', (open) => {
  test('is absent, expired, deleted or ancestor-deleted', async () => {
    const cache = open()
    await cache.set('a::short', 1, { ttl: '50ms' })
    await cache.set('a::deleted', 1)
    await cache.set('b::tree', 1)
    await cache.delete('a::deleted')
    await cache.delete('b', { children: true })
    await gone(cache, 'a::short')
    for (const key of ['a::never', 'a::short', 'a::short', 'a::deleted', 'b::tree']) await cache.get(key)
    expect(await reasons(cache)).toEqual({ absent: 1, expired: 2, deleted: 1, 'ancestor-deleted': 1 })
    const { families } = await cache.stats()
    expect(families.get('a')?.missesBy).toEqual({ absent: 1, expired: 2, deleted: 1 })
    expect(cache.processStats().totals.missesBy).toEqual(await reasons(cache))
  })

  test('is found for keys that another process has written', async () => {
    const [one, other] = [open(), open()]
    await one.set('a', 1, { ttl: '50ms' })
    await one.stats()
    await gone(other, 'a')
    await other.get('a')
    expect(await reasons(other)).toEqual({ expired: 1 })
    expect((await other.inspect('a')).why).toMatch(/^Expired .+ ago; written .+ ago\.$/)
  })

  test('is that of the miss, also when the value was written again', async () => {
    const cache = open()
    await cache.getOrSet('a', () => 1, { ttl: '50ms' })
    await gone(cache, 'a')
    await cache.getOrSet('a', () => 2)
    await cache.get('a')
    expect(await reasons(cache)).toEqual({ absent: 1, expired: 1 })
  })

  test('is found once for coalesced misses', async () => {
    const cache = open()
    await cache.set('a', 1, { ttl: '50ms' })
    await gone(cache, 'a')
    const crowd = (callers: number) =>
      Promise.all(Array.from({ length: callers }, () => cache.getOrSet('a', ({ skip }) => skip(1))))
    await crowd(50)
    await crowd(20)
    expect(cache.processStats().totals.latency.miss.reduce((sum, count) => sum + count)).toBe(70)
    expect(await reasons(cache)).toEqual({ expired: 70 })
  })

  test('ignores a write during the read', async () => {
    const [one, other] = [open(), open()]
    await Promise.all([one.stats(), other.stats()])
    for (let i = 0; i < 100; i++) {
      await Promise.all([one.get(`a::${i}`), other.set(`a::${i}`, 1)])
      await Promise.all([one.getOrSet(`b::${i}`, () => 1), one.set(`b::${i}`, 1)])
    }
    await other.stats()
    const { misses, missesBy } = (await one.stats()).totals
    // In a Cluster a generation that the write has just made may be read before it, and the entry after it.
    const { absent = 0, 'generation-lost': lost = 0, ...others } = missesBy
    expect(others).toEqual({})
    expect(absent + lost).toBe(misses)
  })

  test('is fenced when a value was refused after the delete', async () => {
    const [cache, other] = [open(), open()]
    const slow = cache.getOrSet('a', async () => {
      await other.delete('a')
      return 'old'
    })
    expect(await slow).toBe('old')
    await cache.get('a')
    const { missesBy } = (await cache.stats()).totals
    expect(missesBy).toEqual({ absent: 1, fenced: 1 })
    const { reason, why } = await cache.inspect('a')
    expect(reason).toBe('fenced')
    expect(why).toMatch(
      /^Deleted .+ ago by process .+\. The last computed value was not stored .+ ago: the key was invalidated during the computation\.$/,
    )
  })

  test('is not fenced when another caller has set the key, or nothing was invalidated', async () => {
    const [one, other] = [open(), open()]
    const [first, second] = [one, other].map((cache) =>
      internalsOf(cache).bindTo(internalsOf(cache).openScope({ fills: true })),
    )
    await Promise.all([first?.get('a'), second?.get('a')])
    expect(await first?.set('a', 1, { ttl: '50ms' })).toBe(true)
    expect(await second?.set('a', 1, { ttl: '50ms' })).toBe(false)
    await one.getOrSet('b', () => one.set('b', 1, { ttl: '50ms' }))
    await one.getOrSet('c', () => other.set('c', 1, { ttl: '50ms' }))
    for (const key of ['a', 'b', 'c']) await gone(one, key)
    await Promise.all([one.stats(), other.stats()])
    for (const key of ['a', 'b', 'c']) expect((await one.inspect(key)).reason).toBe('expired')
  })

  test('is corrected in the request log too', async () => {
    const cache = open()
    await cache.set('a', 1, { ttl: '50ms' })
    await gone(cache, 'a')
    const log = new RequestLog()
    const scope = internalsOf(cache).openScope({ fills: false, log })
    await internalsOf(cache).bindTo(scope).get('a')
    await internalsOf(cache).bindTo(scope).get('never')
    internalsOf(cache).addRequest(log.end({ route: 'GET /', status: 200, aborted: false }) as never)
    const [request] = await cache.requests()
    expect(request?.calls.map(({ key, reason }) => [key, reason])).toEqual([
      ['a', 'expired'],
      ['never', 'absent'],
    ])
  })

  test('is not counted by inspect', async () => {
    const cache = open()
    await cache.set('a', 1, { ttl: '50ms' })
    await gone(cache, 'a')
    await cache.inspect('a')
    await cache.inspect('never')
    expect(await reasons(cache)).toEqual({})
  })

  test('is counted for families beyond the hundredth', async () => {
    const cache = open()
    for (let i = 0; i < 150; i++) await cache.set(`f${i}`, 1, { ttl: '50ms' })
    await gone(cache, 'f149')
    for (let i = 0; i < 150; i++) await cache.get(`f${i}`)
    const { families, totals } = await cache.stats()
    expect(totals).toMatchObject({ misses: 150, missesBy: { expired: 150 } })
    expect(families.get('other')?.missesBy).toEqual({ expired: 50 })
  })

  test('stays as found in the place of the key beyond the maximum', async () => {
    const cache = open()
    await cache.getMany(Array.from({ length: 1_200 }, (_, i) => `a::${i}`))
    expect((await cache.stats()).totals).toMatchObject({ misses: 1_200, missesBy: { absent: 1_200 } })
  })
})

describeOnEveryBackend('A miss on the diagnostics channel', (open) => {
  const heard: { message: OperationMessage; request: unknown }[] = []
  const requests = new AsyncLocalStorage<string>()
  const listener = (message: unknown) => {
    const operation = message as OperationMessage
    if (operation.operation === 'get' && operation.outcome === 'miss')
      heard.push({ message: operation, request: requests.getStore() })
  }
  beforeEach(() => {
    heard.length = 0
    subscribe(CHANNELS.operation, listener)
  })
  afterEach(() => void unsubscribe(CHANNELS.operation, listener))

  /** Reads each, and returns the reasons that were published, by key. */
  async function published(cache: KeyedCache, keys: readonly string[]): Promise<Record<string, unknown>> {
    for (const key of keys) await cache.get(key)
    await vi.waitFor(() => expect(heard).toHaveLength(keys.length), { timeout: 5_000, interval: 5 })
    return Object.fromEntries(heard.map(({ message }) => [message.key, message.reason]))
  }

  for (const stats of [true, false]) {
    test(`has the reason that inspect gives, with stats: ${stats}`, async () => {
      const [cache, other] = [open({ stats }), open({ stats })]
      await cache.set('a::short', 1, { ttl: '50ms' })
      for (const key of ['a::deleted', 'a::soft', 'b::tree', 'c::elsewhere']) await cache.set(key, 1)
      await cache.delete('a::deleted')
      await cache.expire('a::soft')
      await cache.delete('b', { children: true })
      await other.delete('c::elsewhere')
      await cache.getOrSet('a::fenced', async () => {
        await other.delete('a::fenced')
        return 'old'
      })
      await gone(cache, 'a::short')
      await vi.waitFor(() => expect(heard).toHaveLength(1), { timeout: 5_000, interval: 5 })
      heard.length = 0
      const keys = [
        'a::never',
        'a::short',
        'a::deleted',
        'a::soft',
        'b::tree',
        'c::elsewhere',
        'a::fenced',
      ] as const
      const reasons = await published(cache, keys)
      expect(reasons).toEqual({
        'a::never': 'absent',
        'a::short': 'expired',
        'a::deleted': 'deleted',
        'a::soft': 'expired',
        'b::tree': 'ancestor-deleted',
        'c::elsewhere': 'deleted',
        'a::fenced': 'fenced',
      })
      for (const key of keys) expect((await cache.inspect(key)).reason).toBe(reasons[key])
    })
  }

  test('is published once for each caller, in its request, with the time that the read took', async () => {
    const cache = open()
    await cache.set('a', 1, { ttl: '50ms' })
    await gone(cache, 'a')
    const ask = (request: string) => requests.run(request, () => cache.getOrSet('a', ({ skip }) => skip(1)))
    await Promise.all(['one', 'two', 'three'].map(ask))
    await vi.waitFor(() => expect(heard).toHaveLength(3), { timeout: 5_000, interval: 5 })
    expect(heard.every(({ message }) => message.reason === 'expired')).toBe(true)
    for (const { message } of heard) expect(message.durationMs).toBeGreaterThanOrEqual(0)
    expect(heard[0]?.request).toBe('one')
  })

  test('is published with the reason found in its place beyond the maximum', async () => {
    const cache = open()
    const keys = Array.from({ length: 1_200 }, (_, n) => `many::${n}`)
    await cache.getMany(keys)
    await vi.waitFor(() => expect(heard).toHaveLength(1_200), { timeout: 5_000, interval: 5 })
    expect(new Set(heard.map(({ message }) => message.key)).size).toBe(1_200)
  })
})

test('A miss on the diagnostics channel is published although the key histories cannot be read', async () => {
  const store = new MemoryStore()
  const cache = createCache({ store })
  store.statistics.keyHistories = async () => {
    throw new CacheNotRespondingError('away')
  }
  const heard: OperationMessage[] = []
  const listener = (message: unknown) => void heard.push(message as OperationMessage)
  subscribe(CHANNELS.operation, listener)
  await cache.get('a')
  await vi.waitFor(() => expect(heard).toMatchObject([{ key: 'a', reason: 'absent' }]))
  unsubscribe(CHANNELS.operation, listener)
  await cache.close()
})

describe('A value that was lost before its TTL', () => {
  test('was evicted by the in-memory store', async () => {
    const cache = createCache({ store: new MemoryStore({ maxEntries: 20 }) })
    await cache.set('a::first', 1)
    for (let i = 0; i < 40; i++) await cache.set(`b::${i}`, i)
    await cache.get('a::first')
    expect((await cache.stats()).families.get('a')?.missesBy).toEqual({ evicted: 1 })
    const { reason, why } = await cache.inspect('a::first')
    expect(reason).toBe('evicted')
    expect(why).toMatch(/^Evicted or lost: written .+ ago, with (5 min|4 min 59 s) of its TTL remaining\./)
    await cache.close()
  })

  test('was evicted by a full Redis', async () => {
    // It looks at so many names for the one that has least time left: mostly at all.
    const policy = ['--maxmemory-policy', 'volatile-ttl', '--maxmemory-samples', '64']
    const redis = await startRedis({ args: ['--maxmemory', '8mb', ...policy] })
    const cache = createCache({ redis: redis.url, keyPrefix: 'full', timeouts: { store: '2s' } })
    await cache.set('a::first', 1, { ttl: '30s' })
    await cache.stats()
    for (let i = 0; i < 60 && (await cache.has('a::first')); i++)
      await cache.set(`b::${i}`, randomBytes(200_000))
    await cache.get('a::first')
    expect((await cache.stats()).families.get('a')?.missesBy).toEqual({ evicted: 1 })
    await cache.close()
    await redis.stop()
  })

  test('is not one that was cleared', async () => {
    const cache = createCache({ store: new MemoryStore() })
    await cache.set('a::1', 1)
    await cache.clear()
    await cache.get('a::1')
    expect((await cache.stats()).totals.missesBy).toEqual({ 'ancestor-deleted': 1 })
    expect((await cache.inspect('a::1')).why).toMatch(/^Everything was deleted .+ ago by process /)
    await cache.close()
  })
})

test('misses during an explanation are reported with the reason found first, then corrected', async () => {
  const store = new MemoryStore()
  const { statistics } = store
  const cache = createCache({ store })
  await cache.set('a', 1, { ttl: '50ms' })
  await cache.set('b', 1, { ttl: '50ms' })
  await cache.stats()
  await gone(cache, 'b')
  const keyHistories = statistics.keyHistories.bind(statistics)
  let isFirst = true
  statistics.keyHistories = async (names) => {
    if (isFirst) await cache.get('b')
    isFirst = false
    return keyHistories(names)
  }
  await cache.get('a')
  expect(await reasons(cache)).toEqual({ expired: 1, absent: 1 })
  expect(await reasons(cache)).toEqual({ expired: 2 })
  await cache.close()
})

test('a miss keeps the reason found in its place when the key histories are lost', async () => {
  const redis = await startRedis()
  const cache = createCache({ redis: redis.url, keyPrefix: 'x', timeouts: { store: '2s' } })
  await cache.set('a', 1, { ttl: '50ms' })
  await cache.stats()
  await redis.restart()
  await pause(60)
  await vi.waitFor(async () => {
    expect(await cache.get('a')).toBeUndefined()
    expect(await reasons(cache)).toMatchObject({ absent: expect.any(Number) })
  })
  await cache.close()
  await redis.stop()
})

test('a foreign value in the place of the key histories is replaced, and blocks no report', async () => {
  const redis = await startRedis()
  const client = new Redis(redis.url)
  await client.hset('x:key-history:{x}', 'foreign', 1)
  const cache = createCache({ redis: redis.url, keyPrefix: 'x', timeouts: { store: '2s' } })
  expect((await cache.inspect('a')).reason).toBe('absent')
  await cache.set('a', 1)
  await cache.get('never')
  expect((await cache.stats()).totals).toMatchObject({ writes: 1, missesBy: { absent: 1 } })
  expect(await client.type('x:key-history:{x}')).toBe('string')
  client.disconnect()
  await cache.close()
  await redis.stop()
})

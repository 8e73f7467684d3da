import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { type BreakerMessage, CHANNELS } from '../../src/channels.js'
import { createCache } from '../../src/create-cache.js'
import { Gate } from '../compute/gate.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const DEADLINE_MS = 500
/** Longer than a call takes that waits for nothing, on any machine; shorter than one that waits for its deadline. */
const WAITED_MS = DEADLINE_MS / 2

let server: RedisServer
let admin: Redis
let cache: KeyedCache
let other: KeyedCache
const warnings: string[] = []
beforeEach(async () => {
  server = await startRedis()
  admin = new Redis(server.url)
  const options = { redis: server.url, keyPrefix: 'breaker', timeouts: { store: DEADLINE_MS } }
  cache = createCache({ ...options, logger: { warn: (message) => void warnings.push(message) } })
  other = createCache({ ...options, logger: { warn() {} } })
  for (const one of [cache, other]) await vi.waitFor(() => one.check(), { timeout: 5_000, interval: 20 })
  await cache.set('a', 'stored')
  warnings.length = 0
})
afterEach(async () => {
  server.thaw()
  await Promise.all([cache.close(), other.close()])
  admin.disconnect()
  await server.stop()
})

const breaker = () => cache.processStats().breakers[0]!

/** Fails until the breaker is open. */
async function open(): Promise<void> {
  server.freeze()
  while (breaker().state === 'closed') await cache.get('a')
}

/** Number of reads that have reached the server. */
const readsRun = async () =>
  Number(/cmdstat_mget:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)

describe('While Redis is frozen', () => {
  test('of a hundred getOrSet, one after the other, three wait for their deadline', async () => {
    const before = await readsRun()
    server.freeze()
    let waited = 0
    for (let n = 0; n < 100; n++) {
      const startedAt = performance.now()
      expect(await cache.getOrSet(['many', n], () => n)).toBe(n)
      if (performance.now() - startedAt > WAITED_MS) waited++
    }
    expect(waited).toBeGreaterThan(0)
    expect(waited).toBeLessThanOrEqual(3)
    server.thaw()
    await vi.waitFor(() => cache.check(), { timeout: 5_000, interval: 20 })
    expect((await readsRun()) - before).toBeLessThanOrEqual(waited)
  })

  test('hits are back as soon as it answers, and deletes of that time are in force everywhere', async () => {
    await open()
    expect(await cache.delete('a')).toBe(false)
    // The pauses of probes and repetitions have grown.
    await pause(3_000)
    server.thaw()
    const soon = { timeout: 1_000, interval: 5 }
    await vi.waitFor(async () => expect(await other.get('a')).toBe(undefined), soon)
    await vi.waitFor(async () => expect(await cache.set('a', 'new')).toBe(true), soon)
    expect(await other.get('a')).toBe('new')
  })

  test('thousands of callers of a key share one computation', async () => {
    await open()
    let computed = 0
    const gate = new Gate()
    const call = () =>
      cache.getOrSet('shared', async () => {
        computed++
        await gate.pass()
        return 'computed'
      })
    const calling = Array.from({ length: 1_000 }, call)
    for (let tick = 0; tick < 200; tick++) {
      await new Promise(setImmediate)
      calling.push(call(), call(), call())
    }
    const others = calling.length - 1
    await vi.waitFor(() => expect(cache.processStats().totals.waits).toBe(others), {
      timeout: 5_000,
      interval: 5,
    })
    gate.open()
    expect(new Set(await Promise.all(calling))).toEqual(new Set(['computed']))
    expect(computed).toBe(1)
  })

  test('its state is in the figures of the process, on the channel and in the log', async () => {
    expect(breaker()).toEqual({
      server: cache.storeDescription,
      state: 'closed',
      since: undefined,
      openings: 0,
      failure: undefined,
    })
    const published: BreakerMessage[] = []
    const listener = (message: unknown) => void published.push(message as BreakerMessage)
    subscribe(CHANNELS.breaker, listener)
    try {
      await open()
      expect(breaker()).toMatchObject({
        state: 'open',
        openings: 1,
        failure: expect.stringMatching(/no answer/),
      })
      expect(Math.abs(Date.now() - (breaker().since ?? 0))).toBeLessThan(5_000)
      server.thaw()
      await vi.waitFor(() => expect(breaker().state).toBe('closed'), { timeout: 5_000, interval: 5 })
    } finally {
      unsubscribe(CHANNELS.breaker, listener)
    }
    const { storeDescription: name } = cache
    expect(published).toEqual([
      {
        server: name,
        state: 'open',
        error: expect.objectContaining({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' }),
      },
      { server: name, state: 'closed', openMs: expect.any(Number) },
    ])
    expect(warnings.filter((message) => message.includes('again'))).toEqual([
      expect.stringMatching(/^keyedcache: redis 127\.0\.0\.1:\d+\/0 is responding again, after \d+\.\d s\.$/),
    ])
  })
})

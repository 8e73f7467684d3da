import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test, vi } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { noFigures } from '../../src/stats/figures.js'
import { MemoryStatistics } from '../../src/store/memory-statistics.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Report } from '../../src/store/statistics.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { startRedis } from '../helpers/redis.js'

const QUIET = { warn() {} }

describeOnEveryBackend('Shared statistics', (open) => {
  test('sum all processes, and are exact for the process that reads them', async () => {
    const [one, other] = [open(), open()]
    await one.getOrSet('product::1', () => 'v')
    await other.get('product::1')
    await other.get('product::2')
    await other.delete('product', { children: true })
    await one.clear()
    await other.stats()
    const stats = await one.stats()
    expect(stats).toMatchObject({
      clears: 1,
      storeFailures: 0,
      totals: { hits: 1, misses: 2, missesBy: { absent: 2 }, computations: 1, deletes: 1, treeDeletes: 1 },
    })
    expect([...stats.families.keys()]).toEqual(['product'])
    expect(stats.families.get('product')).toEqual(stats.totals)
    expect(stats.processes).toHaveLength(2)
    expect(stats.processes.filter(({ isThis }) => isThis)).toMatchObject([
      { pid: process.pid, isLate: false },
    ])
    expect(stats.processes.map(({ totals }) => totals.misses).sort()).toEqual([1, 1])
  })

  test('arrive by themselves within about a second, and stay when their process ends', async () => {
    const [one, other] = [open(), open()]
    await other.get('a::1')
    await vi.waitFor(async () => expect((await one.stats()).totals.misses).toBe(1), {
      timeout: 4_000,
      interval: 50,
    })
    await other.get('a::2')
    await other.get('b::1')
    if (internalsOf(one).isShared) await other.close()
    else await other.stats()
    expect((await one.stats()).totals.misses).toBe(3)
  })

  test('are counted once by concurrent reads', async () => {
    const cache = open()
    await cache.set('a', 1)
    await Promise.all(Array.from({ length: 10 }, () => cache.get('a')))
    const all = await Promise.all(Array.from({ length: 10 }, () => cache.stats()))
    for (const { totals } of all) expect(totals).toMatchObject({ hits: 10, writes: 1 })
    expect((await cache.stats()).totals).toMatchObject({ hits: 10, writes: 1 })
  })

  test('have a history', async () => {
    const cache = open()
    await cache.get('a')
    await cache.stats()
    for (const resolution of ['fine', 'coarse'] as const) {
      const steps = await cache.history(resolution)
      expect(steps.reduce((sum, { figures }) => sum + figures.misses, 0)).toBe(1)
    }
  })

  test('hold computing time, saved time and latency', async () => {
    const cache = open()
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 40))
      return 'slow'
    }
    await cache.getOrSet('slow', slow)
    for (let i = 0; i < 4; i++) await cache.get('slow')
    const { totals } = await cache.stats()
    expect(totals.computingMs).toBeGreaterThan(35)
    expect(totals.savedMs / totals.computingMs).toBeCloseTo(4, 0)
    const counts = Object.entries(totals.latency).map(([timed, classes]) => [
      timed,
      classes.reduce((a, b) => a + b, 0),
    ])
    expect(Object.fromEntries(counts)).toEqual({ request: 0, process: 0, store: 4, miss: 1, compute: 1 })
  })
})

test('an unconfirmed report is sent again unchanged, before the next one', async () => {
  const store = new MemoryStore()
  const taken: Report[] = []
  const inner = new MemoryStatistics()
  let fails = true
  const statistics = Object.assign(Object.create(inner) as MemoryStatistics, {
    async report(report: Report) {
      taken.push(report)
      await inner.report(report)
      // The reply is lost, not the report.
      if (fails) throw new CacheNotRespondingError('no answer')
    },
    figures: () => inner.figures(),
  })
  const cache = createCache({ store: Object.assign(store, { statistics }), logger: QUIET })
  await cache.get('a')
  await expect(cache.stats()).rejects.toThrow('no answer')
  await cache.get('a')
  await expect(cache.stats()).rejects.toThrow('no answer')
  fails = false
  await cache.get('b')
  expect((await cache.stats()).totals.misses).toBe(3)
  expect(taken.map(({ sequence }) => sequence)).toEqual([1, 1, 1, 2])
  expect(taken[1]).toBe(taken[0])
  await cache.close()
})

test('a store without statistics has figures of this process', async () => {
  const store = new MemoryStore()
  Object.defineProperty(store, 'statistics', { value: undefined })
  const cache = createCache({ store })
  await cache.get('a')
  expect(await cache.stats()).toMatchObject({ scope: 'this process', totals: { misses: 1 } })
  await cache.close()
})

test('an unused cache reports nothing, and opens no connection', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cache = createCache({ redis: `redis://127.0.0.1:${port}`, keyPrefix: 'unused', logger: QUIET })
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  expect(connections).toBe(0)
  await cache.get('a')
  expect(connections).toBeGreaterThan(0)
  await cache.close()
  server.close()
})

test('figures counted while Redis is frozen are reported after the outage', async () => {
  const redis = await startRedis()
  const cache = createCache({
    redis: redis.url,
    keyPrefix: 'gone',
    timeouts: { store: '200ms' },
    logger: QUIET,
  })
  await cache.set('a', 1)
  await cache.stats()
  redis.freeze()
  for (let i = 0; i < 3; i++) await cache.get('a')
  await expect(cache.stats()).rejects.toThrow(CacheNotRespondingError)
  redis.thaw()
  await vi.waitFor(async () => expect((await cache.stats()).totals).toMatchObject({ misses: 3, writes: 1 }), {
    timeout: 10_000,
  })
  expect((await cache.stats()).totals.missesBy).toEqual({ 'store-down': 3 })
  await cache.close()
  await redis.stop()
})

test('nothing is counted with stats: false', async () => {
  const cache = createCache({ store: 'memory', stats: false })
  await cache.getOrSet('a', () => 1)
  await cache.get('a')
  await cache.delete('a')
  await cache.clear()
  expect(await cache.stats()).toMatchObject({ totals: noFigures(), clears: 0, families: new Map() })
  await cache.close()
})

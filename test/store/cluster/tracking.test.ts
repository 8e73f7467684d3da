import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { KeyedCache } from '../../../src/cache.js'
import { createCache } from '../../../src/create-cache.js'
import type { CacheOptions } from '../../../src/options.js'
import { slotOf } from '../../../src/store/redis/cluster/slot.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'

/** Maximum time for which a process may serve what another has changed, and some for a busy machine. */
const BOUND_MS = 1_000 + 200

let cluster: RedisCluster
let prefixes = 0
const caches: KeyedCache[] = []

beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
})
afterAll(() => cluster?.stop())

/** A cache with process memory, and one of another process. */
function open(redis: string = cluster.url): readonly [KeyedCache, KeyedCache] {
  const keyPrefix = `tracking:${++prefixes}`
  const options: CacheOptions = { redis, keyPrefix, timeouts: { store: '1s' }, logger: { warn() {} } }
  const both = [createCache({ ...options, memory: {} }), createCache(options)] as const
  caches.push(...both)
  return both
}

const isServing = (cache: KeyedCache) =>
  expect.poll(() => cache.memoryUsage?.isServing, { timeout: 15_000 }).toBe(true)

const keys = Array.from({ length: 30 }, (_, index) => ['product', index] as const)

async function other(node: ClusterNode): Promise<ClusterNode> {
  return (await cluster.masters()).find((master) => master !== node) as ClusterNode
}

test('what another process changes on any master leaves process memory at once', async () => {
  const [cache, writer] = open()
  await Promise.all(keys.map((key) => writer.set(key, 'old', { ttl: '1h' })))
  await cache.get(keys[0] as [string, number])
  await isServing(cache)
  for (const key of keys) expect(await cache.get(key)).toBe('old')
  for (const key of keys) expect(await cache.get(key)).toBe('old')
  expect(cache.processStats().totals.processHits).toBeGreaterThanOrEqual(keys.length)
  await Promise.all(keys.map((key) => writer.set(key, 'new', { ttl: '1h' })))
  await expect
    .poll(() => Promise.all(keys.map((key) => cache.get(key))), { timeout: 1_000, interval: 5 })
    .toEqual(keys.map(() => 'new'))
  await writer.delete('product', { children: true })
  await expect
    .poll(() => Promise.all(keys.map((key) => cache.get(key))), { timeout: 1_000, interval: 5 })
    .toEqual(keys.map(() => undefined))
})

test('a cache that was given one node has process memory too', async () => {
  const [cache, writer] = open(`redis://127.0.0.1:${cluster.nodes[0]?.port}`)
  await writer.set('a', 'old', { ttl: '1h' })
  expect(await cache.get('a')).toBe('old')
  await isServing(cache)
  await cache.get('a')
  await writer.set('a', 'new', { ttl: '1h' })
  await expect.poll(() => cache.get('a'), { timeout: 1_000, interval: 5 }).toBe('new')
})

/** Changes keys all the time in one process, and reads them from the memory of another. Collects what was too old. */
function startChanges(cache: KeyedCache, writer: KeyedCache) {
  const tooOld: string[] = []
  let isRunning = true
  /** When the store had confirmed each value, by key. */
  const confirmed = keys.map((): { value: number; at: number }[] => [])
  const write = async (index: number) => {
    for (let value = 1; isRunning; value++) {
      const isStored = await writer.set(keys[index] as [string, number], value, { ttl: '1h' })
      if (isStored) confirmed[index]?.push({ value, at: performance.now() })
      await pause(30)
    }
  }
  const read = async (index: number) => {
    while (isRunning) {
      const begin = performance.now()
      const value = (await cache.get(keys[index] as [string, number])) as number | undefined
      const newer = value !== undefined && confirmed[index]?.find((one) => one.value > value)
      if (newer && begin - newer.at > BOUND_MS) {
        tooOld.push(`${keys[index]} is ${value}, ${Math.round(begin - newer.at)} ms after ${newer.value}`)
      }
      await pause(7)
    }
  }
  const working = Promise.all(keys.flatMap((_, index) => [write(index), read(index)]))
  return async () => {
    isRunning = false
    await working
    return tooOld
  }
}

test('nothing is older than the bound through a failover, and a failback', async () => {
  const [cache, writer] = open()
  const stop = startChanges(cache, writer)
  try {
    await isServing(cache)
    const [master] = await cluster.masters()
    await cluster.failover(master as ClusterNode)
    await pause(1_500)
    await isServing(cache)
  } finally {
    expect(await stop()).toEqual([])
  }
  expect(cache.processStats().totals.processHits).toBeGreaterThan(0)
})

test('a replaced master that is cut off from the new one proves nothing, though its connections are there', async () => {
  const [cache, writer] = open()
  await writer.set('a', 'old', { ttl: '1h' })
  await cache.get('a')
  await isServing(cache)
  expect(await cache.get('a')).toBe('old')
  const master = await cluster.masterOf(`tracking:${prefixes}:a`)
  await cluster.failover(master)
  // It cannot replicate from the new master: a password that is not there is refused.
  await master.admin.config('SET', 'masterauth', 'none')
  await master.admin.client('KILL', 'TYPE', 'master')
  await expect.poll(() => writer.set('a', 'new', { ttl: '1h' }), { timeout: 5_000 }).toBe(true)
  const begin = performance.now()
  while ((await cache.get('a')) !== 'new') {
    expect(performance.now() - begin).toBeLessThan(BOUND_MS)
    await pause(5)
  }
  await master.admin.config('SET', 'masterauth', '')
  await isServing(cache)
})

test('nothing is older than the bound while slots are moved', async () => {
  const [cache, writer] = open()
  const stop = startChanges(cache, writer)
  try {
    await isServing(cache)
    const name = `tracking:${prefixes}:product::1`
    const from = await cluster.masterOf(name)
    const slots = new Set<number>()
    for (const [, index] of keys) {
      const own = `tracking:${prefixes}:product::${index}`
      if ((await cluster.masterOf(own)) === from) slots.add(slotOf(own))
    }
    await cluster.reshard(from, await other(from), [...slots])
    await pause(1_500)
    await isServing(cache)
  } finally {
    expect(await stop()).toEqual([])
  }
})

test('a killed master takes process memory with it, until another has its slots', async () => {
  const [cache, writer] = open()
  await writer.set('a', 'old', { ttl: '1h' })
  await cache.get('a')
  await isServing(cache)
  const master = await cluster.masterOf(`tracking:${prefixes}:a`)
  await pause(200)
  await master.kill()
  await expect.poll(() => cache.memoryUsage?.isServing, { timeout: 2_000 }).toBe(false)
  await cluster.takenOver(master)
  await isServing(cache)
  await expect.poll(() => cache.get('a'), { timeout: 5_000 }).toBe('old')
  await expect.poll(() => writer.set('a', 'new', { ttl: '1h' }), { timeout: 5_000 }).toBe(true)
  await expect.poll(() => cache.get('a'), { timeout: 1_000, interval: 5 }).toBe('new')
  await master.start()
})

import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../../src/cache.js'
import { createCache } from '../../../src/create-cache.js'
import type { CacheOptions } from '../../../src/options.js'
import { startProxy } from '../../helpers/proxy.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'

/** Time for which a deleted value may be read elsewhere: process memory's bound, and some for a busy machine. */
const BOUND_MS = 1_000 + 300

let cluster: RedisCluster
const caches: KeyedCache[] = []

beforeEach(async () => {
  cluster = await startRedisCluster()
})
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
  await cluster?.stop()
})

const keys = Array.from({ length: 24 }, (_, index) => ['product', index] as const)

interface Figures {
  requests: number
  hits: number
  /** Requests that were rejected, with their reasons. */
  errors: string[]
  /** Values that were read later than the bound after a confirmed delete of theirs. */
  stale: string[]
}

/**
 * Requests of two processes, one of them with process memory, whose values come from a data source that changes all the time.
 * Each change is followed by a delete; a value is stale if an older one is read after a delete was confirmed.
 */
function startRequests(redis: CacheOptions['redis']) {
  const options: CacheOptions = { redis, keyPrefix: 'shop', logger: { warn() {} } }
  const [one, two] = [createCache({ ...options, memory: {} }), createCache(options)]
  caches.push(one, two)
  const figures: Figures = { requests: 0, hits: 0, errors: [], stale: [] }
  const source = keys.map(() => 1)
  /** The last version whose delete was confirmed, and when. */
  const confirmed: { version: number; at: number }[][] = keys.map(() => [])
  let isRunning = true
  const request = async (cache: KeyedCache, index: number) => {
    while (isRunning) {
      const begin = performance.now()
      let isHit = true
      try {
        const version = await cache.getOrSet(
          keys[index] as [string, number],
          () => {
            isHit = false
            return source[index] as number
          },
          { ttl: '1h' },
        )
        const newer = confirmed[index]?.find((one) => one.version > version)
        if (newer && begin - newer.at > BOUND_MS) {
          figures.stale.push(
            `${keys[index]}: ${version}, ${Math.round(begin - newer.at)} ms after ${newer.version}`,
          )
        }
      } catch (error) {
        figures.errors.push((error as Error).message)
      }
      figures.requests++
      if (isHit) figures.hits++
      await pause(10)
    }
  }
  const change = async () => {
    for (let index = 0; isRunning; index = (index + 1) % keys.length) {
      const version = (source[index] as number) + 1
      source[index] = version
      if (await two.delete(keys[index] as [string, number]))
        confirmed[index]?.push({ version, at: performance.now() })
      await pause(25)
    }
  }
  const working = Promise.all([
    change(),
    ...[one, two].flatMap((cache) => keys.map((_, index) => request(cache, index))),
  ])
  return {
    figures,
    /** Resolves when every key is a hit again in both processes. */
    async served(): Promise<number> {
      const begin = performance.now()
      for (const cache of [one, two]) {
        for (const key of keys) {
          await expect.poll(async () => cache.has(key as [string, number]), { timeout: 20_000 }).toBe(true)
        }
      }
      return performance.now() - begin
    },
    async stop(): Promise<Figures> {
      isRunning = false
      await working
      return figures
    },
  }
}

const firstMaster = () => cluster.masterOf('shop:product::0')

async function another(node: ClusterNode): Promise<ClusterNode> {
  return (await cluster.masters()).find((master) => master !== node) as ClusterNode
}

describe('Under load no request is rejected, and no deleted value is read,', () => {
  const faults: [string, () => Promise<unknown>][] = [
    ['while a master fails over', async () => cluster.failover(await firstMaster())],
    [
      'while a master is killed',
      async () => {
        const master = await firstMaster()
        await master.kill()
        await cluster.takenOver(master)
        await master.start()
      },
    ],
    [
      'while the master of the prefix is killed',
      async () => {
        const master = await cluster.masterOf('shop:gen:{shop}')
        await master.kill()
        await cluster.takenOver(master)
        await master.start()
      },
    ],
    [
      'while a master freezes, is replaced and thaws',
      async () => {
        const master = await firstMaster()
        master.freeze()
        await cluster.takenOver(master)
        master.thaw()
      },
    ],
    [
      'while 1,000 slots are moved',
      async () => {
        const master = await firstMaster()
        await cluster.reshard(master, await another(master), 1_000)
      },
    ],
    [
      'while a node is added and removed',
      async () => {
        const node = await cluster.addNode()
        const master = await firstMaster()
        await cluster.reshard(master, node, 300)
        await cluster.reshard(node, master, 300)
        await cluster.removeNode(node)
      },
    ],
  ]
  for (const [name, fault] of faults) {
    test(name, async () => {
      const load = startRequests(cluster.url)
      await load.served()
      await pause(500)
      await fault()
      const served = await load.served()
      await pause(1_500)
      const { requests, hits, errors, stale } = await load.stop()
      if (process.env.SHOW) {
        console.log(
          `${name}: ${requests} requests, ${hits} hits, hits back after ${Math.round(served)} ms, ${errors.length} errors, ${stale.length} stale`,
          stale.slice(0, 5),
        )
      }
      expect(errors).toEqual([])
      expect(stale).toEqual([])
      expect(hits).toBeGreaterThan(requests / 4)
    })
  }

  test('while a master is cut off from one process', async () => {
    const proxies = await Promise.all(cluster.nodes.map(({ port }) => startProxy(port)))
    const natMap = Object.fromEntries(
      cluster.nodes.map(({ port }, index) => {
        const at = Number(new URL(proxies[index]?.url as string).port)
        return [`127.0.0.1:${port}`, { host: '127.0.0.1', port: at }]
      }),
    )
    const load = startRequests({ cluster: proxies.map(({ url }) => url), natMap })
    await load.served()
    const master = await firstMaster()
    proxies[cluster.nodes.indexOf(master)]?.silence()
    await pause(1_000)
    await load.served()
    const { errors, stale } = await load.stop()
    expect(errors).toEqual([])
    expect(stale).toEqual([])
    await Promise.all(proxies.map((proxy) => proxy.stop()))
  })
})

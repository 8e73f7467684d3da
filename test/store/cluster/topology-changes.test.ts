import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { accessOf, type ClusterAccess } from '../../../src/store/redis/access.js'
import { ClusterServers } from '../../../src/store/redis/cluster/cluster-servers.js'
import { slotOf } from '../../../src/store/redis/cluster/slot.js'
import { checkTarget } from '../../../src/store/redis/target.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'
import { type Load, names, startLoad, valuesOf, write } from './load.js'

let cluster: RedisCluster
let servers: ClusterServers
let load: Load

beforeEach(async () => {
  cluster = await startRedisCluster()
  servers = new ClusterServers(accessOf(checkTarget(cluster.url)) as ClusterAccess, {
    connectTimeoutMs: 1_000,
    timeoutMs: 500,
    maxBytes: 1_000_000,
    tracking: () => ({ epoch: undefined }),
  })
  await Promise.all(names.map((name) => write(servers, name, '0')))
  load = startLoad(servers)
})

afterEach(async () => {
  await load?.stop()
  servers?.close()
  await cluster?.stop()
})

const firstMaster = () => cluster.masterOf(names[0] as string)

/** Waits until two rounds of all names go well, and returns the milliseconds that it took. */
async function untilServed(begin = performance.now()): Promise<number> {
  for (;;) {
    load.takeFailures()
    await load.rounds(2)
    if (load.takeFailures().length === 0) return performance.now() - begin
    expect(performance.now() - begin).toBeLessThan(20_000)
  }
}

async function mastersOf(): Promise<string[]> {
  return (await servers.masters()).map(({ description }) => description).sort()
}

async function ports(): Promise<string[]> {
  return (await cluster.masters()).map(({ port }) => `127.0.0.1:${port}`).sort()
}

test('a failover that is asked for fails nothing that another node can run', async () => {
  const master = await firstMaster()
  await cluster.failover(master)
  await untilServed()
  expect(await load.stop()).toEqual([])
  await expect.poll(mastersOf, { timeout: 5_000 }).toEqual(await ports())
})

test('a killed master fails only its own names, until the Cluster has another', async () => {
  const master = await firstMaster()
  const isOwn = new Map<string, boolean>()
  for (const name of names) isOwn.set(name, (await cluster.masterOf(name)) === master)
  await load.stop()
  await master.kill()
  const outcomes = await Promise.allSettled(names.map((name) => servers.read([name], valuesOf)))
  for (const [index, { status }] of outcomes.entries()) {
    expect(status).toBe(isOwn.get(names[index] as string) ? 'rejected' : 'fulfilled')
  }
  load = startLoad(servers)
  await cluster.takenOver(master)
  // The Cluster itself needs one and a half seconds, and some more for the vote.
  expect(await untilServed()).toBeLessThan(3_000)
  expect(await mastersOf()).toEqual(await ports())
  // It comes back as a replica.
  await master.start()
  await pause(500)
  expect(await load.stop()).toEqual([])
})

test('a frozen master is replaced as one that was killed, and takes nothing when it wakes', async () => {
  const master = await firstMaster()
  master.freeze()
  await cluster.takenOver(master)
  await untilServed()
  expect(await mastersOf()).toEqual(await ports())
  master.thaw()
  await pause(1_000)
  expect(await load.stop()).toEqual([])
})

test('a node that is added gets its slots, and one that is removed loses its connection', async () => {
  const node = await cluster.addNode()
  const from = await firstMaster()
  const owned = await Promise.all(
    names.map(async (name) => ((await cluster.masterOf(name)) === from ? [name] : [])),
  )
  const slots = [...new Set(owned.flat().map(slotOf))]
  await cluster.reshard(from, node, slots)
  await expect.poll(mastersOf, { timeout: 5_000 }).toHaveLength(4)
  await cluster.reshard(node, from, slots)
  await expect.poll(mastersOf, { timeout: 5_000 }).toHaveLength(3)
  await expect
    .poll(async () => String(await node.admin.client('LIST')).includes('name=keyedcache'), { timeout: 5_000 })
    .toBe(false)
  await cluster.removeNode(node)
  expect(await load.stop()).toEqual([])
})

test('lease events come on a node that is left when another one is killed', async () => {
  const subscriber = servers.openSubscriber()
  const heard: string[] = []
  let connects = 0
  subscriber.on('message', (_channel, text) => heard.push(text))
  subscriber.on('ready', () => {
    connects++
    // It may be killed meanwhile.
    subscriber.subscribe('news').catch(() => {})
  })
  await subscriber.connect()
  const at = cluster.nodes.find(({ port }) => port === subscriber.options.port) as ClusterNode
  await at.kill()
  await expect.poll(() => connects, { timeout: 10_000 }).toBeGreaterThan(1)
  const others = cluster.nodes.filter((node) => node !== at)
  await expect
    .poll(
      async () => {
        await Promise.all(others.map(({ admin }) => admin.publish('news', 'hello')))
        return heard
      },
      { timeout: 10_000 },
    )
    .toContain('hello')
  subscriber.disconnect()
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisCluster, startRedisCluster } from './redis-cluster.js'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterAll(() => cluster?.stop())

test('has three masters that share all slots, each with a replica', async () => {
  const masters = await cluster.masters()
  expect(masters).toHaveLength(3)
  const replicas = await Promise.all(masters.map((master) => cluster.replicaOf(master)))
  expect(new Set([...masters, ...replicas]).size).toBe(6)
  expect(cluster.url).toMatch(/^redis\+cluster:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/)
})

test('moves slots with their keys', async () => {
  const from = await cluster.masterOf('a')
  const [to] = (await cluster.masters()).filter((master) => master !== from)
  if (!to) throw new Error('There is one master only.')
  await from.admin.set('a', 1)
  const slot = await from.admin.cluster('KEYSLOT', 'a')
  const open: string[] = []
  await cluster.reshard(from, to, [slot], async () => {
    open.push(
      (await from.admin.get('{a}2').catch((error: Error) => error.message.split(' ')[0] as string)) as string,
    )
  })
  expect(open).toEqual(['ASK'])
  expect(await cluster.masterOf('a')).toBe(to)
  expect(await to.admin.get('a')).toBe('1')
  await cluster.flush()
})

test('makes a replica the master', async () => {
  const [master] = await cluster.masters()
  if (!master) throw new Error('There is no master.')
  const replica = await cluster.failover(master)
  expect(await cluster.masters()).toContain(replica)
  expect(await cluster.masters()).not.toContain(master)
})

test('adds and removes a node', async () => {
  const node = await cluster.addNode()
  const [from] = await cluster.masters()
  if (!from) throw new Error('There is no master.')
  await cluster.reshard(from, node, 20)
  expect(await cluster.masters()).toHaveLength(4)
  await cluster.reshard(node, from, 20)
  await cluster.removeNode(node)
  expect(await cluster.masters()).toHaveLength(3)
  expect(cluster.nodes).toHaveLength(6)
})

test('replaces a killed master, which comes back as a replica', async () => {
  const [master] = await cluster.masters()
  if (!master) throw new Error('There is no master.')
  await master.kill()
  const replica = await cluster.takenOver(master)
  await master.start()
  await expect.poll(() => cluster.replicaOf(replica).catch(() => undefined), { timeout: 20_000 }).toBe(master)
})

import { setTimeout as pause } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accessOf, type ClusterAccess } from '../../../src/store/redis/access.js'
import { ClusterServers } from '../../../src/store/redis/cluster/cluster-servers.js'
import { slotOf } from '../../../src/store/redis/cluster/slot.js'
import { PROBE } from '../../../src/store/redis/scripts/probe.js'
import { checkTarget, type RedisTarget } from '../../../src/store/redis/target.js'
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'
import { names, startLoad, valuesOf, write } from './load.js'

let cluster: RedisCluster
const opened: ClusterServers[] = []

beforeAll(async () => {
  cluster = await startRedisCluster()
})
beforeEach(() => cluster.flush())
afterEach(() => {
  for (const servers of opened.splice(0)) servers.close()
})
afterAll(() => cluster?.stop())

function open(redis: RedisTarget = cluster.url, timeoutMs = 2_000): ClusterServers {
  const servers = new ClusterServers(accessOf(checkTarget(redis)) as ClusterAccess, {
    connectTimeoutMs: 2_000,
    timeoutMs,
    maxBytes: 1_000_000,
    tracking: () => ({ epoch: undefined }),
  })
  opened.push(servers)
  return servers
}

async function other(node: ClusterNode): Promise<ClusterNode> {
  return (await cluster.masters()).find((master) => master !== node) as ClusterNode
}

describe('The servers of a Cluster', () => {
  test('run scripts and read values, each at the master of its slot', async () => {
    const servers = open()
    expect(await Promise.all(names.map((name) => write(servers, name, name)))).toEqual(names)
    expect(await servers.read([...names, 'missing'], valuesOf)).toEqual([...names, null])
    const read = await servers.read([names[0] as string], (found) => found)
    expect(read.isOneMoment).toBe(true)
    expect(Math.abs(read.now - Date.now())).toBeLessThan(1_000)
    expect(await servers.read(names, ({ isOneMoment }) => isOneMoment)).toBe(false)
    expect(await servers.read(['{a}1', 'x{a}2'], ({ isOneMoment }) => isOneMoment)).toBe(true)
  })

  test('are found from each kind of target', async () => {
    const startup = cluster.nodes.map(({ address }) => address)
    const client = new Cluster([startup[1] as object], { lazyConnect: true })
    const targets: RedisTarget[] = [
      cluster.url,
      { cluster: [`redis://127.0.0.1:${startup[2]?.port}`] },
      // The last is a replica. The first does not answer.
      { cluster: [{ host: '127.0.0.1', port: 1 }, startup.at(-1) as { host: string; port: number }] },
      client,
    ]
    for (const target of targets) expect(await write(open(target), names[0] as string, 'x')).toBe('x')
    client.disconnect()
  })

  test('are found through a natMap', async () => {
    const natMap = Object.fromEntries(
      cluster.nodes.map(({ port }) => [`127.0.0.1:${port}`, { host: 'localhost', port }]),
    )
    const servers = open({ cluster: [`redis://localhost:${cluster.nodes[0]?.port}`], natMap })
    await Promise.all(names.map((name) => write(servers, name, name)))
    expect((await servers.masters()).map(({ description }) => description).sort()).toEqual(
      (await cluster.masters()).map(({ port }) => `localhost:${port}`).sort(),
    )
  })

  test('share the reads of one tick with the same id, and not those of another', async () => {
    const servers = open()
    await write(servers, names[0] as string, '1')
    let asked = 0
    const read = () =>
      servers.readShared(
        'a',
        () => {
          asked++
          return names
        },
        (found) => found,
      )
    const [one, two] = await Promise.all([read(), read()])
    expect(one).toBe(two)
    expect(asked).toBe(1)
    await read()
    expect(asked).toBe(2)
  })

  test('take plain commands for the server of a name', async () => {
    const servers = open()
    for (const name of names) {
      expect(
        await servers.sendTo(name, [
          ['SET', name, '1'],
          ['STRLEN', name],
          ['HGET', name, 'a'],
        ]),
      ).toEqual(
        ['OK', 1, expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE/) })].map((reply) =>
          reply === 'OK' ? Buffer.from('OK') : reply,
        ),
      )
    }
  })

  test('fail within the deadline where no node answers', async () => {
    const servers = open('redis+cluster://127.0.0.1:1,127.0.0.1:2', 300)
    const begin = performance.now()
    const failure = { code: 'ERR_KEYEDCACHE_NOT_RESPONDING' }
    await expect(servers.read(['a'], valuesOf)).rejects.toMatchObject(failure)
    await expect(write(servers, 'a', '1')).rejects.toMatchObject(failure)
    await expect(servers.sendTo('a', [['GET', 'a']])).rejects.toMatchObject(failure)
    await expect(servers.masters()).rejects.toMatchObject(failure)
    expect(performance.now() - begin).toBeLessThan(4 * 300 + 200)
  })

  test('say that a server is no Cluster', async () => {
    const single = open('redis+cluster://127.0.0.1:1', 300)
    await expect(single.masters()).rejects.toThrow(/Redis is not responding/)
  })

  test('close what they have opened', async () => {
    const servers = open()
    await Promise.all(names.map((name) => write(servers, name, name)))
    servers.openSubscriber()
    servers.close()
    await expect(write(servers, names[0] as string, '1')).rejects.toThrow('its connection was closed')
    for (const { admin } of cluster.nodes) {
      await expect
        .poll(async () => String(await admin.client('LIST')).includes('name=keyedcache'), { timeout: 5_000 })
        .toBe(false)
    }
  })
})

describe('While slots are moved', () => {
  test('reads and scripts of each state of a slot get the right answer', async () => {
    const servers = open()
    const [present, absent, pair] = ['{moving}present', '{moving}absent', '{moving}pair'] as const
    await write(servers, present, 'old')
    const from = await cluster.masterOf(present)
    const to = await other(from)
    await cluster.reshard(from, to, [slotOf(present)], async () => {
      // Here still, and not here any more, for one name and for several.
      expect(await servers.read([present], valuesOf)).toEqual(['old'])
      expect(await servers.read([absent], valuesOf)).toEqual([null])
      expect(await servers.read([present, absent], valuesOf)).toEqual(['old', null])
      // What is new is at the other node by now.
      expect(await write(servers, absent, 'new')).toBe('new')
      expect(await to.admin.call('ASKING')).toBe('OK')
      expect(await servers.read([absent, present], valuesOf)).toEqual(['new', 'old'])
      expect(await servers.sendTo(absent, [['STRLEN', absent], ['TIME'], ['STRLEN', present]])).toEqual([
        3,
        expect.anything(),
        3,
      ])
      // The other node has lost its scripts, and the first answer uses up the permission.
      await to.admin.script('FLUSH')
      expect(await write(servers, pair, 'again')).toBe('again')
    })
    expect(await servers.read([present, absent, pair], valuesOf)).toEqual(['old', 'new', 'again'])
    expect(await write(servers, present, 'newest')).toBe('newest')
  })

  test('a script on two names, of which one is absent, waits until its slot is closed', async () => {
    const servers = open(cluster.url, 5_000)
    const [one, two] = ['{two}1', '{two}2']
    await write(servers, one as string, 'old')
    const from = await cluster.masterOf(one as string)
    let writing: Promise<unknown> = Promise.resolve()
    await cluster.reshard(from, await other(from), [slotOf(one as string)], async () => {
      writing = servers.run(PROBE, [one as string, two as string], [Buffer.from('both')])
      await pause(100)
    })
    expect(await writing).toMatchObject({ status: 1 })
    expect(await servers.read([one as string], valuesOf)).toEqual(['both'])
  })

  test('such a script fails within its deadline', async () => {
    const servers = open(cluster.url, 300)
    const [one, two] = ['{late}1', '{late}2']
    await write(servers, one as string, 'old')
    const from = await cluster.masterOf(one as string)
    await cluster.reshard(from, await other(from), [slotOf(one as string)], async () => {
      const begin = performance.now()
      await expect(
        servers.run(PROBE, [one as string, two as string], [Buffer.from('both')]),
      ).rejects.toMatchObject({
        code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
        message: expect.stringMatching(/TRYAGAIN|no answer in time/),
      })
      expect(performance.now() - begin).toBeLessThan(2_000)
    })
  })

  test('writes of one name keep their order', async () => {
    const servers = open()
    for (let round = 0; round < 20; round++) {
      const name = `{order${round}}`
      await write(servers, name, 'first')
      const from = await cluster.masterOf(name)
      await cluster.reshard(from, await other(from), [slotOf(name)])
      // All are refused by the node that had the slot.
      const all = await Promise.allSettled(
        Array.from({ length: 5 }, (_, index) => write(servers, name, String(index))),
      )
      expect(all.at(-1)).toMatchObject({ status: 'fulfilled' })
      expect(await servers.read([name], valuesOf)).toEqual(['4'])
    }
  })

  test('nothing fails under load', async () => {
    const servers = open()
    await Promise.all(names.map((name) => write(servers, name, '0')))
    const load = startLoad(servers)
    const [from] = await cluster.masters()
    await cluster.reshard(from as ClusterNode, await other(from as ClusterNode), 1_000)
    expect(await load.stop()).toEqual([])
    expect(load.calls()).toBeGreaterThan(100)
  })
})

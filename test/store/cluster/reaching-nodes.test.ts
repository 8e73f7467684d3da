import { Cluster } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../../src/cache.js'
import { createCache } from '../../../src/create-cache.js'
import type { Timeout } from '../../../src/duration.js'
import type { RedisTarget } from '../../../src/store/redis/target.js'
import { type Certificate, makeCertificate } from '../../helpers/certificate.js'
import { startProxy, type Proxy as TestProxy } from '../../helpers/proxy.js'
import { type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'
import { testRows } from '../../helpers/rows.js'

const caches: KeyedCache[] = []
const clients: Cluster[] = []
const keys = Array.from({ length: 30 }, (_, index) => ['product', index] as const)

const closeAll = async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
  for (const client of clients.splice(0)) client.disconnect()
}
afterEach(closeAll)

function open(redis: RedisTarget, store: Timeout = '2s'): KeyedCache {
  const cache = createCache({ redis, keyPrefix: 'reached', timeouts: { store }, logger: { warn() {} } })
  caches.push(cache)
  return cache
}

async function everything(cache: KeyedCache): Promise<void> {
  await cache.check()
  expect(await Promise.all(keys.map((key) => cache.set(key, 1, { ttl: '1h' })))).toEqual(keys.map(() => true))
  expect(await Promise.all(keys.map((key) => cache.get(key)))).toEqual(keys.map(() => 1))
}

describe('Nodes with TLS and a user', () => {
  let certificate: Certificate
  let cluster: RedisCluster
  let tlsPorts: number[]
  const user = { username: 'shop', password: 'p@ss' }
  const user64 = 'shop:p%40ss'

  beforeAll(async () => {
    certificate = makeCertificate()
    cluster = await startRedisCluster({
      replicas: false,
      certificate,
      args: [
        ...['--cluster-preferred-endpoint-type', 'hostname', '--cluster-announce-hostname', 'localhost'],
        ...['--user', 'shop', 'on', '>p@ss', '+@all', '~reached:*', '&*'],
      ],
    })
    tlsPorts = cluster.nodes.map(({ tlsPort }) => tlsPort as number)
  })
  afterAll(async () => {
    await cluster?.stop()
    certificate?.remove()
  })

  const tls = () => ({ ca: certificate.pem })
  const ways: [string, () => RedisTarget][] = [
    [
      'options',
      () => ({
        cluster: [{ host: 'localhost', port: tlsPorts[0] as number }],
        redisOptions: { ...user, tls: tls() },
      }),
    ],
    ['options of one node', () => ({ host: 'localhost', port: tlsPorts[1] as number, ...user, tls: tls() })],
    [
      'a client',
      () => {
        const nodes = [{ host: 'localhost', port: tlsPorts[2] as number }]
        const client = new Cluster(nodes, { lazyConnect: true, redisOptions: { ...user, tls: tls() } })
        clients.push(client)
        return client
      },
    ],
    ['a URL without TLS', () => cluster.url.replace('//', `//${user64}@`)],
    [
      'a password that is a function',
      () => ({
        cluster: [`redis://localhost:${tlsPorts[0]}`],
        redisOptions: { username: 'shop', password: async () => 'p@ss', tls: tls() },
      }),
    ],
  ]
  testRows('are reached by', ways, async (target) => everything(open(target())), { after: closeAll })

  test('are not reached with another certificate, and the reason is reported', async () => {
    const cache = open(`rediss+cluster://${user64}@localhost:${tlsPorts[0]}`)
    await expect(cache.check()).rejects.toThrow(/self.signed certificate/)
  })

  test('are not reached with a wrong password, which is not reported', async () => {
    const cache = open(cluster.url.replace('//', '//shop:s3cr3t@'))
    const error = await cache.check().catch((failure: unknown) => failure)
    expect(error).toMatchObject({ message: expect.stringMatching(/WRONGPASS|NOAUTH/) })
    expect(String((error as Error).stack)).not.toContain('s3cr3t')
  })
})

describe('Nodes behind proxies', () => {
  let cluster: RedisCluster
  let proxies: TestProxy[]
  beforeAll(async () => {
    cluster = await startRedisCluster()
    proxies = await Promise.all(cluster.nodes.map(({ port }) => startProxy(port)))
  })
  afterAll(async () => {
    await cluster?.stop()
    await Promise.all(proxies.map((proxy) => proxy.stop()))
  })

  const natMap = () =>
    Object.fromEntries(
      cluster.nodes.map(({ port }, index) => {
        const { hostname, port: at } = new URL((proxies[index] as TestProxy).url)
        return [`127.0.0.1:${port}`, { host: hostname, port: Number(at) }]
      }),
    )

  test('are reached through a natMap alone, and a lost connection is opened again', async () => {
    const cache = open({ cluster: proxies.slice(0, 2).map(({ url }) => url), natMap: natMap() })
    await everything(cache)
    for (const proxy of proxies) proxy.cut()
    await expect
      .poll(() => Promise.all(keys.map((key) => cache.get(key))), { timeout: 5_000 })
      .toEqual(keys.map(() => 1))
    await everything(cache)
  })

  test('one that is cut off from this process fails its own keys only, in time, and is used again', async () => {
    const cache = open({ cluster: proxies.map(({ url }) => url), natMap: natMap() }, '250ms')
    await everything(cache)
    const master = await cluster.masterOf('reached:product::0')
    const top = await cluster.masterOf('reached:gen:{reached}')
    const proxy = proxies[cluster.nodes.indexOf(master)] as TestProxy
    proxy.silence()
    const begin = performance.now()
    const values = await Promise.all(keys.map((key) => cache.get(key)))
    expect(performance.now() - begin).toBeLessThan(600)
    if (master !== top) expect(values).toContain(1)
    expect(values).toContain(undefined)
    // The silent connection is replaced after some seconds, and the next one works.
    await expect
      .poll(() => Promise.all(keys.map((key) => cache.get(key))), { timeout: 15_000 })
      .toEqual(keys.map(() => 1))
  })
})

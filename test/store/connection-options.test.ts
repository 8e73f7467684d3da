import { inspect } from 'node:util'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { accessOf, nodeAccess, type ServerAccess } from '../../src/store/redis/access.js'
import { end, ownClients } from '../../src/store/redis/own-client.js'
import { checkTarget, type RedisTarget } from '../../src/store/redis/target.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { named, testRows } from '../helpers/rows.js'

/** Options that every connection of the cache must have, each with what someone else may want of a connection. */
const REQUIRED: [name: string, wanted: unknown, required: unknown][] = [
  ['keyPrefix', 'app:', ''],
  ['lazyConnect', false, true],
  ['enableOfflineQueue', true, false],
  ['autoResendUnfulfilledCommands', true, false],
  ['autoResubscribe', true, false],
  ['enableAutoPipelining', true, false],
  ['maxRetriesPerRequest', 5, 0],
  ['stringNumbers', true, false],
  ['protocol', 3, 2],
  ['replyMapping', 'resp3', 'legacy'],
  ['commandTimeout', 5, undefined],
  ['socketTimeout', 5, undefined],
  ['blockingTimeout', 5, undefined],
  ['disconnectTimeout', 5_000, 100],
  ['showFriendlyErrorStack', true, false],
]

/** What a client may have besides, and options refuse. */
const OF_A_CLIENT: typeof REQUIRED = [
  ['role', 'slave', 'master'],
  ['readOnly', true, false],
  ['monitor', true, false],
]

/** The options of the connections that the cache opens. */
function effective(target: RedisTarget): Record<string, unknown>[] {
  const access = accessOf(checkTarget(target))
  const server: ServerAccess =
    access.kind === 'server' ? access : nodeAccess(access, { host: '10.0.0.1', port: 7000 })
  const clients = ownClients(server, 1_000)
  const opened = [clients.open(() => false), clients.openSubscriber()]
  for (const client of opened) end(client)
  return opened.map(({ options }) => options as unknown as Record<string, unknown>)
}

const all = Object.fromEntries([...REQUIRED, ...OF_A_CLIENT].map(([name, wanted]) => [name, wanted]))
const ofOptions = Object.fromEntries(REQUIRED.map(([name, wanted]) => [name, wanted]))
const query = new URLSearchParams(
  REQUIRED.map(([name, wanted]) => [name, String(wanted)] as [string, string]),
)

describe('Whatever they are opened from, the connections of a cache have what they need', () => {
  const lazy = { lazyConnect: true }
  const clients: [string, () => RedisTarget][] = [
    ['a client', () => new Redis({ ...all, ...lazy, host: '10.0.0.1', port: 7000 })],
    [
      'a client of a Cluster',
      () => new Cluster([{ host: '10.0.0.1', port: 7000 }], { ...lazy, redisOptions: all }),
    ],
  ]
  const givens: [string, () => RedisTarget][] = [
    ['a URL', () => `redis://10.0.0.1:7000?${query}`],
    ['a path', () => `/run/redis.sock?${query}`],
    ['a URL of a Cluster', () => `redis+cluster://10.0.0.1:7000?${query}`],
    ['a URL of sentinels', () => `redis+sentinel://10.0.0.1:7000/mymaster?${query}`],
    ['options', () => ({ ...ofOptions, host: '10.0.0.1', port: 7000 })],
    ['options of a Cluster', () => ({ cluster: ['redis://10.0.0.1:7000'], redisOptions: ofOptions })],
  ]
  const rows = [...givens, ...clients].flatMap(([way, target]) =>
    [...REQUIRED, ...(target === givens[0]?.[1] ? [] : OF_A_CLIENT)].map(
      ([name, , required]) => [`${name} of ${way}`, { target, name, required }] as const,
    ),
  )
  testRows('in every option', rows, ({ target, name, required }) => {
    for (const options of effective(target())) expect(options[name]).toEqual(required)
  })

  test('and all that says where the server is and who asks', () => {
    const own = { username: 'app', password: 'pw', tls: { servername: 'x' }, family: 6, keepAlive: 5 }
    const place = { host: '10.0.0.1', port: 7000 }
    for (const target of [
      { ...own, ...place },
      new Redis({ ...own, ...place, ...lazy }),
      { cluster: [place], redisOptions: own },
      new Cluster([place], { ...lazy, redisOptions: own }),
      new Cluster([{ ...own, ...place }], lazy),
    ] as RedisTarget[]) {
      for (const options of effective(target)) expect(options).toMatchObject({ ...own, ...place })
    }
    const url = 'rediss://app:p%40w@10.0.0.1:7000/3?family=6&connectTimeout=70&noDelay=false&connectionName=a'
    for (const options of effective(url)) {
      expect(options).toMatchObject({ ...place, username: 'app', password: 'p@w', db: 3, tls: {} })
      expect(options).toMatchObject({ family: 6, connectTimeout: 70, noDelay: false, connectionName: 'a' })
    }
    for (const options of effective('/run/redis.sock?db=2&password=pw')) {
      expect(options).toMatchObject({ path: '/run/redis.sock', db: 2, password: 'pw' })
    }
  })

  test('and the time and the name of the cache, unless its options have others', () => {
    const [ours] = effective('redis://a')
    expect(ours).toMatchObject({ connectTimeout: 1_000, connectionName: 'keyedcache' })
    expect(effective(new Redis({ connectTimeout: 9, connectionName: 'app', ...lazy }))[0]).toMatchObject({
      connectTimeout: 1_000,
      connectionName: 'keyedcache',
    })
    expect(effective({ host: 'a', connectTimeout: 9, connectionName: 'app' })[0]).toMatchObject({
      connectTimeout: 9,
      connectionName: 'app',
    })
  })
})

/** A text for the name of a row; clients have cycles. */
const shapeOf = (target: RedisTarget) => {
  return inspect(target, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 100)
}

describe('What a target says', () => {
  const prefixed: RedisTarget[] = [
    'redis://a?keyPrefix=app:',
    { host: 'a', keyPrefix: 'app:' },
    new Redis({ keyPrefix: 'app:', lazyConnect: true }),
    'redis+cluster://a?keyPrefix=app:',
    { cluster: ['redis://a'], redisOptions: { keyPrefix: 'app:' } },
    new Cluster([{ host: 'a' }], { lazyConnect: true, keyPrefix: 'app:' }),
    new Cluster([{ host: 'a' }], { lazyConnect: true, redisOptions: { keyPrefix: 'app:' } }),
  ]
  testRows('about a key prefix precedes that of the cache', named(prefixed, shapeOf), (target) => {
    expect(accessOf(checkTarget(target)).keyPrefix).toBe('app:')
  })

  const nodes = [
    { host: 'a', port: 7000 },
    { host: '::1', port: 6379 },
  ]
  const clusters: RedisTarget[] = [
    'redis+cluster://user:pw@a:7000,[::1]',
    { cluster: ['redis://a:7000', { host: '::1' }] },
    { cluster: [{ host: 'a', port: '7000' }, 'redis://[::1]:6379'] },
    new Cluster([{ host: 'a', port: 7000 }, 'redis://[::1]'] as never, { lazyConnect: true }),
    new Cluster([{ host: 'a', port: 7000 }, '[::1]:6379'] as never, { lazyConnect: true }),
  ]
  testRows('about the nodes of a Cluster', named(clusters, shapeOf), (target) => {
    const access = accessOf(checkTarget(target))
    expect(access.kind === 'cluster' && access.startupNodes()).toEqual(nodes)
  })

  test('about sentinels', () => {
    const url = 'redis+sentinel://app:p%40w@a:1,b/my%2Dmaster?db=2&sentinelPassword=s'
    expect(accessOf(checkTarget(url)).current()).toEqual({
      sentinels: [
        { host: 'a', port: 1 },
        { host: 'b', port: 26_379 },
      ],
      name: 'my-master',
      username: 'app',
      password: 'p@w',
      sentinelPassword: 's',
      db: 2,
    })
    expect(accessOf(checkTarget('rediss+sentinel://a/m')).current()).toMatchObject({
      tls: {},
      sentinelTLS: {},
      enableTLSForSentinelMode: true,
    })
  })
})

describe('A server', () => {
  let server: RedisServer
  let admin: Redis
  let keyPrefix = ''
  let prefixes = 0
  const caches: KeyedCache[] = []
  const clients: Redis[] = []
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
  })
  const open = (redis: RedisTarget) => {
    keyPrefix = `options:${++prefixes}`
    const cache = createCache({
      redis,
      keyPrefix,
      timeouts: { store: '2s' },
      throwOnStoreError: true,
      logger: { warn() {} },
    })
    caches.push(cache)
    return cache
  }
  const closeAll = async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()))
    for (const client of clients.splice(0)) client.disconnect()
  }
  afterEach(closeAll)
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  const everything = async (cache: KeyedCache) => {
    await cache.check()
    expect(await cache.set(['product', 1], 'Lamp', { ttl: '1h' })).toBe(true)
    expect(await cache.get(['product', 1])).toBe('Lamp')
    expect(await cache.getOrSet(['product', 2], () => 'Chair', { ttl: '1h' })).toBe('Chair')
    expect((await cache.list({})).entries).toHaveLength(2)
    expect(await cache.delete('product', { children: true })).toBe(true)
    expect(await cache.get(['product', 1])).toBeUndefined()
    expect(await cache.stats()).toMatchObject({ scope: 'all processes' })
    expect(await cache.usage()).toMatchObject({ usedBytes: expect.any(Number) })
  }

  const ways: [string, () => RedisTarget][] = [
    ['a URL', () => `${server.url}?${query}`],
    ['options', () => ({ ...ofOptions, host: '127.0.0.1', port: server.port })],
    [
      'a client',
      () => {
        const client = new Redis({
          ...all,
          host: '127.0.0.1',
          port: server.port,
          lazyConnect: true,
        } as RedisOptions)
        clients.push(client)
        return client
      },
    ],
  ]
  testRows(
    'serves everything, whatever else its target has',
    ways,
    async (target) => {
      await everything(open(target()))
      expect((await admin.keys('*')).filter((name) => name.includes(keyPrefix))).not.toEqual([])
      for (const name of await admin.keys('*')) expect(name).not.toMatch(/app:app:/)
    },
    { after: closeAll },
  )

  test('has its entries in the database of the target', async () => {
    for (const target of [
      `${server.url}/3`,
      `${server.url}?db=3`,
      { host: '127.0.0.1', port: server.port, db: 3 },
    ]) {
      await open(target).set('a', 1, { ttl: '1h' })
      const other = new Redis(server.url, { db: 3 })
      expect(await other.exists(`${keyPrefix}:a`)).toBe(1)
      other.disconnect()
    }
  })

  test('that has no such database takes nothing into another', async () => {
    const cache = open(`${server.url}/9999`)
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(cache.set('a', 1, { ttl: '1h' })).rejects.toMatchObject({
        code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
        message: expect.stringContaining('DB index is out of range'),
      })
    }
    expect(await admin.keys(`${keyPrefix}:*`)).toEqual([])
  })
})

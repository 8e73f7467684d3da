import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../../src/cache.js'
import { createCache } from '../../../src/create-cache.js'
import type { CacheOptions } from '../../../src/options.js'
import type { RedisTarget } from '../../../src/store/redis/target.js'
import { type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'
import { testRows } from '../../helpers/rows.js'

let cluster: RedisCluster
let prefixes = 0
const caches: KeyedCache[] = []
const clients: Redis[] = []

beforeAll(async () => {
  cluster = await startRedisCluster()
  // A user who may do everything, except for what would tell that this is a Cluster.
  await Promise.all(
    cluster.nodes.map(({ admin }) =>
      admin.call('ACL', 'SETUSER', 'limited', 'on', '>pw', '~*', '&*', '+@all', '-info'),
    ),
  )
})
const closeAll = async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
  for (const client of clients.splice(0)) client.disconnect()
}
afterEach(closeAll)
afterAll(() => cluster?.stop())

const address = (index = 1) => ({ host: '127.0.0.1', port: cluster.nodes[index]?.port as number })
const url = (index = 1) => `redis://127.0.0.1:${address(index).port}`

function open(redis: RedisTarget, options: CacheOptions = {}): KeyedCache {
  const cache = createCache({
    redis,
    keyPrefix: `recognised:${++prefixes}`,
    timeouts: { store: '2s' },
    throwOnStoreError: true,
    logger: { warn() {} },
    ...options,
  })
  caches.push(cache)
  return cache
}

async function everything(cache: KeyedCache, mayReadInfo = true): Promise<void> {
  await Promise.all(
    Array.from({ length: 30 }, (_, index) => cache.set(['product', index], index, { ttl: '1h' })),
  )
  for (let index = 0; index < 30; index++) expect(await cache.get(['product', index])).toBe(index)
  expect(await cache.getOrSet(['product', 'new'], () => 'new', { ttl: '1h' })).toBe('new')
  expect(await cache.delete('product', { children: true })).toBe(true)
  expect(await cache.get(['product', 3])).toBeUndefined()
  await cache.check()
  if (mayReadInfo) expect(await cache.usage()).toMatchObject({ usedBytes: expect.any(Number) })
  expect(await cache.stats()).toMatchObject({ scope: 'all processes' })
}

describe('What names one node of a Cluster', () => {
  const ways: [string, () => RedisTarget][] = [
    ['a URL', () => url()],
    ['a URL with database 0', () => `${url()}/0`],
    ['a URL of a replica', () => url(5)],
    ['options', () => address()],
    ['options without a ready check', () => ({ ...address(), enableReadyCheck: false })],
    [
      'a user who may not run INFO',
      () => ({ ...address(), username: 'limited', password: 'pw', enableReadyCheck: false }),
    ],
    [
      'a client',
      () => {
        const client = new Redis({ ...address(), lazyConnect: true })
        clients.push(client)
        return client
      },
    ],
  ]
  testRows(
    'is used as the Cluster, without a failed call:',
    ways,
    async (target, name) => {
      const cache = open(target())
      await everything(cache, !name.includes('INFO'))
      expect(cache.storeDescription).toMatch(/^redis cluster 127\.0\.0\.1:\d+$/)
    },
    { after: closeAll },
  )

  const firsts: [string, (cache: KeyedCache) => Promise<unknown>][] = [
    ['get', (cache) => cache.get(['product', 1])],
    ['set', (cache) => cache.set(['product', 1], 1, { ttl: '1h' })],
    ['getOrSet', (cache) => cache.getOrSet(['product', 1], () => 1, { ttl: '1h' })],
    ['delete', (cache) => cache.delete('product', { children: true })],
    ['expire', (cache) => cache.expire('product', { children: true })],
    ['clear', (cache) => cache.clear()],
    ['check', (cache) => cache.check()],
    ['usage', (cache) => cache.usage()],
    ['list', (cache) => cache.list({})],
    ['stats', (cache) => cache.stats()],
    ['inspect', (cache) => cache.inspect(['product', 1])],
  ]
  testRows(
    'may be told by any first call:',
    firsts,
    async (call) => {
      const cache = open(url())
      await call(cache)
      await everything(cache)
    },
    { after: closeAll },
  )

  test('may have process memory in its options', async () => {
    const cache = open(url(), { memory: {} })
    await everything(cache)
    expect(cache.memoryUsage?.isServing).toBe(false)
  })

  test('is refused with a database number, in a sentence that says what to write', async () => {
    const cache = open(`${url()}/3`)
    const failures = await Promise.all(
      Array.from({ length: 3 }, () => cache.get('a').catch((error: unknown) => error)),
    )
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
        message: expect.stringMatching(/SELECT is not allowed in cluster mode|leave the database number out/),
      })
    }
  })
})

test('A Cluster is found late where its nodes were started later', async () => {
  const master = await cluster.masterOf('x')
  await master.kill()
  const cache = open(`redis://127.0.0.1:${master.port}`)
  await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' })
  await cluster.takenOver(master)
  await master.start()
  await expect
    .poll(
      () =>
        cache.check().then(
          () => 'served',
          () => 'failed',
        ),
      { timeout: 10_000 },
    )
    .toBe('served')
  await everything(cache)
})

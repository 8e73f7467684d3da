import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createCache, type KeyedCache } from '../../src/index.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { startRedisCluster } from '../helpers/redis-cluster.js'
import { ROOT } from './project.js'
import { readPage } from './samples.js'

// The user with few rights of docs/guide/redis.md can do all that a cache does, and is refused nothing on the way.

let server: RedisServer
let admin: Redis
let rules: string[]

beforeAll(async () => {
  const { others } = await readPage(ROOT, 'docs/guide/redis.md')
  const block = others.find(({ language }) => language === 'acl')?.code
  if (!block?.startsWith('user shop ')) throw new Error('docs/guide/redis.md has no user with few rights')
  rules = block.trim().split(/\s+/).slice(2)
  server = await startRedis()
  admin = new Redis(server.url)
  await admin.call('ACL', 'SETUSER', 'shop', ...rules)
})

afterAll(async () => {
  admin?.disconnect()
  await server?.stop()
})

/** What the server has refused, as `command unlink`. */
async function denied(by = admin): Promise<string[]> {
  const log = (await by.call('ACL', 'LOG')) as string[][]
  return log.map((fields) => {
    const field = (name: string) => fields[fields.indexOf(name) + 1]
    return `${field('reason')} ${field('object')}`
  })
}

async function useEverything(cache: KeyedCache, other: KeyedCache): Promise<void> {
  await cache.check()
  await cache.set(['product', 1], 'Lamp')
  await cache.setMany(Array.from({ length: 200 }, (_, id) => [['many', id], 'x'] as const))
  await cache.getMany([['many', 1], 'nothing'])
  await cache.set('large', Buffer.alloc(2_000_000, 'abcdefg'))
  await other.get('large')
  await cache.has('large')
  // The second waits for the first, so it subscribes.
  const slow = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 300, 'computed')))
  await Promise.all([cache, other].map((one) => one.getOrSet('slow', slow, { ttl: '1s', grace: '10s' })))
  expect(slow).toHaveBeenCalledOnce()
  await cache.withRequestMemory(async (own) => {
    await own.get('fill')
    expect(await own.set('fill', 1)).toBe(true)
  })
  await cache.expire('many', { children: true })
  await cache.expire('slow')
  await cache.delete('product', { children: true })
  await cache.deleteMany(['slow', 'large'])
  expect((await cache.inspect(['product', 1])).reason).toBe('ancestor-deleted')
  for await (const key of cache.keys()) expect(key.text).not.toBe('')
  expect(await cache.usage()).toBeDefined()
  await vi.waitFor(async () => expect((await other.events()).length).toBeGreaterThan(3), 5_000)
  await cache.history('fine')
  await cache.requests()
  await vi.waitFor(() => expect(cache.memoryUsage?.isServing).toBe(true), 5_000)
  expect((await other.stats()).processes.length).toBeGreaterThan(0)
  await cache.clear()
}

test('a user with the rights of the guide can do everything', async () => {
  await admin.call('ACL', 'LOG', 'RESET')
  const warnings: string[] = []
  const options = {
    redis: `redis://shop:secret@127.0.0.1:${server.port}/1`,
    keyPrefix: 'shop',
    throwOnStoreError: true,
    timeouts: { store: '5s' },
    logger: { warn: (message: string) => void warnings.push(message) },
  } as const
  const [cache, other] = [createCache({ ...options, memory: {} }), createCache(options)]
  try {
    await useEverything(cache, other)
  } finally {
    await Promise.all([cache.close(), other.close()])
  }
  expect(await denied()).toEqual([])
  expect(warnings).toEqual([])
})

test('on a Cluster with the further rights of the guide too, also while slots are moved', async () => {
  const text = await readFile(join(ROOT, 'docs/guide/redis.md'), 'utf8')
  const further = /`(\+cluster\|slots[^`]*)`/.exec(text)?.[1]?.split(' ') ?? []
  expect(further).not.toEqual([])
  const cluster = await startRedisCluster({ replicas: false })
  for (const { admin } of cluster.nodes) await admin.call('ACL', 'SETUSER', 'shop', ...rules, ...further)
  const warnings: string[] = []
  const options = {
    redis: cluster.url.replace('//', '//shop:secret@'),
    keyPrefix: 'shop',
    throwOnStoreError: true,
    timeouts: { store: '5s' },
    logger: { warn: (message: string) => void warnings.push(message) },
  } as const
  const [cache, other] = [createCache({ ...options, memory: {} }), createCache(options)]
  try {
    await useEverything(cache, other)
    await cache.set('moved', 1)
    const from = await cluster.masterOf('shop:moved')
    const to = (await cluster.masters()).find((master) => master !== from)
    if (!to) throw new Error('There is one master only.')
    const slot = Number(await from.admin.cluster('KEYSLOT', 'shop:moved'))
    await cluster.reshard(from, to, [slot], async () => {
      expect(await other.get('moved')).toBe(1)
    })
    expect(await other.get('moved')).toBe(1)
    await cache.set('moved', 2)
    expect(await other.get('moved')).toBe(2)
  } finally {
    await Promise.all([cache.close(), other.close()])
  }
  // Without this right the cache does not know whether a node is cut off, and relies on any of them.
  for (const { admin } of cluster.nodes) {
    expect((await denied(admin)).filter((denial) => denial !== 'command cluster|info')).toEqual([])
  }
  expect(warnings).toEqual([])
  await cluster.stop()
})

test('it can do nothing under another prefix', async () => {
  const cache = createCache({
    redis: `redis://shop:secret@127.0.0.1:${server.port}`,
    keyPrefix: 'other',
    throwOnStoreError: true,
    logger: { warn() {} },
  })
  await expect(cache.set('a', 1)).rejects.toThrow('NOPERM')
  await cache.close()
})

import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { RedisTarget } from '../../src/store/redis/target.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { testRows } from '../helpers/rows.js'

let server: RedisServer
let admin: Redis
let password = ''
let asked = 0
const caches: KeyedCache[] = []
const clients: Redis[] = []

beforeEach(async () => {
  password = 'first'
  asked = 0
  server = await startRedis({ args: ['--requirepass', password] })
  admin = new Redis({ port: server.port, password })
})

afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
  for (const client of clients.splice(0)) client.disconnect()
  admin.disconnect()
  await server.stop()
})

function open(redis: RedisTarget, options = {}): KeyedCache {
  const cache = createCache({
    redis,
    keyPrefix: 'shop',
    timeouts: { store: '2s' },
    throwOnStoreError: true,
    logger: { warn() {} },
    ...options,
  })
  caches.push(cache)
  return cache
}

/** Another password is valid from now on, and all connections are lost. */
async function changePassword(): Promise<void> {
  password = 'second'
  await admin.config('SET', 'requirepass', password)
  await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await admin.client('KILL', 'TYPE', 'pubsub')
}

describe('A password that changes', () => {
  const address = () => ({ host: '127.0.0.1', port: server.port })
  const ways: [string, () => RedisTarget][] = [
    ['is asked for at each connect', () => ({ ...address(), password: () => password })],
    ['may be a promise', () => ({ ...address(), password: async () => password })],
    ['may be of a user', () => ({ ...address(), username: 'default', password: () => password })],
    [
      'is taken from the options of a client',
      () => {
        const client = new Redis({ ...address(), password, lazyConnect: true })
        clients.push(client)
        return client
      },
    ],
  ]
  for (const [name, target] of ways) {
    test(`${name}, for commands and for subscriptions`, async () => {
      const cache = open(target(), { memory: {} })
      await cache.set('a', 1, { ttl: '1h' })
      await expect.poll(() => cache.memoryUsage?.isServing, { timeout: 5_000 }).toBe(true)
      await changePassword()
      for (const client of clients) client.options.password = password
      await expect.poll(() => cache.get('a').catch(() => 'failed'), { timeout: 5_000 }).toBe(1)
      await expect.poll(() => cache.memoryUsage?.isServing, { timeout: 5_000 }).toBe(true)
    })
  }

  test('is asked for once for each connection', async () => {
    const ask = () => {
      asked++
      return password
    }
    const cache = open({ ...address(), password: ask })
    await Promise.all([cache.get('a'), cache.get('b'), cache.set('c', 1)])
    await cache.get('a')
    expect(asked).toBe(1)
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await expect.poll(() => cache.get('a').catch(() => 'failed'), { timeout: 5_000 }).toBe(undefined)
    expect(asked).toBe(2)
  })

  const failures: [string, () => string | Promise<string>][] = [
    [
      'throws',
      () => {
        throw new Error('no token today')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no token today'))],
    ['returns no string', () => undefined as never],
    ['does not answer', () => new Promise(() => {})],
  ]
  testRows('is the reason where its function', failures, async (ask) => {
    let isFailing = true
    const cache = open(
      { ...address(), password: () => (isFailing ? ask() : password) },
      { timeouts: { store: '1s', connect: '300ms' } },
    )
    await expect(cache.get('a')).rejects.toMatchObject({
      code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
      message: 'Redis is not responding: the password could not be obtained.',
    })
    isFailing = false
    await expect.poll(() => cache.get('a').catch(() => 'failed'), { timeout: 5_000 }).toBe(undefined)
    await cache.close()
  })

  test('that comes after the cache was closed opens no connection', async () => {
    let resolve: (password: string) => void = () => {}
    const cache = open({
      ...address(),
      password: () =>
        new Promise<string>((given) => {
          resolve = given
        }),
    })
    const reading = cache.get('a').catch((error: Error) => error.message)
    await expect.poll(() => resolve.length).toBe(1)
    await cache.close()
    const before = Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
    resolve(password)
    expect(await reading).toContain('Redis is not responding')
    const after = Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
    expect(after).toBe(before)
  })
})

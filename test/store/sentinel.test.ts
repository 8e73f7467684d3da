import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache } from '../../src/index.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { type Sentinel, startSentinel } from '../helpers/sentinel.js'

let master: RedisServer
let sentinel: Sentinel

beforeAll(async () => {
  master = await startRedis()
  sentinel = await startSentinel('mymaster', master.port)
})

/** Servers that are silent, in the places of sentinels. */
const silent: RedisServer[] = []

afterAll(async () => {
  await Promise.all(silent.map((server) => server.stop()))
  await sentinel?.stop()
  await master?.stop()
})

test('a cache finds the master of its sentinels, with process memory', async () => {
  const cache = createCache({
    // The first does not answer.
    redis: {
      sentinels: [
        { host: '127.0.0.1', port: 1 },
        { host: '127.0.0.1', port: sentinel.port },
      ],
      name: 'mymaster',
    },
    keyPrefix: 'shop',
    memory: {},
    timeouts: { store: '5s' },
    throwOnStoreError: true,
  })
  await cache.check()
  expect(cache.storeDescription).toBe('redis sentinel mymaster/0')
  expect(await cache.set(['product', 1], 'Lamp', { ttl: '1h' })).toBe(true)
  expect(await cache.get(['product', 1])).toBe('Lamp')
  await expect.poll(() => cache.memoryUsage?.isServing, { timeout: 5_000 }).toBe(true)
  expect(await cache.delete('product', { children: true })).toBe(true)
  expect(await cache.get(['product', 1])).toBeUndefined()
  await cache.close()
})

test('a sentinel that is silent is passed over', async () => {
  const frozen = await startRedis()
  silent.push(frozen)
  frozen.freeze()
  const cache = createCache({
    redis: {
      sentinels: [
        { host: '127.0.0.1', port: frozen.port },
        { host: '127.0.0.1', port: sentinel.port },
      ],
      name: 'mymaster',
    },
    keyPrefix: 'shop',
    timeouts: { store: '20s', connect: '300ms' },
  })
  await cache.check()
  await cache.close()
})

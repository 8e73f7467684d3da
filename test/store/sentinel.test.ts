import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache } from '../../src/index.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { type Sentinel, startSentinel } from '../helpers/sentinel.js'

let master: RedisServer
let replica: RedisServer
let sentinel: Sentinel

beforeAll(async () => {
  master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] })
  sentinel = await startSentinel('mymaster', master.port)
})

/** Servers that are silent, in the places of sentinels. */
const silent: RedisServer[] = []

afterAll(async () => {
  await Promise.all(silent.map((server) => server.stop()))
  await sentinel?.stop()
  await replica?.stop()
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

test('a master that is killed under load is followed by its replica: no call errs, and hits and deletes are back', async () => {
  const options = {
    redis: `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster`,
    keyPrefix: 'shop',
    logger: { warn() {} },
  }
  const [cache, other] = [createCache(options), createCache(options)]
  await cache.set('a', 1, { ttl: '1h' })
  await other.get('a')
  await expect.poll(() => sentinel.replicas(), { timeout: 20_000 }).toBe(1)
  let isRunning = true
  let calls = 0
  const load = async (key: string) => {
    while (isRunning) {
      expect(await cache.getOrSet(key, () => key, { ttl: '1h' })).toBe(key)
      calls++
      await pause(5)
    }
  }
  const loads = ['b', 'c', 'd'].map(load)
  try {
    await master.kill()
    await cache.delete('a')
    await expect.poll(() => sentinel.masterPort(), { timeout: 30_000 }).toBe(replica.port)
    expect(calls).toBeGreaterThan(0)
    await expect
      .poll(
        () =>
          cache.check().then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true)
    await expect
      .poll(
        () =>
          other.check().then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true)
    // The delete of the outage is repeated at the new master.
    await expect.poll(() => other.get('a'), { timeout: 10_000 }).toBeUndefined()
    expect(await cache.set('a', 2, { ttl: '1h' })).toBe(true)
    expect(await other.get('a')).toBe(2)
  } finally {
    isRunning = false
  }
  await Promise.all(loads)
  await Promise.all([cache.close(), other.close()])
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

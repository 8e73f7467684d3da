import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../../src/cache.js'
import { createCache } from '../../../src/create-cache.js'
import { Names } from '../../../src/store/redis/names.js'
import { type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'

let cluster: RedisCluster
let cache: KeyedCache

beforeAll(async () => {
  // Nothing takes over: the master is to come back.
  cluster = await startRedisCluster({ nodeTimeoutMs: 60_000, replicas: false })
  cache = createCache({
    redis: cluster.url,
    keyPrefix: 'breakers',
    timeouts: { store: '500ms' },
    logger: { warn() {} },
  })
})
afterAll(async () => {
  for (const node of cluster?.nodes ?? []) node.thaw()
  await cache?.close()
  await cluster?.stop()
})

test('a master that is frozen has its breaker opened, and the keys of the others are served at once', async () => {
  await vi.waitFor(() => cache.check(), { timeout: 10_000, interval: 50 })
  const names = new Names('breakers')
  // The topmost generation is read with every key: the master that has it stays.
  const top = await cluster.masterOf(names.topGeneration())
  const frozen = (await cluster.masters()).find((node) => node.port !== top.port)!
  const keys = { there: [] as string[], elsewhere: [] as string[] }
  for (let n = 0; keys.there.length < 5 || keys.elsewhere.length < 5; n++) {
    const master = await cluster.masterOf(names.entry(`k${n}`))
    keys[master.port === frozen.port ? 'there' : 'elsewhere'].push(`k${n}`)
  }
  for (const key of [...keys.there, ...keys.elsewhere]) expect(await cache.set(key, key)).toBe(true)
  const isOpen = ({ server }: { server: string }) => server.includes(`:${frozen.port}/`)
  frozen.freeze()
  const breakers = () => cache.processStats().breakers
  await vi.waitFor(
    async () => {
      await cache.get(keys.there[0] as string)
      expect(breakers().find(isOpen)?.state).toBe('open')
    },
    { timeout: 20_000, interval: 1 },
  )
  expect(breakers()).toHaveLength(3)
  expect(breakers().filter(({ state }) => state === 'open')).toHaveLength(1)
  for (const key of keys.there) expect(await cache.get(key)).toBe(undefined)
  for (const key of keys.elsewhere) expect(await cache.get(key)).toBe(key)
  expect(await cache.delete(keys.there[1] as string)).toBe(false)
  frozen.thaw()
  await vi.waitFor(() => expect(breakers().every(({ state }) => state === 'closed')).toBe(true), {
    timeout: 5_000,
    interval: 5,
  })
  await vi.waitFor(() => expect(cache.pendingInvalidations).toBe(0), { timeout: 5_000, interval: 5 })
  expect(await cache.get(keys.there[0] as string)).toBe(keys.there[0])
  expect(await cache.get(keys.there[1] as string)).toBe(undefined)
})

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { CacheNotRespondingError } from '../../../src/errors.js'
import { RedisStore } from '../../../src/store/redis/redis-store.js'
import { describeStatistics } from '../../conformance/statistics-conformance.js'
import { describeStoreConformance } from '../../conformance/store-conformance.js'
import { type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'

let cluster: RedisCluster
let prefixes = 0
const WITHIN = { timeout: 20_000, interval: 50 }
const opened: RedisStore[] = []

beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})
afterAll(() => cluster?.stop())

function open(keyPrefix: string): RedisStore {
  const store = new RedisStore({
    redis: cluster.url,
    keyPrefix,
    timeoutMs: 2_000,
    connectTimeoutMs: 2_000,
  })
  opened.push(store)
  return store
}

const newPrefix = () => `conformance:${++prefixes}`

describeStoreConformance('The Redis store on a Cluster', async () => {
  const keyPrefix = newPrefix()
  return { store: open(keyPrefix), other: open(keyPrefix), close: async () => {} }
})

describeStatistics('The Redis store on a Cluster', () => open(newPrefix()).statistics)

test('a check asks every master', async () => {
  const store = new RedisStore({
    redis: cluster.url,
    keyPrefix: newPrefix(),
    timeoutMs: 400,
    connectTimeoutMs: 2_000,
  })
  opened.push(store)
  await vi.waitFor(() => store.check(), WITHIN)
  for (const master of await cluster.masters()) {
    master.freeze()
    try {
      await expect(store.check()).rejects.toThrow(CacheNotRespondingError)
    } finally {
      master.thaw()
    }
    await vi.waitFor(() => store.check(), WITHIN)
  }
})

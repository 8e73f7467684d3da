import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { RedisStore, type RedisStoreOptions } from '../../../src/store/redis/redis-store.js'
import { describeStatistics } from '../../conformance/statistics-conformance.js'
import { describeStoreConformance } from '../../conformance/store-conformance.js'
import { type RedisCluster, startRedisCluster } from '../../helpers/redis-cluster.js'

let cluster: RedisCluster
let prefixes = 0
const opened: RedisStore[] = []

beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})
afterAll(() => cluster?.stop())

function open(options: Partial<RedisStoreOptions> = {}): RedisStore {
  const defaults = {
    redis: cluster.url,
    keyPrefix: `cluster:${++prefixes}`,
    timeoutMs: 2_000,
    connectTimeoutMs: 2_000,
  }
  const store = new RedisStore({ ...defaults, ...options })
  opened.push(store)
  return store
}

describeStoreConformance('A store in a Redis Cluster', async () => {
  const keyPrefix = `conformance:${++prefixes}`
  return { store: open({ keyPrefix }), other: open({ keyPrefix }), close: async () => {} }
})

describeStatistics('A store in a Redis Cluster', () => open().statistics)

describeStoreConformance('A store that was given one node of a Redis Cluster', async () => {
  const keyPrefix = `conformance:${++prefixes}`
  const redis = `redis://127.0.0.1:${cluster.nodes[1]?.port}`
  return { store: open({ keyPrefix, redis }), other: open({ keyPrefix, redis }), close: async () => {} }
})

test('describes itself by its nodes', async () => {
  const store = open()
  expect(store.description).toMatch(/^redis cluster 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/)
})

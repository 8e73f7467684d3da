import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseLease } from '../../src/entry/lease.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { killMembersAfterEach, type Member, startMembers } from './crew.js'

let server: RedisServer
let witness: RedisStore
const keyPrefix = 'closing'
beforeAll(async () => {
  server = await startRedis()
  witness = new RedisStore({ redis: server.url, keyPrefix, timeoutMs: 2_000, connectTimeoutMs: 2_000 })
})
afterAll(async () => {
  await witness.close()
  await server.stop()
})
killMembersAfterEach()

describe('A process that closes its cache while it computes', () => {
  test('is replaced at once by a waiter, and its own caller still gets its value', async () => {
    const redis = { host: '127.0.0.1', port: server.port }
    const [other, ...holders] = (await startMembers(4, { redis, keyPrefix, timeouts: { store: '2s' } })) as [
      Member,
      ...Member[],
    ]
    const took: number[] = []
    for (const [index, holder] of holders.entries()) {
      const key = `a::${index}`
      const own = holder.run('ask', { key, plan: { value: 'old', isHeld: true } })
      await holder.computing(key)
      const asking = other.run('ask', { key, plan: { value: 'new' } })
      await vi.waitFor(
        async () => {
          const { lease } = await witness.peek(CacheKey.from(key))
          expect(lease && parseLease(lease)?.awaited).toBe(true)
        },
        { timeout: 10_000, interval: 5 },
      )
      const began = await holder.run('close')
      took.push((await other.computing(key)) - began)
      expect((await asking).outcomes).toMatchObject([{ value: 'new' }])
      await holder.aborted(key)
      await holder.run('letGo', { key })
      expect((await own).outcomes).toMatchObject([{ value: 'old' }])
      expect(await other.run('get', { path: key })).toBe('new')
    }
    expect(await other.run('stats')).toMatchObject({ takeovers: 0, computations: 3 })
    took.sort((a, b) => a - b)
    console.log(
      `Another process computed ${took.map((ms) => ms.toFixed(1)).join(', ')} ms after close() was called`,
    )
    // By itself it would have looked again after a second, and taken over after five.
    expect(took[1]).toBeLessThan(500)
  })
})

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import { startProxy } from '../helpers/proxy.js'
import { useRedis } from '../helpers/use-redis.js'

/** Beyond what any value of ours takes, and what a connection is kept for. */
const HUGE = 200_000_000

const redis = useRedis({ emptied: true })
let cache: KeyedCache
let store: RedisStore
beforeEach(async () => {
  cache = open('5s')
  await vi.waitFor(async () => expect(await cache.set('other', 'of ours')).toBe(true))
  store = new RedisStore({
    redis: redis.server.url,
    keyPrefix: 'large',
    timeoutMs: 5_000,
    connectTimeoutMs: 2_000,
  })
})
afterEach(async () => {
  await cache.close()
  await store.close()
})

/** The time that an operation has: with little, one gives up before the connection does. */
function open(time: '250ms' | '5s', url = redis.server.url): KeyedCache {
  return createCache({
    ...{ redis: url, keyPrefix: 'large', stats: false, logger: { warn() {} } },
    timeouts: { store: time },
  })
}

/** Puts something far too large under a name, without having it here. */
const putHuge = (name: string) => redis.admin.setrange(name, HUGE - 1, 'x')
const putFrame = async (name: string) => {
  await putHuge(name)
  await redis.admin.setrange(name, 0, Buffer.from('kc\x01V123456789012\x01'))
}
/** What the server has sent to anybody. */
const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await redis.admin.info('stats'))?.[1])

describe.each([
  ['a text', putHuge],
  ['what begins like a value of ours', putFrame],
])('A value of 200 MB that is %s', (_, put) => {
  test.each(['250ms', '5s'] as const)(
    'is fetched once, then treated as foreign data, and other reads are unaffected: within %s',
    async (time) => {
      const hurried = open(time)
      try {
        await vi.waitFor(async () => expect(await hurried.get('other')).toBe('of ours'))
        const before = await sent()
        await put('large:hot')
        // The first of them may take the others of its command along.
        await hurried.getMany(['hot', 'other'])
        for (let round = 0; round < 10; round++) {
          await vi.waitFor(
            async () => expect(await hurried.getMany(['hot', 'other'])).toEqual([undefined, 'of ours']),
            { timeout: 10_000, interval: 20 },
          )
        }
        expect((await sent()) - before).toBeLessThan(2 * HUGE)
        expect((await cache.inspect('hot')).reason).toBe('undecodable')
      } finally {
        await hurried.close()
      }
    },
  )

  test('is replaced by a value at once, without a copy', async () => {
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      set: () => cache.set('hot', 'new'),
      observe: () => store.observe(cache.key('hot'), { frame: null, generations: [], now: 0 }),
      delete: () => cache.delete('hot'),
      expire: () => cache.expire('hot'),
      acquire: async () => {
        const token = Buffer.from('123456789012')
        const taken = await store.acquire(cache.key('hot'), token, {
          leaseMs: 1_000,
          awaiting: false,
        })
        expect(taken).toMatchObject({ won: true, reading: { frame: null } })
        await store.release(cache.key('hot'), token)
      },
      inspect: async () => expect((await cache.inspect('hot')).reason).toBe('undecodable'),
      list: async () => {
        for await (const { text } of cache.keys()) expect(text).toBe('other')
      },
    }
    const before = await sent()
    for (const [name, way] of Object.entries(ways)) {
      await put('large:hot')
      await way()
      expect((await sent()) - before, name).toBeLessThan(10_000_000)
      await vi.waitFor(async () => expect(await cache.set('hot', name)).toBe(true))
      expect(await cache.get('hot'), name).toBe(name)
    }
  })

  test.each(['large:gen:{large:tree}', 'large:lease:{large:tree::1}'])(
    'in the place of %s is replaced, and does not prevent reads of its family',
    async (name) => {
      await cache.set('tree::1', 1)
      await put(name)
      await cache.getMany(['tree::1', 'other'])
      await vi.waitFor(
        async () => {
          expect(await cache.set('tree::1', 2)).toBe(true)
          expect(await cache.getOrSet('tree::1', () => 3)).toBe(2)
          expect(await cache.get('other')).toBe('of ours')
        },
        { timeout: 10_000, interval: 20 },
      )
    },
  )
})

test('reads that are lost behind a reply that is too large are sent again within their deadline', async () => {
  const slow = open('5s')
  await slow.get('other')
  await putHuge('large:hot')
  const hot = slow.get('hot')
  await new Promise(setImmediate)
  expect(await slow.get('other')).toBe('of ours')
  expect(await hot).toBe(undefined)
  await slow.close()
})

test('reads that are lost with their connection are sent again within their deadline', async () => {
  const proxy = await startProxy(redis.server.port)
  const slow = open('5s', proxy.url)
  try {
    expect(await slow.get('other')).toBe('of ours')
    redis.server.freeze()
    const reading = slow.get('other')
    await new Promise((resolve) => setTimeout(resolve, 20))
    proxy.cut()
    redis.server.thaw()
    expect(await reading).toBe('of ours')
  } finally {
    redis.server.thaw()
    await slow.close()
    await proxy.stop()
  }
})

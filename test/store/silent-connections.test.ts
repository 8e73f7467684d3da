import { Redis } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import { ignore } from '../../src/background.js'
import { newId } from '../../src/store/ids.js'
import { startProxy } from '../helpers/proxy.js'
import { startRedis } from '../helpers/redis.js'
import { connected, entry, key, NOTHING, ORIGIN, useRedisStores } from './redis-stores.js'

const { redis: shared, open, newPrefix } = useRedisStores()

/** Twice the time after which a silent connection is replaced, for a machine that is busy. */
const REPLACED = { timeout: 11_000, interval: 100 }

describe('A connection on which no answer arrives is replaced', () => {
  test.each([
    ['few', 5],
    ['many', 400],
  ])('under a load of %s commands in each 20 ms', async (_, writes) => {
    const proxy = await startProxy(shared.server.port)
    const store = open({ redis: proxy.url, timeoutMs: 250 })
    await connected(store)
    const write = () => {
      for (let n = 0; n < writes; n++) {
        // Of one script, many would travel in one command.
        const writing =
          n % 2 === 0 ? store.write(key(['w', n]), entry()) : store.observe(key(['w', n]), NOTHING)
        writing.catch(ignore)
      }
    }
    proxy.silence()
    const load = setInterval(write, 20)
    try {
      await vi.waitFor(() => store.check(), REPLACED)
    } finally {
      clearInterval(load)
      await proxy.stop()
    }
  })

  test('when nothing more is sent on it', async () => {
    const own = await startRedis()
    const admin = new Redis(own.url)
    const proxy = await startProxy(own.port)
    try {
      const store = open({ redis: proxy.url, timeoutMs: 250 })
      await connected(store)
      proxy.silence()
      await expect(store.check()).rejects.toThrow(/not responding/)
      const connections = async () =>
        Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
      const before = await connections()
      await vi.waitFor(async () => expect(await connections()).toBe(before + 1), REPLACED)
    } finally {
      admin.disconnect()
      await proxy.stop()
      await own.stop()
    }
  })

  test('also that of lease events, whose waiters read again then', async () => {
    const proxy = await startProxy(shared.server.port)
    try {
      const keyPrefix = newPrefix('events')
      const [store, other] = [open({ redis: proxy.url, keyPrefix }), open({ keyPrefix })]
      await connected(store)
      let woken = 0
      const watch = store.watch(key('a'), () => void woken++)
      await watch.activate()
      expect(watch.active).toBe(true)
      // The second connection is the subscription.
      proxy.silenceOne(1)
      await vi.waitFor(() => expect(woken).toBeGreaterThan(0), { timeout: 20_000, interval: 100 })
      await vi.waitFor(() => expect(watch.active).toBe(true), REPLACED)
      const before = woken
      const [holder, waiter] = [newId(), newId()]
      expect(await other.acquire(key('a'), holder, { leaseMs: 60_000, awaiting: false })).toMatchObject({
        won: true,
      })
      expect(await store.acquire(key('a'), waiter, { leaseMs: 60_000, awaiting: true })).toMatchObject({
        won: false,
      })
      await other.remove(key('a'), { children: false, origin: ORIGIN })
      await vi.waitFor(() => expect(woken).toBeGreaterThan(before), { timeout: 5_000, interval: 20 })
    } finally {
      await proxy.stop()
    }
  })

  test('before it could take its first command', async () => {
    const own = await startRedis()
    const proxy = await startProxy(own.port)
    try {
      const store = open({ redis: proxy.url, timeoutMs: 250 })
      own.freeze()
      await expect(store.check()).rejects.toThrow(/not responding/)
      proxy.silence()
      own.thaw()
      await vi.waitFor(() => store.check(), REPLACED)
    } finally {
      own.thaw()
      await proxy.stop()
      await own.stop()
    }
  })
})

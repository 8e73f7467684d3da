import { describe, expect, test, vi } from 'vitest'
import { checkLiveness } from '../../src/store/liveness.js'
import { startProxy } from '../helpers/proxy.js'
import { startRedis } from '../helpers/redis.js'
import { connected, entry, key, NOTHING, ORIGIN, useRedisStores } from './redis-stores.js'

const { redis: shared, open, newPrefix } = useRedisStores()

describe('A command that arrives late', () => {
  test('does nothing once its caller got an error', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, keyPrefix: 'late', timeoutMs: 150 })
      await connected(store)
      await store.write(key('kept'), entry('old'))
      own.freeze()
      await expect(store.write(key('kept'), entry('new'))).rejects.toThrow(/not responding/)
      await expect(store.remove(key('kept'), { children: true, origin: ORIGIN })).rejects.toThrow(
        /not responding/,
      )
      await expect(store.clear(ORIGIN)).rejects.toThrow(/not responding/)
      await expect(store.observe(key('marked'), NOTHING)).rejects.toThrow(/not responding/)
      own.thaw()
      const witness = open({ redis: own.url, keyPrefix: 'late' })
      const liveness = checkLiveness(await witness.read(key('kept')))
      expect(liveness.live && liveness.frame.includes('old')).toBe(true)
      expect((await witness.peek(key('marked'))).frame).toBeNull()
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('does nothing at the exact time of its deadline', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, keyPrefix: 'moment', timeoutMs: 40 })
      const witness = open({ redis: own.url, keyPrefix: 'moment' })
      let failed = 0
      for (let round = 0; round < 30; round++) {
        const place = key(`round ${round}`)
        await vi.waitFor(() => store.check(), { timeout: 5_000, interval: 1 })
        own.freeze()
        const came = await store.observe(place, NOTHING).then(
          () => 'done',
          () => 'failed',
        )
        // It arrives when its caller has only just been told.
        if (came === 'failed') failed++
        own.thaw()
        if (came === 'failed') expect((await witness.peek(place)).frame).toBeNull()
      }
      expect(failed).toBeGreaterThan(20)
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('does nothing when the connection is slow in one direction only', async () => {
    const proxy = await startProxy(shared.server.port)
    try {
      const keyPrefix = newPrefix('slow')
      const [store, witness] = [open({ redis: proxy.url, keyPrefix, timeoutMs: 250 }), open({ keyPrefix })]
      proxy.delayRequests(100)
      await vi.waitFor(() => store.write(key('warm'), entry()), { timeout: 5_000, interval: 20 })
      proxy.delayRequests(320)
      await expect(store.write(key('a'), entry())).rejects.toThrow(/not responding/)
      expect((await witness.peek(key('a'))).frame).toBeNull()
      proxy.delayRequests(0)
      // What was still on the way arrives now, before the answer to this.
      await vi.waitFor(() => store.check(), { timeout: 5_000, interval: 20 })
      expect((await witness.peek(key('a'))).frame).toBeNull()
    } finally {
      await proxy.stop()
    }
  })

  test('is judged by the clock of the server, with any clock of this process', async () => {
    const store = open()
    const skewed = vi.spyOn(Date, 'now').mockReturnValue(0)
    try {
      expect(await store.write(key('a'), entry())).toMatchObject({ written: true })
    } finally {
      skewed.mockRestore()
    }
  })
})

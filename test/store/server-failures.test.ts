import { Redis } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import type { RedisStore } from '../../src/store/redis/redis-store.js'
import { startProxy } from '../helpers/proxy.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { connected, entry, isLive, key, NOTHING, ORIGIN, useRedisStores } from './redis-stores.js'

const { redis: shared, open } = useRedisStores()

const REFUSED = /calls fail at once until it responds/

describe('A server that fails', () => {
  const operations: Record<string, (store: RedisStore) => Promise<unknown>> = {
    read: (store) => store.read(key('a')),
    observe: (store) => store.observe(key('a'), NOTHING),
    write: (store) => store.write(key('a'), entry()),
    remove: (store) => store.remove(key('a'), { children: true, origin: ORIGIN }),
    clear: (store) => store.clear(ORIGIN),
    peek: (store) => store.peek(key('a')),
    list: (store) => store.list({ scan: 10 }),
    check: (store) => store.check(),
  }
  const outages: Record<string, (own: RedisServer) => Promise<void> | void> = {
    frozen: (own) => own.freeze(),
    killed: (own) => own.kill(),
  }

  for (const [outage, cause] of Object.entries(outages)) {
    test(`that is ${outage} makes each operation fail in time, and serves again afterwards`, async () => {
      const own = await startRedis()
      try {
        const store = open({ redis: own.url, keyPrefix: 'outage', timeoutMs: 150 })
        await connected(store)
        await store.write(key('a'), entry())
        await cause(own)
        for (const [name, operation] of Object.entries(operations)) {
          const startedAt = performance.now()
          await expect(operation(store), name).rejects.toMatchObject({
            code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
          })
          expect(performance.now() - startedAt, name).toBeLessThan(1_000)
        }
        if (outage === 'frozen') own.thaw()
        else await own.restart()
        await vi.waitFor(
          async () => {
            await store.check()
            expect(await store.write(key('a'), entry())).toMatchObject({ written: true })
            expect(await isLive(store, 'a')).toBe(true)
          },
          { timeout: 5_000, interval: 20 },
        )
      } finally {
        own.thaw()
        await own.stop()
      }
    })
  }

  test('that was never there makes each operation fail in time, from the first on', async () => {
    const gone = await startRedis()
    await gone.stop()
    const store = open({ redis: gone.url, timeoutMs: 150 })
    for (const [name, operation] of Object.entries(operations)) {
      await expect(operation(store), name).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' })
    }
  })

  test('gets no more commands after three requests without a reply', async () => {
    const own = await startRedis()
    const admin = new Redis(own.url)
    const run = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0)
    try {
      const store = open({ redis: own.url, keyPrefix: 'bounded', timeoutMs: 50 })
      await connected(store)
      await vi.waitFor(() => store.write(key(['w', 0]), entry()))
      const before = await run()
      own.freeze()
      // Of one script, many would travel in one command.
      const ask = (index: number) =>
        index % 2 === 0 ? store.write(key(['w', index]), entry()) : store.observe(key(['w', index]), NOTHING)
      const wave = () => Promise.allSettled<unknown>(Array.from({ length: 200 }, (_, index) => ask(index)))
      for (let round = 0; round < 3; round++) await wave()
      for (let round = 0; round < 9; round++) {
        for (const result of await wave())
          expect(String((result as PromiseRejectedResult).reason)).toMatch(REFUSED)
      }
      own.thaw()
      await vi.waitFor(() => store.check(), { timeout: 5_000, interval: 20 })
      expect((await run()) - before).toBeLessThan(3 * 200 + 10)
    } finally {
      own.thaw()
      admin.disconnect()
      await own.stop()
    }
  })

  test('gets no more bytes after three requests without a reply', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, keyPrefix: 'bytes', timeoutMs: 30 })
      await connected(store)
      await vi.waitFor(() => store.write(key(['big', 0]), entry()))
      own.freeze()
      const results: string[] = []
      for (let part = 0; part < 30; part++) {
        const writing = store.write(key(['big', part]), entry('x'.repeat(2_000_000)))
        results.push(await writing.then(String, String))
      }
      // Some more than three where this process itself was late.
      const refused = results.findIndex((result) => REFUSED.test(result))
      expect(refused).toBeGreaterThan(0)
      expect(results.slice(refused).filter((result) => !REFUSED.test(result))).toEqual([])
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('that refuses writes is reported with its error, and still deletes', async () => {
    const own = await startRedis({ args: ['--maxmemory', '2mb', '--maxmemory-policy', 'noeviction'] })
    try {
      const store = open({ redis: own.url, keyPrefix: 'full' })
      for (const path of ['one', 'tree::child', 'rest']) await store.write(key(path), entry())
      const full = async () => {
        for (let part = 0; part < 100; part++)
          await store.write(key(['big', part]), entry('x'.repeat(100_000)))
      }
      await expect(full()).rejects.toThrow(/OOM/)
      const client = new Redis(own.url)
      await client.config('SET', 'maxmemory', '1mb')
      client.disconnect()
      await expect(store.write(key('small'), entry())).rejects.toThrow(/OOM/)
      expect(await store.remove(key('one'), { children: false, origin: ORIGIN })).toBe(true)
      expect(await store.remove(key('tree'), { children: true, origin: ORIGIN })).toBe(true)
      expect(await Promise.all(['one', 'tree::child', 'rest'].map((path) => isLive(store, path)))).toEqual([
        false,
        false,
        true,
      ])
      await store.clear(ORIGIN)
      expect(await isLive(store, 'rest')).toBe(false)
    } finally {
      await own.stop()
    }
  })

  test.each([
    ['one write', 1],
    ['many', 10],
  ])(
    'that has become a replica gets a new connection, since its name may have another address: %s',
    async (_, count) => {
      const [own, master] = [await startRedis(), await startRedis()]
      const proxy = await startProxy(own.port)
      try {
        const store = open({ redis: proxy.url, keyPrefix: 'demoted' })
        await store.write(key('a'), entry())
        const client = new Redis(own.url)
        await client.replicaof('127.0.0.1', master.port)
        client.disconnect()
        proxy.leadTo(master.port)
        const write = () =>
          Promise.allSettled(Array.from({ length: count }, (_, n) => store.write(key(['a', n]), entry())))
        const refused = await write()
        for (const result of refused) {
          expect(String((result as PromiseRejectedResult).reason)).toMatch(/READONLY/)
        }
        await vi.waitFor(
          async () => {
            for (const result of await write()) expect(result).toMatchObject({ value: { written: true } })
          },
          { timeout: 5_000, interval: 50 },
        )
      } finally {
        await proxy.stop()
        await Promise.all([own.stop(), master.stop()])
      }
    },
  )

  test('gets a new connection when the old one is silent', async () => {
    const proxy = await startProxy(shared.server.port)
    try {
      const store = open({ redis: proxy.url, timeoutMs: 250 })
      await connected(store)
      proxy.silence()
      await vi.waitFor(() => store.check(), { timeout: 15_000, interval: 100 })
    } finally {
      await proxy.stop()
    }
  })
})

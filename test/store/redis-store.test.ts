import { Redis, type RedisOptions } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import type { RedisStore } from '../../src/store/redis/redis-store.js'
import { describeStatistics } from '../conformance/statistics-conformance.js'
import { describeStoreConformance } from '../conformance/store-conformance.js'
import { startRedis } from '../helpers/redis.js'
import { entry, isLive, key, ORIGIN, observed, useRedisStores } from './redis-stores.js'

const { redis: shared, open, newPrefix } = useRedisStores()

describeStoreConformance('The Redis store', async () => {
  const keyPrefix = newPrefix('conformance')
  const [store, other] = [open({ keyPrefix }), open({ keyPrefix })]
  return { store, other, close: async () => {} }
})

describeStatistics('The Redis store', () => open().statistics)

describeStoreConformance('The Redis store on a client of its user with a key prefix', async () => {
  const keyPrefix = newPrefix('conformance')
  const clients = [1, 2].map(() => new Redis(shared.server.url, { keyPrefix: 'host*app:' }))
  const [store, other] = clients.map((redis) => open({ redis, keyPrefix })) as [RedisStore, RedisStore]
  return {
    store,
    other,
    close: async () => {
      for (const client of clients) {
        expect(client.status).toBe('ready')
        client.disconnect()
      }
    },
  }
})

describe('In Redis', () => {
  test('names are readable, begin with the prefix, and share one cluster slot for each path', async () => {
    const keyPrefix = newPrefix('names')
    const store = open({ keyPrefix })
    await store.write(key(['product', 123, 'reviews']), entry())
    const names = (await shared.admin.keys(`${keyPrefix}*`)).sort()
    expect(names).toEqual([
      `${keyPrefix}:gen:{${keyPrefix}:product::123}`,
      `${keyPrefix}:gen:{${keyPrefix}:product}`,
      `${keyPrefix}:gen:{${keyPrefix}}`,
      `${keyPrefix}:product::123::reviews`,
    ])
  })

  test('keys of other applications are left alone, also those whose names begin alike', async () => {
    const server = await startRedis()
    const client = new Redis(server.url)
    try {
      const store = open({ redis: server.url, keyPrefix: 'shop' })
      const neighbours = ['shop:eu', 'shop2', 'shop.x', 'sho'].map((keyPrefix) =>
        open({ redis: server.url, keyPrefix }),
      )
      for (const neighbour of neighbours) {
        await neighbour.write(key('product::1'), entry())
        await neighbour.write(key('product'), entry())
      }
      const strangers = [
        'shop',
        'shop:',
        'shop:*',
        'shop:a b',
        'shop:x:y',
        'shop:{x}',
        'other',
        'shopping:cart',
      ]
      for (const name of strangers) await client.set(name, `value of ${name}`)
      await client.rpush('shop:list', 'a', 'b')
      await client.hset('shop:hash::1', 'field', 'value')

      await store.write(key('product::1'), entry())
      await store.remove(key('product'), { children: true, origin: ORIGIN })
      await store.clear(ORIGIN)
      for (
        let page = await store.list({ scan: 1_000 });
        ;
        page = await store.list({ scan: 1_000, cursor: page.cursor })
      ) {
        expect(page.entries).toEqual([])
        if (page.cursor === undefined) break
      }
      // A pass over all names runs a second after the delete; wait until it has ended.
      await vi.waitFor(async () => expect(await client.exists('shop:swept:{shop}')).toBe(1), {
        timeout: 10_000,
        interval: 50,
      })

      for (const name of strangers) expect(await client.get(name)).toBe(`value of ${name}`)
      expect(await client.lrange('shop:list', 0, -1)).toEqual(['a', 'b'])
      expect(await client.hgetall('shop:hash::1')).toEqual({ field: 'value' })
      for (const neighbour of neighbours) {
        expect(await isLive(neighbour, 'product::1')).toBe(true)
        expect(await isLive(neighbour, 'product')).toBe(true)
        expect((await neighbour.list({ scan: 1_000 })).entries.map((one) => one.key.text).sort()).toEqual([
          'product',
          'product::1',
        ])
      }
    } finally {
      client.disconnect()
      await server.stop()
    }
  })

  test('foreign data in the place of an entry is a miss, is left out of listings, and is overwritten', async () => {
    const keyPrefix = newPrefix('foreign')
    const store = open({ keyPrefix })
    await store.write(key('good'), entry())
    const foreign = {
      list: ['rpush', 'a'],
      text: ['set', 'hello'],
      empty: ['set', ''],
      json: ['set', '{"a":1}'],
    } as const
    for (const [name, [command, value]] of Object.entries(foreign)) {
      await shared.admin.call(command, `${keyPrefix}:${name}`, value)
      expect(await isLive(store, name)).toBe(false)
      expect((await store.peek(key(name))).ttlMs).toBe(0)
    }
    expect((await store.list({ scan: 100_000 })).entries.map((one) => one.key.text)).toEqual(['good'])
    for (const name of Object.keys(foreign)) {
      const basis = await observed(store, name)
      expect(await store.write(key(name), entry(), { basis })).toMatchObject({ written: true })
      expect(await isLive(store, name)).toBe(true)
    }
  })

  test('each key has a TTL, and a generation outlives the entries below it', async () => {
    const keyPrefix = newPrefix('ttl')
    const store = open({ keyPrefix })
    await store.write(key('a::c'), entry('x', 1_000))
    await store.write(key('a::b'), entry('x', 3_600_000))
    await observed(store, 'a::d')
    await store.remove(key('a::e'), { children: true, origin: ORIGIN })
    await store.check()
    await store.secret()
    const lives = Object.fromEntries(
      await Promise.all(
        (await shared.admin.keys(`${keyPrefix}*`)).map(
          async (name) => [name, await shared.admin.pttl(name)] as const,
        ),
      ),
    )
    expect(Object.values(lives).every((life) => life > 0)).toBe(true)
    for (const name of [`${keyPrefix}:gen:{${keyPrefix}}`, `${keyPrefix}:gen:{${keyPrefix}:a}`]) {
      expect(lives[name]).toBeGreaterThan(3_600_000)
      expect(lives[name]).toBeLessThan(3_600_000 * 1.1 + 61_000)
    }
  })

  test('a secret belongs to one prefix, is prolonged by each read, and replaces foreign data', async () => {
    const keyPrefix = newPrefix('secret')
    const name = `${keyPrefix}:secret:{${keyPrefix}}`
    await shared.admin.rpush(name, 'a stranger')
    const [store, neighbour] = [open({ keyPrefix }), open({ keyPrefix: `${keyPrefix}:eu` })]
    const secret = await store.secret()
    expect(secret.equals(await neighbour.secret())).toBe(false)
    await shared.admin.pexpire(name, 60_000)
    expect((await store.secret()).equals(secret)).toBe(true)
    expect(await shared.admin.pttl(name)).toBeGreaterThan(3_600_000)
    await shared.admin.del(name)
    expect((await store.secret()).equals(secret)).toBe(false)
  })

  test('scripts are loaded again when the server has lost them', async () => {
    const store = open()
    await store.write(key('a'), entry())
    await shared.admin.script('FLUSH')
    const results = await Promise.all([
      store.write(key('b'), entry()),
      store.write(key('c'), entry()),
      store.remove(key('a'), { children: false, origin: ORIGIN }),
    ])
    expect(results).toMatchObject([{ written: true }, { written: true }, true])
  })

  test('all reads of one tick are one command, which has each name once', async () => {
    const store = open()
    await store.read(key('warm'))
    const monitor = await shared.admin.monitor()
    const commands: string[][] = []
    monitor.on('monitor', (_time: string, args: string[]) => commands.push(args))
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.read(key(['family', index]))))
    await shared.admin.echo('end')
    await vi.waitFor(() => expect(commands.some((args) => args[1] === 'end')).toBe(true))
    monitor.disconnect()
    const sent = commands.filter((args) => args[1] !== 'end')
    expect(sent.map((args) => args[0]?.toLowerCase())).toEqual(['mget'])
    expect(sent[0]).toHaveLength(1 + 50 + 2)
  })
})

describe('Clients and targets', () => {
  test('accepts ioredis options', async () => {
    const store = open({ redis: { host: '127.0.0.1', port: shared.server.port, db: 3 } })
    await store.check()
    expect(store.description).toBe(`redis 127.0.0.1:${shared.server.port}/3`)
  })

  test('takes the options of a given client, and leaves the client unchanged', async () => {
    const client = new Redis(shared.server.url, { db: 5 })
    const store = open({ redis: client })
    await store.check()
    expect(store.description).toBe(`redis 127.0.0.1:${shared.server.port}/5`)
    await store.close()
    expect(await client.ping()).toBe('PONG')
    expect(client.listenerCount('error')).toBe(0)
    client.disconnect()
  })

  const odd: Record<string, RedisOptions> = {
    stringNumbers: { stringNumbers: true },
    enableAutoPipelining: { enableAutoPipelining: true },
    'an offline queue and resending': { enableOfflineQueue: true, autoResendUnfulfilledCommands: true },
    'no retries': { retryStrategy: () => null },
    showFriendlyErrorStack: { showFriendlyErrorStack: true },
  }
  for (const [name, options] of Object.entries(odd)) {
    test(`works with a client, or options, that have ${name}`, async () => {
      const client = new Redis(shared.server.url, options)
      for (const redis of [client, { ...options, port: shared.server.port, host: '127.0.0.1' }]) {
        const store = open({ redis })
        expect(await store.write(key('a::b'), entry())).toMatchObject({ written: true })
        expect(await isLive(store, 'a::b')).toBe(true)
        expect(await store.remove(key('a'), { children: true, origin: ORIGIN })).toBe(true)
        const basis = await observed(store, 'a::b')
        expect(await store.write(key('a::b'), entry(), { basis })).toMatchObject({ written: true })
        expect((await store.list({ scan: 100_000 })).total).toBeTypeOf('number')
      }
      client.disconnect()
    })
  }

  test('never shows the password', () => {
    const store = open({ redis: 'redis://user:secret@127.0.0.1:1/0' })
    expect(store.description).not.toContain('secret')
  })
})

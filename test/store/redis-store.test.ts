import { Redis, type RedisOptions } from 'ioredis'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ConfigurationError } from '../../src/errors.js'
import { CacheKey, type KeyInput } from '../../src/key/cache-key.js'
import { judge } from '../../src/store/judge.js'
import { RedisStore, type RedisStoreOptions } from '../../src/store/redis/redis-store.js'
import { REMOVE } from '../../src/store/redis/scripts/invalidations.js'
import type { NewEntry } from '../../src/store/store.js'
import { describeStatistics } from '../conformance/statistics-conformance.js'
import { describeStoreConformance } from '../conformance/store-conformance.js'
import { startProxy } from '../helpers/proxy.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { useRedis } from '../helpers/use-redis.js'

const shared = useRedis()
let prefixes = 0
const opened: RedisStore[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()))
})

function open(options: Partial<RedisStoreOptions> = {}): RedisStore {
  const defaults = {
    redis: shared.server.url,
    keyPrefix: `test:${++prefixes}`,
    timeoutMs: 2_000,
    connectTimeoutMs: 2_000,
  }
  const store = new RedisStore({ ...defaults, ...options })
  opened.push(store)
  return store
}

const ORIGIN = { process: 'test:1' }
const key = (input: KeyInput) => CacheKey.from(input)
const entry = (payload = 'x', ttlMs = 60_000): NewEntry => ({
  format: 1,
  payload: Buffer.from(payload),
  ttlMs,
  writtenBy: 'test:1',
})
/** Connecting counts for the first deadline: on a busy machine a short one may need a second try. */
const connected = (store: RedisStore) => vi.waitFor(() => store.check(), { timeout: 5_000, interval: 20 })
/** How many commands have run a script. */
const scriptsRun = async () =>
  Number(/cmdstat_evalsha:calls=(\d+)/.exec(await shared.admin.info('commandstats'))?.[1] ?? 0)
const isLive = async (store: RedisStore, input: KeyInput) => judge(await store.read(key(input))).live

describeStoreConformance('The Redis store', async () => {
  const keyPrefix = `conformance:${++prefixes}`
  const [store, other] = [open({ keyPrefix }), open({ keyPrefix })]
  return { store, other, close: async () => {} }
})

describeStatistics('The Redis store', () => open().statistics)

describeStoreConformance('The Redis store on a client of its user with a key prefix', async () => {
  const keyPrefix = `conformance:${++prefixes}`
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
    const keyPrefix = `names:${++prefixes}`
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

  test('strangers are left alone, also those whose names begin alike', async () => {
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

  test("what stands in an entry's place and is none is a miss, can be listed around, and can be overwritten", async () => {
    const keyPrefix = `foreign:${++prefixes}`
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
      const basis = await store.observe(key(name))
      expect(await store.write(key(name), entry(), { basis })).toMatchObject({ written: true })
      expect(await isLive(store, name)).toBe(true)
    }
  })

  test('everything has a time to live, and a generation outlives what is below it', async () => {
    const keyPrefix = `ttl:${++prefixes}`
    const store = open({ keyPrefix })
    await store.write(key('a::c'), entry('x', 1_000))
    await store.write(key('a::b'), entry('x', 3_600_000))
    await store.observe(key('a::d'))
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

  test('a secret is one prefix’s own, lives on while it is asked for, and replaces what else stands there', async () => {
    const keyPrefix = `secret:${++prefixes}`
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

  test('scripts are loaded when the server has forgotten them', async () => {
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

  test('all reads of one tick travel as one command, each name in it once', async () => {
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

describe('A command that comes late', () => {
  test('does nothing once its caller was told that it failed', async () => {
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
      await expect(store.observe(key('marked'))).rejects.toThrow(/not responding/)
      own.thaw()
      const witness = open({ redis: own.url, keyPrefix: 'late' })
      const judgement = judge(await witness.read(key('kept')))
      expect(judgement.live && judgement.frame.includes('old')).toBe(true)
      expect((await witness.peek(key('marked'))).frame).toBeNull()
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('does nothing in the very moment of its deadline either', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, keyPrefix: 'moment', timeoutMs: 40 })
      const witness = open({ redis: own.url, keyPrefix: 'moment' })
      let failed = 0
      for (let round = 0; round < 30; round++) {
        const place = key(`round ${round}`)
        await vi.waitFor(() => store.check(), { timeout: 5_000, interval: 1 })
        own.freeze()
        const came = await store.observe(place).then(
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

  test('does nothing on a way that is slow in one direction only', async () => {
    const proxy = await startProxy(shared.server.port)
    try {
      const keyPrefix = `slow:${++prefixes}`
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

  test('is judged on the server’s clock, however wrong ours is', async () => {
    const store = open()
    const skewed = vi.spyOn(Date, 'now').mockReturnValue(0)
    try {
      expect(await store.write(key('a'), entry())).toMatchObject({ written: true })
    } finally {
      skewed.mockRestore()
    }
  })
})

describe('A server in trouble', () => {
  const operations: Record<string, (store: RedisStore) => Promise<unknown>> = {
    read: (store) => store.read(key('a')),
    observe: (store) => store.observe(key('a')),
    write: (store) => store.write(key('a'), entry()),
    remove: (store) => store.remove(key('a'), { children: true, origin: ORIGIN }),
    clear: (store) => store.clear(ORIGIN),
    peek: (store) => store.peek(key('a')),
    list: (store) => store.list({ scan: 10 }),
    check: (store) => store.check(),
  }
  const troubles: Record<string, (own: RedisServer) => Promise<void> | void> = {
    frozen: (own) => own.freeze(),
    killed: (own) => own.kill(),
  }

  for (const [trouble, cause] of Object.entries(troubles)) {
    test(`that is ${trouble} makes every operation fail in time, and serves again afterwards`, async () => {
      const own = await startRedis()
      try {
        const store = open({ redis: own.url, keyPrefix: 'trouble', timeoutMs: 150 })
        await connected(store)
        await store.write(key('a'), entry())
        await cause(own)
        for (const [name, operation] of Object.entries(operations)) {
          const left = performance.now()
          await expect(operation(store), name).rejects.toMatchObject({
            code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
          })
          expect(performance.now() - left, name).toBeLessThan(1_000)
        }
        if (trouble === 'frozen') own.thaw()
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

  test('that was never there is no different, at the first operation already', async () => {
    const gone = await startRedis()
    await gone.stop()
    const store = open({ redis: gone.url, timeoutMs: 150 })
    for (const [name, operation] of Object.entries(operations)) {
      await expect(operation(store), name).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' })
    }
  })

  test('is not buried under commands that nobody waits for any more', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, keyPrefix: 'bounded', timeoutMs: 20 })
      await connected(store)
      own.freeze()
      // Of one script, many would travel in one command.
      const ask = (index: number) =>
        index % 2 === 0 ? store.write(key(['w', index]), entry()) : store.observe(key(['w', index]))
      const wave = () => Promise.allSettled<unknown>(Array.from({ length: 300 }, (_, index) => ask(index)))
      let last: PromiseSettledResult<unknown>[] = []
      for (let round = 0; round < 12; round++) last = await wave()
      expect(last.every((one) => one.status === 'rejected' && /unanswered/.test(String(one.reason)))).toBe(
        true,
      )
      own.thaw()
      await vi.waitFor(() => store.check(), { timeout: 5_000, interval: 20 })
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('is not given more bytes than it may hold unanswered', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, keyPrefix: 'bytes', timeoutMs: 30 })
      await connected(store)
      own.freeze()
      let last: unknown
      for (let part = 0; part < 30; part++) {
        last = await store
          .write(key(['big', part]), entry('x'.repeat(2_000_000)))
          .catch((error: unknown) => error)
      }
      expect(String(last)).toMatch(/commands \(\d+ bytes\) are unanswered/)
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('that refuses writes is reported with what it said, and still deletes', async () => {
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
    'that has become a replica is connected to anew, in case its name leads elsewhere by now: %s',
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

  test('behind a connection that has gone silent is connected to anew', async () => {
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

describe('A write that is sent again', () => {
  const gone = { children: false, origin: ORIGIN }

  test('does not undo a later delete, where it came too late', async () => {
    const store = open({ timeoutMs: 250 })
    await connected(store)
    // Large ones before it hold it up in this process, which is then busy until its deadline has passed.
    const filling = [1, 2, 3].map((n) => store.write(key(['large', n]), entry('x'.repeat(4_000_000))))
    const writing = store.write(key('a'), entry())
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    const until = performance.now() + 400
    while (performance.now() < until);
    const removing = store.remove(key('a'), gone)
    await Promise.allSettled([...filling, writing])
    await removing
    expect(await isLive(store, 'a')).toBe(false)
  })

  test('does not undo a later delete, where the server had forgotten its script', async () => {
    const store = open()
    await store.check()
    for (let gap = 0; gap < 20; gap++) {
      await shared.admin.script('FLUSH')
      const writing = store.write(key(['a', gap]), entry())
      for (let turn = 0; turn < gap; turn++) await new Promise(setImmediate)
      const removing = store.remove(key(['a', gap]), gone)
      await Promise.allSettled([writing])
      await removing
      expect(await isLive(store, ['a', gap])).toBe(false)
    }
  })

  test('is rejected where the server knew the later script only', async () => {
    const store = open()
    await store.check()
    await shared.admin.script('FLUSH')
    await shared.admin.script('LOAD', REMOVE.lua)
    const writing = store.write(key('a'), entry())
    const other = store.write(key('b'), entry())
    const removing = store.remove(key('a'), gone)
    await expect(writing).rejects.toThrow(/a later write has overtaken/)
    await removing
    expect(await other).toMatchObject({ written: true })
    expect(await isLive(store, 'a')).toBe(false)
  })

  test('keeps its place among others of its key that are sent again', async () => {
    const store = open()
    await store.check()
    await shared.admin.script('FLUSH')
    const results = await Promise.all([
      store.write(key('a'), entry('first')),
      store.remove(key('a'), gone),
      store.write(key('a'), entry('last')),
    ])
    expect(results).toMatchObject([{ written: true }, true, { written: true }])
    expect((await store.read(key('a'))).frame?.toString('latin1')).toContain('last')
  })
})

describe('A process that is busy itself', () => {
  test('lets late writes take turns with those of a large batch', async () => {
    const store = open()
    await store.check()
    let answered = 0
    const many = Array.from({ length: 20_000 }, (_, index) =>
      store.write(key(['many', index]), entry()).then(() => answered++),
    )
    await new Promise(setImmediate)
    await store.write(key('late'), entry())
    expect(answered).toBeLessThan(10_000)
    await Promise.all(many)
    expect(answered).toBe(20_000)
  })

  test('reads what it wrote in the same tick, also on a connection that is new', async () => {
    const keyPrefix = `same:${++prefixes}`
    const earlier = open({ keyPrefix })
    await earlier.write(key('a'), entry('old'))
    const store = open({ keyPrefix })
    void store.write(key('a'), entry('new'))
    expect((await store.read(key('a'))).frame?.toString('latin1')).toContain('new')
  })

  test('still sends the writes that wait after some that were not answered in time', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 500 })
      await connected(store)
      own.freeze()
      const writing = Array.from({ length: 1_000 }, (_, n) => store.write(key(`${n}`), entry()))
      const [first] = await Promise.allSettled([writing[0]])
      own.thaw()
      expect(first?.status).toBe('rejected')
      const results = await Promise.allSettled(writing)
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1_000 - 256)
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('does not lose a delete over it', async () => {
    const store = open({ timeoutMs: 250 })
    await vi.waitFor(() => store.write(key('a'), entry()), { interval: 20 })
    const removing = store.remove(key('a'), { children: false, origin: ORIGIN })
    const until = performance.now() + 400
    while (performance.now() < until);
    expect(await removing).toBe(true)
  })

  test('can write and delete ten thousand keys at once, also when the server knows no script yet', async () => {
    await shared.admin.script('FLUSH')
    const store = open({ timeoutMs: 1_000 })
    const many = Array.from({ length: 10_000 }, (_, index) => key(['many', index]))
    const written = await Promise.all(many.map((one) => store.write(one, entry())))
    expect(written.every((result) => result.written)).toBe(true)
    await shared.admin.script('FLUSH')
    const removed = await Promise.all(
      many.map((one) => store.remove(one, { children: false, origin: ORIGIN })),
    )
    expect(removed.every(Boolean)).toBe(true)
  })

  test('writes in the order of its calls, also when one tick has more than travel in one go', async () => {
    const store = open()
    await store.check()
    const many = Array.from({ length: 2_000 }, (_, index) => key(['many', index]))
    const writing = many.map((one) => store.write(one, entry('old')))
    await new Promise(setImmediate)
    const removing = store.remove(many.at(-1)!, { children: false, origin: ORIGIN })
    const overwriting = store.write(many.at(-2)!, entry('new'))
    await Promise.all([...writing, removing, overwriting])
    expect(await isLive(store, many.at(-1)!)).toBe(false)
    expect((await store.read(many.at(-2)!)).frame?.toString('latin1')).toContain('new')
  })

  test('has each of many writes succeed or fail by itself', async () => {
    const store = open({ keyPrefix: 'each' })
    await store.check()
    const before = await scriptsRun()
    const paths = Array.from({ length: 70 }, (_, n) => (n % 5 === 3 ? ['bad', n] : ['good', n]))
    // No time to live is one that Redis refuses.
    const writing = paths.map((path) =>
      store.write(key(path), entry(`${path}`, path[0] === 'good' ? 60_000 : 0)),
    )
    const results = await Promise.allSettled(writing)
    // Together, but never so many that they hold the server up.
    expect((await scriptsRun()) - before).toBe(3)
    for (const [n, path] of paths.entries()) {
      const isGood = path[0] === 'good'
      expect(results[n]).toMatchObject(isGood ? { value: { written: true } } : { status: 'rejected' })
      if (!isGood) expect(String((results[n] as PromiseRejectedResult).reason)).toMatch(/invalid expire/)
      if (!isGood) continue
      const { frame } = await store.read(key(path))
      expect(frame?.toString('latin1')).toContain(`${path}`)
    }
  })

  test('has a write that cannot be sent fail alone', async () => {
    const store = open()
    await store.check()
    const results = await Promise.allSettled<unknown>([
      store.write(key('before'), entry()),
      store.renew(key('bad'), undefined as unknown as Buffer, 1_000),
      store.write(key('after'), entry()),
      store.read(key('after')),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(await isLive(store, 'before')).toBe(true)
    expect(await isLive(store, 'after')).toBe(true)
  })

  test('lets late reads take turns with those of a large batch', async () => {
    const store = open()
    await store.write(key('late'), entry())
    let answered = 0
    const many = Array.from({ length: 20_000 }, (_, index) =>
      store.read(key(['many', index])).then(() => answered++),
    )
    await new Promise(setImmediate)
    expect(judge(await store.read(key('late'))).live).toBe(true)
    expect(answered).toBeLessThan(10_000)
    await Promise.all(many)
    expect(answered).toBe(20_000)
  })

  test('has none of many writes done after their deadlines, each by its own', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 100 })
      await connected(store)
      own.freeze()
      const late = await Promise.allSettled(
        Array.from({ length: 100 }, (_, n) => store.write(key(['late', n]), entry())),
      )
      expect(late.map(({ status }) => status)).toEqual(late.map(() => 'rejected'))
      own.thaw()
      await connected(store)
      for (const n of late.keys()) expect(await isLive(store, ['late', n])).toBe(false)
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('writes in that order on a server that knows no script yet', async () => {
    const keyPrefix = `order:${++prefixes}`
    const earlier = open({ keyPrefix })
    await earlier.remove(key('other'), { children: false, origin: ORIGIN })
    await shared.admin.script('FLUSH')
    // From now on the server knows how to delete, and not how to write.
    await earlier.remove(key('other'), { children: false, origin: ORIGIN })
    const store = open({ keyPrefix })
    await Promise.all([
      store.write(key('a'), entry()),
      store.remove(key('a'), { children: false, origin: ORIGIN }),
    ])
    expect(await isLive(store, 'a')).toBe(false)
  })

  test('sends what waits before it closes', async () => {
    const keyPrefix = `closing:${++prefixes}`
    const [store, witness] = [open({ keyPrefix }), open({ keyPrefix })]
    await store.write(key('a'), entry())
    const removing = store.remove(key('a'), { children: false, origin: ORIGIN })
    await store.close()
    expect(await removing).toBe(true)
    expect(await isLive(witness, 'a')).toBe(false)
  })
})

describe('Clients and targets', () => {
  test('takes ioredis options', async () => {
    const store = open({ redis: { host: '127.0.0.1', port: shared.server.port, db: 3 } })
    await store.check()
    expect(store.description).toBe(`redis 127.0.0.1:${shared.server.port}/3`)
  })

  test('takes the options of a client that was handed in, and leaves the client alone', async () => {
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
    test(`works alike with a client, or options, that have ${name}`, async () => {
      const client = new Redis(shared.server.url, options)
      for (const redis of [client, { ...options, port: shared.server.port, host: '127.0.0.1' }]) {
        const store = open({ redis })
        expect(await store.write(key('a::b'), entry())).toMatchObject({ written: true })
        expect(await isLive(store, 'a::b')).toBe(true)
        expect(await store.remove(key('a'), { children: true, origin: ORIGIN })).toBe(true)
        const basis = await store.observe(key('a::b'))
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

  test('says that a cluster is not supported yet', () => {
    expect(() => open({ redis: { isCluster: true } as never })).toThrow(ConfigurationError)
  })
})

describe('Dead entries', () => {
  test('are reclaimed in the background, live ones stay', async () => {
    const keyPrefix = `reclaim:${++prefixes}`
    const store = open({ keyPrefix })
    await Promise.all(Array.from({ length: 1_200 }, (_, index) => store.write(key(['dead', index]), entry())))
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.write(key(['alive', index]), entry())))
    await store.remove(key('dead'), { children: true, origin: ORIGIN })
    const again = Array.from({ length: 10 }, (_, index) => ['dead', index])
    for (const one of again) await store.write(key(one), entry('again'))
    await vi.waitFor(
      async () => expect(await shared.admin.keys(`${keyPrefix}:dead::*`)).toHaveLength(again.length),
      { timeout: 15_000, interval: 100 },
    )
    for (const one of again) expect(await isLive(store, one)).toBe(true)
    expect(await shared.admin.keys(`${keyPrefix}:alive::*`)).toHaveLength(50)
  })
})

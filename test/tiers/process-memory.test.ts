import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { CacheOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { STALENESS_BOUND_MS } from '../../src/store/tracking.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { startProxy } from '../helpers/proxy.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const warnings: string[] = []
const logger = { warn: (message: string) => void warnings.push(message) }

let server: RedisServer
let admin: Redis
let prefixes = 0
let keyPrefix = ''
const opened: KeyedCache[] = []

beforeAll(async () => {
  server = await startRedis()
  admin = new Redis(server.url)
})
afterAll(async () => {
  admin.disconnect()
  await server.stop()
})
beforeEach(() => {
  keyPrefix = `memory:${++prefixes}`
  warnings.length = 0
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()))
})

/** Caches that see the same entries, as those of two processes do. */
function open(options: CacheOptions = {}): KeyedCache {
  const cache = createCache({ redis: server.url, keyPrefix, timeouts: { store: '2s' }, logger, ...options })
  opened.push(cache)
  return cache
}

/** How many reads this process's memory has answered. */
function fromMemory(cache: KeyedCache): number {
  return cache.processStats().totals.processHits
}

/** Reads until memory answers. */
async function remembered(cache: KeyedCache, key: string): Promise<void> {
  const before = fromMemory(cache)
  await until(async () => {
    await cache.get(key)
    return fromMemory(cache) > before
  })
}

/** How long it takes until something is so, in milliseconds. */
async function until(isSo: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<number> {
  const began = performance.now()
  while (!(await isSo())) {
    if (performance.now() - began > limitMs) throw new Error(`Not within ${limitMs} ms.`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return performance.now() - began
}

describe('Process memory', () => {
  test('serves values that were read before, without Redis, within requests and outside of them', async () => {
    const cache = open({ memory: {} })
    await cache.set('product::1', { name: 'lamp', seen: new Date(0) })
    await remembered(cache, 'product::1')
    const asked = await commandsOf('mget')
    for (let n = 0; n < 100; n++) {
      expect(await cache.get('product::1')).toEqual({ name: 'lamp', seen: new Date(0) })
      expect(await cache.getOrThrow('product::1')).toBeDefined()
      expect(await cache.has('product::1')).toBe(true)
      expect(await cache.getOrSet('product::1', () => 'computed')).toEqual({
        name: 'lamp',
        seen: new Date(0),
      })
      expect(await cache.getMany(['product::1'])).toHaveLength(1)
      await cache.withRequestMemory(async (request) => {
        expect(await request.get('product::1')).toEqual(await request.get('product::1'))
      })
    }
    expect(await commandsOf('mget')).toBe(asked)
    const { totals } = cache.processStats()
    expect(totals.requestHits).toBe(100)
    expect(totals.processHits).toBeGreaterThanOrEqual(500)
    expect(totals.misses).toBe(0)
  })

  test('gives each reader a copy', async () => {
    const cache = open({ memory: {} })
    await cache.set('list', { items: [1, 2, 3] })
    await remembered(cache, 'list')
    const [one, other] = await Promise.all([
      cache.get<{ items: number[] }>('list'),
      cache.getOrSet('list', () => ({ items: [0] })),
    ])
    one?.items.push(4)
    other.items.length = 0
    expect(await cache.get('list')).toEqual({ items: [1, 2, 3] })
    await cache.withRequestMemory(async () => {
      for (let n = 0; n < 3; n++) {
        const own = await cache.get<{ items: number[] }>('list')
        expect(own).toEqual({ items: [1, 2, 3] })
        own?.items.push(4)
      }
    })
    expect(cache.processStats().totals.requestHits).toBe(2)
  })

  test('stores large values uncompressed', async () => {
    const cache = open({ memory: {} })
    const text = 'keyed cache '.repeat(20_000)
    await cache.set('page', { text })
    await remembered(cache, 'page')
    expect(cache.memoryUsage?.bytes).toBeGreaterThan(text.length)
    expect(await cache.get('page')).toEqual({ text })
  })

  test('is bounded, in entries and in bytes', async () => {
    const cache = open({ memory: { maxEntries: 50, maxBytes: 100_000 } })
    const keys = Array.from({ length: 200 }, (_, n) => `k::${n}`)
    await cache.setMany(keys.map((key) => [key, 'x'.repeat(100)]))
    await remembered(cache, 'k::0')
    await cache.getMany(keys)
    expect(cache.memoryUsage).toMatchObject({
      entries: 50,
      maxEntries: 50,
      maxBytes: 100_000,
      isServing: true,
    })
    await cache.set('large', 'x'.repeat(60_000))
    await cache.set('too large', 'x'.repeat(200_000))
    await remembered(cache, 'large')
    expect(await cache.get('too large')).toHaveLength(200_000)
    expect(await cache.get('too large')).toHaveLength(200_000)
    expect(cache.memoryUsage?.bytes).toBeLessThanOrEqual(100_000)
    expect(cache.memoryUsage?.entries).toBeGreaterThan(1)
  })

  test('serves no value beyond its TTL, nor beyond the TTL of process memory', async () => {
    const cache = open({ memory: { ttl: '300ms' } })
    await cache.set('short', 1, { ttl: '200ms' })
    await cache.set('long', 1)
    await Promise.all([cache.get('short'), cache.get('long')])
    const [short, long] = await Promise.all([
      until(async () => (await cache.get('short')) === undefined),
      // Written behind the back of all tracking: nobody tells of it.
      until(async () => fromMemory(cache) > 0 && !(await isRemembered(cache, 'long'))),
    ])
    expect(short).toBeLessThan(1_000)
    expect(long).toBeLessThan(1_500)
    expect(await cache.get('long')).toBe(1)
  })

  test('serves neither a stale value nor one that validate rejects', async () => {
    const cache = open({ memory: {} })
    await cache.set('k', 'old', { ttl: '100ms', grace: '1h' })
    await until(async () => (await cache.get('k')) === undefined)
    expect(await cache.getOrSet('k', () => 'new', { grace: '1h' })).toBe('old')
    await remembered(cache, 'k')
    const validate = (value: unknown) => value === 'newer'
    expect(await cache.getOrSet('k', () => 'newer', { validate })).toBe('newer')
    expect(await cache.get('k')).toBe('newer')
  })

  test('refreshes its values early', async () => {
    const cache = open({ memory: {} })
    let computed = 0
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return ++computed
    }
    await cache.getOrSet('k', slow, { ttl: '1h' })
    await remembered(cache, 'k')
    const beta = 1e9
    await cache.getOrSet('k', slow, { ttl: '1h', earlyRefresh: { beta } })
    // What this process has computed itself, it serves at once.
    await until(() => computed === 2)
    await until(async () => (await cache.get('k')) === 2)
  })

  test('is not read while caching is off', async () => {
    const cache = open({ memory: {} })
    await cache.set('k', 1)
    await remembered(cache, 'k')
    cache.enable(false)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.has('k')).toBe(false)
    cache.enable(true)
    expect(await cache.get('k')).toBe(1)
  })
})

/** What other processes, and others who use this Redis, may do to a key. */
const CHANGES: Record<string, (other: KeyedCache) => Promise<unknown>> = {
  'a delete': (other) => other.delete('a::b::k'),
  'a delete with children': (other) => other.delete('a::b', { children: true }),
  'a delete of all above': (other) => other.delete('a', { children: true }),
  'an expire': (other) => other.expire('a::b::k'),
  'an expire with children': (other) => other.expire('a', { children: true }),
  'a set': (other) => other.set('a::b::k', 'other'),
  'a computation': async (other) => {
    await other.delete('a::b::k')
    await other.getOrSet('a::b::k', () => 'other')
  },
  'a clear': (other) => other.clear(),
  'a DEL by hand': () => admin.del(`${keyPrefix}:a::b::k`),
  'a FLUSHALL': () => admin.flushall(),
}

describe('A value in process memory', () => {
  test.each(Object.entries(CHANGES))('is dropped within milliseconds of %s', async (_, change) => {
    const cache = open({ memory: {} })
    const other = open()
    await other.set('a::b::k', 'own')
    await remembered(cache, 'a::b::k')
    await change(other)
    const lateBy = await until(async () => (await cache.get('a::b::k')) !== 'own')
    // The bound is for a stream that is broken; this one is not.
    expect(lateBy).toBeLessThan(STALENESS_BOUND_MS / 2)
    expect(await cache.get('a::b::k')).not.toBe('own')
  })

  test.each(Object.entries(CHANGES).slice(0, 8))(
    'is dropped at once after %s by its own process',
    async (_, change) => {
      const cache = open({ memory: {} })
      for (let round = 0; round < 20; round++) {
        await cache.set('a::b::k', 'own', { ttl: '1h' })
        await cache.getMany(['a::b::k', 'a::b::k'])
        await change(cache)
        expect(await cache.get('a::b::k')).not.toBe('own')
      }
    },
  )

  test('survives a write beside it that prolongs generations', async () => {
    const cache = open({ memory: {} })
    const other = open()
    const keys = Array.from({ length: 20 }, (_, n) => `a::${n}`)
    await other.setMany(
      keys.map((key) => [key, 1]),
      { ttl: '1m' },
    )
    await remembered(cache, 'a::0')
    await cache.getMany(keys)
    await other.set('a::longer', 1, { ttl: '10d' })
    // Told of the generation, it reads one entry from the store, which vouches for all others.
    await until(async () => !(await isRemembered(cache, 'a::0')))
    const asked = await commandsOf('mget')
    expect(await cache.getMany(keys)).toEqual(keys.map(() => 1))
    expect(await commandsOf('mget')).toBe(asked)
    // And once one of them is deleted with all others, none is served.
    await other.delete('a', { children: true })
    await until(async () => (await cache.getMany(keys)).every((value) => value === undefined))
  })
})

describe('When the stream of changes', () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>
  beforeEach(async () => {
    proxy = await startProxy(server.port)
  })
  afterEach(() => proxy.stop())

  // The connection that reads is opened first.
  test.each([
    ['itself', 1],
    ['or the connection that reads', 0],
  ])(
    'is silent, %s, no value older than the bound is served',
    async (_, which) => {
      const cache = open({ memory: {}, redis: proxy.url, timeouts: { store: '250ms' } })
      const other = open()
      await other.set('k', 'old')
      await remembered(cache, 'k')
      proxy.silenceOne(which)
      // From here on the server knows nobody any more who has read it.
      if (which === 0) await killWhere((client) => / flags=\S*t/.test(client))
      await other.set('k', 'new')
      const deleted = performance.now()
      const ages: number[] = []
      await until(async () => {
        const value = await cache.get('k')
        if (value === 'old') ages.push(performance.now() - deleted)
        return value !== 'old'
      })
      // It was cut off indeed, and served what was old, but no longer than it may.
      expect(ages.length).toBeGreaterThan(0)
      expect(Math.max(...ages)).toBeLessThanOrEqual(STALENESS_BOUND_MS + 5)
      await until(async () => (await cache.get('k')) === 'new')
      for (let n = 0; n < 20; n++) expect(await cache.get('k')).toBe('new')
      // Given up for a new one, on which changes are told again.
      await remembered(cache, 'k')
      await other.set('k', 'newest')
      expect(await until(async () => (await cache.get('k')) === 'newest')).toBeLessThan(
        STALENESS_BOUND_MS / 2,
      )
    },
    30_000,
  )

  const LOSSES: Record<string, () => Promise<unknown>> = {
    'loses its own connection': () =>
      killWhere((client) => client.includes('cmd=ping') || client.includes('sub=1')),
    'loses the connection that reads': () =>
      killWhere((client) => client.includes('tracking') || / flags=\S*t/.test(client)),
    'loses all connections': () => killWhere(() => true),
  }
  test.each(Object.entries(LOSSES))(
    '%s, process memory is emptied, and works again soon after',
    async (_, lose) => {
      const cache = open({ memory: {}, redis: proxy.url })
      const other = open()
      await other.set('k', 0)
      for (let round = 1; round <= 5; round++) {
        await remembered(cache, 'k')
        expect(await lose()).toBeGreaterThan(0)
        await other.set('k', round)
        expect(await until(async () => (await cache.get('k')) === round)).toBeLessThan(
          STALENESS_BOUND_MS + 1_000,
        )
      }
      await remembered(cache, 'k')
    },
  )

  test('comes from a restarted server, no earlier value is served', async () => {
    const mortal = await startRedis()
    try {
      const cache = open({ memory: {}, redis: mortal.url })
      await cache.set('k', 'before')
      await remembered(cache, 'k')
      await mortal.restart()
      await until(async () => (await cache.get('k')) === undefined)
      await until(() => cache.set('k', 'after'))
      expect(await cache.get('k')).toBe('after')
      await remembered(cache, 'k')
    } finally {
      await mortal.stop()
    }
  })

  test('comes from another server than the reads, no value is served until both are the same', async () => {
    const next = await startRedis()
    const clients: Redis[] = []
    try {
      const cache = open({ memory: {}, redis: proxy.url })
      await cache.set('k', 'on the first')
      await remembered(cache, 'k')
      const [listening] = await clientsWhere((client) => client.includes('sub=1'))
      // Somebody on the next server has the very number of the connection that listens on the first.
      for (let id = 0; id < numberOf(listening); ) {
        const client = new Redis(next.url)
        clients.push(client)
        id = Number(await client.client('ID'))
      }
      proxy.leadTo(next.port)
      expect(await killWhere((client) => / flags=\S*t/.test(client))).toBe(1)

      const other = open({ redis: next.url })
      await other.set('k', 0)
      await until(async () => (await cache.get('k')) === 0)
      for (let round = 1; round <= 5; round++) {
        for (let n = 0; n < 20; n++) await cache.get('k')
        await other.set('k', round)
        expect(await until(async () => (await cache.get('k')) === round)).toBeLessThan(STALENESS_BOUND_MS)
      }
      await remembered(cache, 'k')
      expect(warnings).toEqual([])
    } finally {
      for (const client of clients) client.disconnect()
      await next.stop()
    }
  })

  test('is forbidden, values are read from Redis, and one warning is logged', async () => {
    await admin.acl('SETUSER', 'plain', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking')
    const cache = open({ memory: {}, redis: server.url.replace('//', '//plain:secret@') })
    await cache.set('k', 1)
    const said = () => warnings.filter((warning) => warning.includes('process memory is off'))
    await until(async () => {
      expect(await cache.get('k')).toBe(1)
      return said().length > 0
    })
    for (let n = 0; n < 50; n++) {
      expect(await cache.get('k')).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(fromMemory(cache)).toBe(0)
    expect(cache.memoryUsage).toMatchObject({ entries: 0, isServing: false })
    expect(said()).toHaveLength(1)
  })

  /** Connections of this test's caches, as the server lists them. */
  async function clientsWhere(isMeant: (client: string) => boolean): Promise<string[]> {
    const clients = String(await admin.client('LIST')).split('\n')
    return clients.filter((client) => client.includes('name=keyedcache') && isMeant(client))
  }

  /** Ends them; gives how many. */
  async function killWhere(isMeant: (client: string) => boolean): Promise<number> {
    const meant = await clientsWhere(isMeant)
    for (const client of meant) await admin.client('KILL', 'ID', numberOf(client))
    return meant.length
  }

  const numberOf = (client = '') => Number(/id=(\d+)/.exec(client)?.[1])
})

describe('The option memory', () => {
  test('has no effect with the in-memory store', async () => {
    const cache = createCache({ store: 'memory', memory: {}, logger })
    await cache.set('k', 1)
    expect(await cache.get('k')).toBe(1)
    expect(cache.memoryUsage).toBeUndefined()
    expect(warnings).toEqual([])
    await cache.close()
  })

  test('logs a warning for a store that does not report changes', async () => {
    const inner = new MemoryStore()
    const store = wrapStore(inner, (_operation, proceed) => proceed())
    const cache = createCache({
      store: { ...store, description: 'my store', shared: true },
      memory: {},
      logger,
    })
    await cache.set('k', 1)
    expect(await cache.get('k')).toBe(1)
    expect(warnings).toEqual([
      'keyedcache: the option memory has no effect, since my store does not report changes.',
    ])
    await cache.close()
  })
})

async function commandsOf(name: string): Promise<number> {
  const stats = String(await admin.info('commandstats'))
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

async function isRemembered(cache: KeyedCache, key: string): Promise<boolean> {
  const before = fromMemory(cache)
  await cache.get(key)
  return fromMemory(cache) > before
}

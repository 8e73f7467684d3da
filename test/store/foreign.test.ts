import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { Names } from '../../src/store/redis/names.js'
import { RESOLUTIONS, type Resolution } from '../../src/store/statistics.js'
import { testRows } from '../helpers/rows.js'
import { useRedis } from '../helpers/use-redis.js'

type Create = (client: Redis, name: string) => Promise<unknown>

/** Data of another application under a name of the cache. */
const FOREIGN: Readonly<Record<string, Create>> = {
  'a list': (client, name) => client.rpush(name, 'x', 'y'),
  'a hash': (client, name) =>
    client.hset(name, 'a', 'x', 'about', 'x', 'sequence', 'x', '\0hits', 'x', 'p\0hits', 'x'),
  'a set': (client, name) => client.sadd(name, 'x'),
  'a sorted set': (client, name) => client.zadd(name, 9e15, 'x', '-inf', 'y'),
  'a stream': (client, name) => client.xadd(name, '*', 'a', 'x'),
  'a HyperLogLog': (client, name) => client.pfadd(name, 'x'),
  'an empty text': (client, name) => client.set(name, ''),
  'a letter': (client, name) => client.set(name, 'x'),
  'a text': (client, name) => client.set(name, 'a text of somebody else, longer than any id'),
  'a number': (client, name) => client.set(name, '12345678901234567'),
  'a megabyte': (client, name) => client.set(name, 'x'.repeat(1_000_000)),
  'binary data': (client, name) =>
    client.set(name, Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256))),
  'a frame without a body': (client, name) => client.set(name, Buffer.from('kc\x01V123456789012\x02')),
  'a frame that lacks most': (client, name) =>
    client.set(name, Buffer.from('kc\x01E123456789012\x01abcdefghijkl0')),
  'a generation without an end': (client, name) => client.set(name, `1234567890121~${'0'.repeat(28)}{}`),
  'a generation with a bad mark': (client, name) => client.set(name, '1234567890121~x'),
  'a generation of an era beyond all': (client, name) =>
    client.set(name, `1234567890121~${'9'.repeat(28)}\n`),
  'a generation of a bad flag': (client, name) => client.set(name, '123456789012x'),
  'a lease without a time': (client, name) =>
    client.set(name, `${'t'.repeat(12)}1${'x'.repeat(14)}${'g'.repeat(50)}`),
  'a lease for ever': (client, name) =>
    client.set(name, `${'t'.repeat(12)}1${'9'.repeat(14)}${'g'.repeat(50)}`),
}

const PREFIX = 'foreign'
const names = new Names(PREFIX)
const KEY = CacheKey.from(['product', 1, 'price'])

const page = (resolution: Resolution) => {
  const { stepMs } = RESOLUTIONS[resolution]
  return names.history(resolution, Math.floor(Date.now() / (stepMs * 60)))
}

/** All names that are built for a cache, by the method of `Names` that builds them. */
const NAMES: Readonly<Record<string, (id: string) => readonly string[]>> = {
  entry: () => [names.entry(KEY.text), names.entry('product::1')],
  generation: () => ['product', 'product::1', KEY.text].map((path) => names.generation(path)),
  topGeneration: () => [names.topGeneration()],
  generationsAbove: () => names.generationsAbove(KEY),
  lease: () => [names.lease(KEY.text)],
  probe: () => [names.probe()],
  secret: () => [names.secret()],
  sweepLock: () => [names.sweepLock()],
  swept: () => [names.swept()],
  figures: () => [names.figures()],
  processes: () => [names.processes()],
  process: (id) => [names.process(id)],
  history: () => [page('fine'), page('coarse')],
  events: () => [names.events()],
  requests: () => [names.requests()],
  keyHistory: () => [names.keyHistory()],
  sample: () => [names.sample('x')],
  sampleWithTag: () => [names.sampleWithTag('x')],
  probeWithTag: () => [names.probeWithTag('x')],
}
/** The names of statistics, which exist once a process has reported. */
const REPORTED = ['figures', 'processes', 'process', 'history', 'events', 'requests', 'keyHistory']
/** Members of `Names` that build no name of a key in Redis. */
const OTHERS = ['constructor', 'leaseEvents', 'parse', 'pathOf', 'pattern', 'keyOf']

const redis = useRedis({ emptied: true })
let cache: KeyedCache
const warnings: string[] = []

function open(): void {
  warnings.length = 0
  cache = createCache({
    redis: redis.server.url,
    keyPrefix: PREFIX,
    timeouts: { store: '2s' },
    throwOnStoreError: true,
    logger: { warn: (message) => warnings.push(message) },
  })
}

async function reopen(): Promise<void> {
  await cache.close()
  open()
}

beforeEach(open)
afterEach(() => cache.close())

test('the table of names is complete', () => {
  const known = Object.getOwnPropertyNames(Names.prototype).filter((name) => !OTHERS.includes(name))
  expect(Object.keys(NAMES).sort()).toEqual(known.sort())
})

describe.each(Object.keys(NAMES))('Foreign data in the place of %s', (what) => {
  const check = async (create: Create) => {
    const isReported = REPORTED.includes(what)
    // The id of this process is in the statistics once it has reported.
    if (isReported) await cache.stats()
    const [process] = isReported ? (await cache.stats()).processes : []
    const put = async (operation: string) => {
      // The other names of statistics hold real data.
      if (isReported && operation === 'statistics') await cache.stats()
      for (const name of NAMES[what]?.(process?.id ?? 'none') ?? []) {
        await redis.admin.del(name)
        await create(redis.admin, name)
      }
    }
    const operations: Readonly<Record<string, () => Promise<unknown>>> = {
      get: async () => expect(await cache.get(KEY)).toBe(undefined),
      set: async () => {
        expect(await cache.set(KEY, 'new')).toBe(true)
        expect(await cache.get(KEY)).toBe('new')
        expect(await cache.has(KEY)).toBe(true)
      },
      getOrSet: async () => {
        expect(await cache.getOrSet(KEY, () => 'computed')).toBe('computed')
        expect(await cache.get(KEY)).toBe('computed')
      },
      fill: () =>
        cache.withRequestMemory(async () => {
          expect(await cache.get(KEY)).toBe(undefined)
          expect(await cache.set(KEY, 'filled')).toBe(true)
          expect(await cache.get(KEY)).toBe('filled')
        }),
      'set after delete': async () => {
        await cache.delete(KEY)
        expect(await cache.get(KEY)).toBe(undefined)
        expect(await cache.set(KEY, 'new')).toBe(true)
        expect(await cache.get(KEY)).toBe('new')
      },
      'delete with children': async () => {
        await cache.delete('product', { children: true })
        await cache.set(KEY, 'new')
        expect(await cache.delete('product', { children: true })).toBe(true)
        expect(await cache.get(KEY)).toBe(undefined)
      },
      expire: async () => {
        await cache.expire(KEY)
        await cache.expire('product', { children: true })
        await cache.set(KEY, 'new', { grace: '1m' })
        expect(await cache.get(KEY)).toBe('new')
        expect(await cache.expire('product', { children: true })).toBe(true)
        expect(await cache.get(KEY)).toBe(undefined)
      },
      clear: async () => {
        expect(await cache.clear()).toBe(true)
        expect(await cache.set(KEY, 'new')).toBe(true)
        expect(await cache.get(KEY)).toBe('new')
      },
      inspect: async () => expect(['missing', 'computing']).toContain((await cache.inspect(KEY)).state),
      keys: async () => {
        await cache.set('other', 1)
        const found: string[] = []
        for await (const { text } of cache.keys()) found.push(text)
        expect(found).toEqual(['other'])
      },
      sign: async () =>
        expect(await internalsOf(cache).sign('x')).toEqual(await internalsOf(cache).sign('x')),
      check: () => cache.check(),
      statistics: async () => {
        const before = (await cache.stats()).totals.hits
        await cache.set('other', 1)
        await cache.get('other')
        await cache.delete('other')
        const { totals, processes, since, now } = await cache.stats()
        expect(totals.hits).toBe(before + 1)
        expect(since).toBeLessThanOrEqual(now)
        expect(processes).toMatchObject([{ isThis: true }])
        expect((await cache.events()).at(0)).toMatchObject({ type: 'delete', key: 'other' })
        expect(await cache.requests()).toEqual([])
        for (const resolution of ['fine', 'coarse'] as const) {
          const steps = await cache.history(resolution)
          expect(steps.reduce((sum, { figures }) => sum + figures.hits, 0)).toBeGreaterThan(0)
        }
      },
    }
    for (const [name, operation] of Object.entries(operations)) {
      await redis.admin.flushall()
      await put(name)
      try {
        await operation()
      } catch (error) {
        throw new Error(`${name} failed`, { cause: error })
      }
    }
    expect(cache.pendingInvalidations).toBe(0)
    expect(warnings).toEqual([])
  }
  testRows('every operation succeeds and returns what is right', Object.entries(FOREIGN), check, {
    before: reopen,
  })
})

test('foreign data in the place of its locks does not prevent reclaiming', async () => {
  for (const name of [names.sweepLock(), names.swept()]) await redis.admin.hset(name, 'a', 'x')
  await cache.set(KEY, 'old')
  await cache.delete('product', { children: true })
  await vi.waitFor(async () => expect(await redis.admin.exists(names.entry(KEY.text))).toBe(0), {
    timeout: 10_000,
  })
})

describe('When foreign data cannot be replaced', () => {
  test('since the server is full, a write is refused, and a delete still takes effect', async () => {
    for (const path of ['product', 'product::1']) await redis.admin.hset(names.generation(path), 'a', 'x')
    await redis.admin.set(names.entry('product::1'), 'a text')
    const lenient = createCache({ redis: redis.server.url, keyPrefix: PREFIX, logger: { warn() {} } })
    await lenient.check()
    await redis.admin.config('SET', 'maxmemory', '1mb', 'maxmemory-policy', 'noeviction')
    try {
      expect(await lenient.set(KEY, 1)).toBe(false)
      expect(await lenient.getOrSet(KEY, () => 2)).toBe(2)
      expect(await lenient.delete('product::1')).toBe(false)
      expect(await redis.admin.exists(names.entry('product::1'))).toBe(0)
      // The refused write is followed by a delete, which takes effect at once too.
      await vi.waitFor(() => expect(lenient.pendingInvalidations).toBe(0), { timeout: 10_000 })
    } finally {
      await redis.admin.config('SET', 'maxmemory', '0')
    }
    expect(await lenient.set(KEY, 1)).toBe(true)
    expect(await lenient.get(KEY)).toBe(1)
    await lenient.close()
  })

  test('since its user may only read, reads work, and a write is refused', async () => {
    await cache.set(KEY, 'stored')
    await redis.admin.hset(names.generation('other'), 'a', 'x')
    await redis.admin.hset(names.figures(), 'a', 'x')
    await redis.admin.call(
      'ACL',
      'SETUSER',
      'reader',
      'on',
      '>demo',
      '~*',
      '&*',
      '+@read',
      '+@connection',
      '+time',
      '+info',
    )
    const url = redis.server.url.replace('redis://', 'redis://reader:demo@')
    const reader = createCache({ redis: url, keyPrefix: PREFIX, logger: { warn() {} } })
    expect(await reader.get(KEY)).toBe('stored')
    expect(await reader.get('other::1')).toBe(undefined)
    expect(await reader.set(KEY, 'new')).toBe(false)
    expect(await reader.getOrSet('other::1', () => 2)).toBe(2)
    expect(await reader.delete('other::1')).toBe(false)
    expect(await reader.get(KEY)).toBe(undefined)
    await reader.close()
  })
})

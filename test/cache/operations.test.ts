import { expect, test, vi } from 'vitest'
import { NotCachedError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'

describeOnEveryBackend('A cache', (open) => {
  test('returns a stored value for each form of its key', async () => {
    const cache = open()
    expect(await cache.get({ product: 123 })).toBeUndefined()
    expect(await cache.set(['product', 123], { name: 'Lamp' })).toBe(true)
    for (const key of ['product::123', { product: 123 }, ['product', '123'], cache.key('product', 123)]) {
      expect(await cache.get(key)).toEqual({ name: 'Lamp' })
    }
  })

  test('returns the default for a missing key, and distinguishes a cached undefined', async () => {
    const cache = open()
    expect(await cache.get('a', { default: 7 })).toBe(7)
    await cache.set('a', undefined)
    expect(await cache.get('a', { default: 7 })).toBeUndefined()
    expect(await cache.has('a')).toBe(true)
    expect(await cache.getOrThrow('a')).toBeUndefined()
    await cache.set('n', null)
    expect(await cache.get('n', { default: 7 })).toBeNull()
  })

  test('getOrThrow throws for a missing key', async () => {
    const cache = open()
    const failure = cache.getOrThrow(['product', 123])
    await expect(failure).rejects.toThrow(NotCachedError)
    await expect(failure).rejects.toThrow('Nothing is cached under "product::123".')
    await expect(failure).rejects.toMatchObject({ key: 'product::123', code: 'ERR_KEYEDCACHE_NOT_CACHED' })
  })

  test('returns values as they were stored', async () => {
    const cache = open()
    const value = {
      date: new Date('2026-01-02T03:04:05.678Z'),
      map: new Map<unknown, unknown>([[1, new Set(['a', undefined])]]),
      big: 2n ** 100n,
      bytes: Buffer.from([0, 255]),
      floats: new Float64Array([Number.NaN, -0, Number.POSITIVE_INFINITY]),
      minusZero: -0,
      nothing: undefined,
    }
    await cache.set('value', value)
    const read = await open().get<typeof value>('value')
    expect(read).toStrictEqual(value)
    expect(Object.is(read?.minusZero, -0)).toBe(true)
    expect(Buffer.isBuffer(read?.bytes)).toBe(true)
    expect('nothing' in (read ?? {})).toBe(true)
  })

  test('compresses large values, and returns them', async () => {
    const cache = open()
    const large = { rows: Array.from({ length: 5_000 }, (_, id) => ({ id, name: `product ${id % 10}` })) }
    await cache.set('large', large)
    expect(await open().get('large')).toEqual(large)
    expect((await cache.inspect('large')).bytes).toBeLessThan(40_000)
  })

  test('gives each reader a copy of its own', async () => {
    const cache = open()
    const value = { tags: ['a'] }
    await cache.set('shared', value)
    value.tags.push('changed after set')
    const read = await cache.get<typeof value>('shared')
    read?.tags.push('changed by a reader')
    expect(await cache.get('shared')).toEqual({ tags: ['a'] })
  })

  test('deletes one key, or a key with its children', async () => {
    const cache = open()
    await cache.setMany([
      ['product::1', 'one'],
      ['product::1::reviews', []],
      ['product::2', 'two'],
      ['products', 'list'],
    ])
    expect(await cache.delete('product::1')).toBe(true)
    expect(await cache.delete('product::1')).toBe(false)
    expect(await cache.has('product::1::reviews')).toBe(true)
    expect(await cache.delete({ product: 1 }, { children: true })).toBe(true)
    expect(await cache.getMany(['product::1::reviews', 'product::2'])).toEqual([undefined, 'two'])
    expect(await cache.delete('product', { children: true })).toBe(true)
    expect(await cache.getMany(['product::2', 'products'])).toEqual([undefined, 'list'])
  })

  test('deletes no tree for a key whose distinguishing part is undefined', async () => {
    const cache = open()
    const keys = [
      ['product', { id: 1 }],
      ['product', { id: 2 }],
    ]
    await cache.setMany(keys.map((key) => [key, 1] as const))
    const widened = ['product', { id: undefined, locale: undefined }]
    for (const invalidate of [
      () => cache.delete(widened, { children: true }),
      () => cache.deleteMany([widened], { children: true }),
      () => cache.expire(widened, { children: true }),
    ]) {
      await expect(invalidate()).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_INVALID_KEY' })
      await expect(invalidate()).rejects.toThrow('Part 2 of the key')
    }
    expect(await cache.getMany(keys)).toEqual([1, 1])
    expect(await cache.get(widened)).toBeUndefined()
    expect(await cache.delete(widened)).toBe(false)
    expect(await cache.delete(['product', {}], { children: true })).toBe(true)
    expect(await cache.getMany(keys)).toEqual([undefined, undefined])
  })

  test('reads, writes and deletes many keys in one call', async () => {
    const cache = open()
    const keys = Array.from({ length: 300 }, (_, id) => ['many', id])
    expect(await cache.setMany(keys.map((key, index) => [key, index] as const))).toBe(300)
    expect(await cache.getMany(keys)).toEqual(keys.map((_, index) => index))
    expect(await cache.deleteMany([...keys.slice(0, 10), 'never::there'])).toBe(10)
    expect(await cache.getMany(['many::0', 'many::10'], { default: 'none' })).toEqual(['none', 10])
    expect(await cache.getMany([])).toEqual([])
  })

  test('processes all keys of a batch before it reports one that is invalid', async () => {
    const cache = open()
    const setting = cache.setMany([
      ['good::1', 1],
      ['bad', () => 1],
      ['good::2', 2],
    ])
    await expect(setting).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_UNSERIALIZABLE_VALUE', key: 'bad' })
    expect(await cache.getMany(['good::1', 'good::2'])).toEqual([1, 2])
  })

  test('clears everything under its prefix', async () => {
    const cache = open()
    await cache.set('a', 1)
    await cache.set('b::c', 2)
    expect(await cache.clear()).toBe(true)
    expect(await cache.getMany(['a', 'b::c'])).toEqual([undefined, undefined])
  })

  test('lists live keys, all or below a key', async () => {
    const cache = open()
    await cache.setMany(Array.from({ length: 40 }, (_, id) => [['list', id % 2, id], id] as const))
    await cache.set('other', 1)
    await cache.delete('list::1', { children: true })
    const texts = async (under?: string) => (await collect(cache.keys(under))).map((key) => key.text).sort()
    expect(await texts()).toHaveLength(21)
    expect(await texts('list')).toHaveLength(20)
    expect(await texts('list::1')).toEqual([])
    expect(await texts('other')).toEqual(['other'])
  })

  test('keeps an entry for its TTL', async () => {
    const cache = open({ ttl: '10m', maxTtl: '1h' })
    await cache.set('default', 1)
    await cache.set('short', 1, { ttl: '50ms' })
    await cache.set('seconds', 1, { ttl: 90 })
    expect((await cache.inspect('default')).ttlMs).toBeGreaterThan(590_000)
    const seconds = (await cache.inspect('seconds')).ttlMs
    expect(seconds).toBeGreaterThan(80_000)
    expect(seconds).toBeLessThanOrEqual(90_000)
    await vi.waitFor(async () => expect(await cache.has('short')).toBe(false), {
      timeout: 3_000,
      interval: 5,
    })
  })

  test('refuses an invalid TTL at the call', async () => {
    const cache = open({ maxTtl: '1h' })
    const attempts = {
      ttl: ['soon', '5 minutes', 0, -1, Number.NaN, Number.POSITIVE_INFINITY, '0s', {}, null],
    }
    for (const ttl of attempts.ttl) {
      await expect(cache.set('a', 1, { ttl: ttl as never }), String(ttl)).rejects.toThrow(
        /^ttl must be a positive number of seconds or a text like '500ms', '10s', '5m', '1h' or '30d', not /,
      )
    }
    await expect(cache.set('a', 1, { ttl: '2h' })).rejects.toThrow(
      'ttl is 7200 s, but no entry may live longer than 3600 s: raise maxTtl if that is meant.',
    )
    expect(await cache.has('a')).toBe(false)
  })

  test('spreads expiries with jitter', async () => {
    const cache = open({ ttl: 1_000, ttlJitter: 0.5 })
    await cache.setMany(Array.from({ length: 30 }, (_, id) => [['spread', id], id] as const))
    const ttls = await Promise.all(
      Array.from({ length: 30 }, async (_, id) => (await cache.inspect(['spread', id])).ttlMs ?? 0),
    )
    expect(Math.min(...ttls)).toBeGreaterThan(490_000)
    expect(Math.max(...ttls)).toBeLessThanOrEqual(1_000_000)
    expect(Math.max(...ttls) - Math.min(...ttls)).toBeGreaterThan(100_000)
  })

  test('refuses invalid keys and values with an error that contains the path, and stores nothing', async () => {
    const cache = open()
    await expect(cache.get(['product', undefined as never])).rejects.toThrow(
      /Part 2 of the key \["product", undefined\] is undefined/,
    )
    await expect(cache.set('', 1)).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_INVALID_KEY' })
    await expect(cache.delete([])).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_INVALID_KEY' })
    const failure = cache.set('value', { rows: [{ total: () => 1 }] })
    await expect(failure).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_UNSERIALIZABLE_VALUE', key: 'value' })
    await expect(failure).rejects.toThrow(/value\.rows\[0\]\.total is a function/)
    expect(await cache.has('value')).toBe(false)
  })

  test('while disabled, reads miss and set does nothing, but deletes are executed', async () => {
    const [cache, other] = [open(), open()]
    await cache.set('a', 1)
    await cache.set('b', 1)
    cache.enable(false)
    expect(cache.enabled).toBe(false)
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.has('a')).toBe(false)
    expect(await cache.set('a', 2)).toBe(false)
    await expect(cache.set('a', 2, { ttl: 'bad' as never })).rejects.toThrow(/ttl must be/)
    expect(await cache.delete('b')).toBe(true)
    cache.enable(true)
    expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined])
    expect(await other.has('b')).toBe(false)
    expect(await open({ enabled: false }).get('a')).toBeUndefined()
  })

  test('counts the operations of this process, but no inspection', async () => {
    const cache = open()
    await cache.set('product::1', 1)
    await cache.get('product::1')
    await cache.get('product::2')
    await cache.getMany(['product::1', 'order::1'])
    await cache.delete('product', { children: true })
    await cache.get('product::1')
    await cache.expire('product', { children: true })
    const before = cache.processStats()
    expect(before.totals).toEqual({
      hits: 2,
      requestHits: 0,
      processHits: 0,
      misses: 3,
      missesBy: { absent: 2, 'ancestor-deleted': 1 },
      writes: 1,
      storedBytes: expect.any(Number),
      refusedFills: 0,
      deletes: 1,
      treeDeletes: 1,
      expires: 1,
      computations: 0,
      failedComputations: 0,
      computingMs: 0,
      savedMs: 0,
      waits: 0,
      avoided: 0,
      takeovers: 0,
      fencedCommits: 0,
      unstorable: 0,
      earlyRefreshes: 0,
      staleServed: 0,
      latency: expect.anything(),
    })
    expect([...before.families.keys()]).toEqual(['product', 'order'])
    expect(before.families.get('order')).toMatchObject({ hits: 0, misses: 1 })
    await cache.has('product::1')
    await cache.inspect('product::1')
    await cache.list({ scan: 100 })
    await collect(cache.keys())
    await cache.check()
    expect(cache.processStats()).toEqual(before)
  })

  test('counts families beyond the hundredth together', async () => {
    const cache = open()
    await cache.getMany(Array.from({ length: 250 }, (_, id) => [`family ${id}`]))
    const { families, totals } = cache.processStats()
    expect(families.size).toBe(101)
    expect(families.get('other')?.misses).toBe(150)
    expect(totals.misses).toBe(250)
  })

  test('explains why a key is not cached', async () => {
    const cache = open()
    const why = async (key: string) => (await cache.inspect(key)).why
    expect(await why('product::1')).toMatch(/^No record of this key\.$/)
    await cache.set('product::1', { name: 'Lamp' })
    expect(await cache.inspect('product::1')).toMatchObject({
      state: 'fresh',
      reason: undefined,
      tier: 'store',
      value: { name: 'Lamp' },
      writtenBy: expect.stringMatching(new RegExp(`:${process.pid}$`)),
      generations: [{ of: cache.keyPrefix }, { of: 'product' }],
    })
    expect(await why('product::1')).toMatch(/^Written \d+ ms ago by .+:\d+; expires in 5 min\.$/)
    await cache.delete('product::1')
    expect(await why('product::1')).toMatch(/^Deleted \d+ ms ago by process .+:\d+\.$/)
    await cache.set('product::1', 1)
    await cache.delete('product', { children: true })
    expect(await why('product::1')).toMatch(/^Deleted with everything under product, \d+ ms ago by process /)
    expect(await why('product::never')).toMatch(
      /^No record of this key since everything under product was deleted \d+ ms ago by process .+\.$/,
    )
    await cache.clear()
    expect(await why('product::never')).toMatch(
      /^No record of this key since everything was deleted \d+ ms ago by process /,
    )
    await cache.set('product::2', 1)
    await cache.clear()
    expect((await cache.inspect('product::2')).state).toBe('missing')
    await cache.withRequestMemory((inner) => inner.get('asked::for'))
    expect(await why('asked::for')).toMatch(
      /^No record of this key since everything was deleted .* A request has missed it since, and has not stored a value yet\.$/,
    )
  })

  test('check() resolves when the store responds', async () => {
    await expect(open().check()).resolves.toBeUndefined()
  })
})

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

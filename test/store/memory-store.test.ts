import { describe, expect, test } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'
import { checkLiveness } from '../../src/store/liveness.js'
import { MemoryStatistics } from '../../src/store/memory-statistics.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { describeStatistics } from '../conformance/statistics-conformance.js'
import { describeStoreConformance } from '../conformance/store-conformance.js'

describeStoreConformance('The embedded memory store', async () => {
  const store = new MemoryStore()
  return { store, other: store, close: () => store.close() }
})

describe('The embedded memory store is bounded', () => {
  const write = (store: MemoryStore, part: number, bytes = 10) =>
    store.write(CacheKey.from(['bounded', part]), {
      format: 1,
      payload: Buffer.alloc(bytes),
      ttlMs: 60_000,
      writtenBy: 'test:1',
    })
  const isLive = async (store: MemoryStore, part: number) =>
    checkLiveness(await store.read(CacheKey.from(['bounded', part]))).live
  const count = async (store: MemoryStore) => (await store.list({ scan: 1_000_000 })).entries.length

  test('in entries: the least recently used is evicted first', async () => {
    const store = new MemoryStore({ maxEntries: 12 })
    for (let part = 0; part < 10; part++) await write(store, part)
    expect(await isLive(store, 0)).toBe(true)
    await write(store, 10)
    expect(await isLive(store, 0)).toBe(true)
    expect(await isLive(store, 1)).toBe(false)
    for (let part = 11; part < 1_000; part++) await write(store, part)
    expect(await count(store)).toBeLessThanOrEqual(12)
  })

  test('in bytes', async () => {
    const store = new MemoryStore({ maxBytes: 100_000 })
    for (let part = 0; part < 100; part++) await write(store, part, 5_000)
    const { entries } = await store.list({ scan: 1_000 })
    expect(entries.length).toBeGreaterThan(10)
    expect(entries.reduce((sum, one) => sum + one.bytes, 0)).toBeLessThanOrEqual(100_000)
  })

  test('refuses a value larger than its maximum, and drops the old one', async () => {
    const store = new MemoryStore({ maxBytes: 10_000 })
    await write(store, 1)
    expect(await write(store, 1, 20_000)).toEqual({ written: false })
    expect(await isLive(store, 1)).toBe(false)
  })

  test('refuses a fill whose marker was evicted: absence proves nothing', async () => {
    const store = new MemoryStore({ maxEntries: 8 })
    const key = CacheKey.from('bounded::filled')
    const basis = await store.observe(key)
    for (let part = 0; part < 20; part++) await write(store, part)
    const result = await store.write(
      key,
      { format: 1, payload: Buffer.from('x'), ttlMs: 1_000, writtenBy: 't:1' },
      { basis },
    )
    expect(result).toEqual({ written: false })
  })

  test('treats an entry whose generation was evicted as missing', async () => {
    const store = new MemoryStore({ maxEntries: 4 })
    const deep = CacheKey.from('a::b::c')
    await store.write(deep, { format: 1, payload: Buffer.from('x'), ttlMs: 60_000, writtenBy: 't:1' })
    expect(checkLiveness(await store.read(deep)).live).toBe(true)
    await store.write(CacheKey.from('z'), {
      format: 1,
      payload: Buffer.from('x'),
      ttlMs: 60_000,
      writtenBy: 't:1',
    })
    expect(checkLiveness(await store.read(deep)).live).toBe(false)
  })
})

describe('A listing of the embedded memory store', () => {
  const texts = Array.from({ length: 3_000 }, (_, index) => `listed::${String(index).padStart(4, '0')}`)
  const shuffled = texts.map((_, index) => texts[(index * 1_789) % texts.length] as string)

  async function* pages(store: MemoryStore, scan: number) {
    let cursor: string | undefined
    do {
      const page = await store.list({ cursor, scan })
      yield page
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  test.each([
    ['as they stand', texts],
    ['the other way round', texts.toReversed()],
    ['in no order', shuffled],
  ])('has each key once, in order, independently of use: %s', async (_, written) => {
    const store = new MemoryStore()
    const facts = { format: 1, payload: Buffer.from('x'), ttlMs: 60_000, writtenBy: 't:1' }
    for (const text of written) await store.write(CacheKey.from(text), facts)
    for (const scan of [1_000, 499, 7, 3_000, 10_000]) {
      const found: string[] = []
      for await (const { entries, scanned, total } of pages(store, scan)) {
        expect(scanned).toBeLessThanOrEqual(scan)
        expect(total).toBe(3_000)
        found.push(...entries.map(({ key }) => key.text))
      }
      expect(found).toEqual(texts)
    }
  })

  test('lets other work run before each page', async () => {
    const store = new MemoryStore()
    const facts = { format: 1, payload: Buffer.from('x'), ttlMs: 60_000, writtenBy: 't:1' }
    for (const text of shuffled) await store.write(CacheKey.from(text), facts)
    let turns = 0
    const others = setInterval(() => turns++)
    const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
    await turn()
    turns = 0
    const began = performance.now()
    for await (const _ of pages(store, 10)) if (performance.now() - began > 100) break
    clearInterval(others)
    expect(turns).toBeGreaterThan(3)
  })
})

describeStatistics('The embedded store', () => new MemoryStatistics())

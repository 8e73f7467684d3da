import { ObjectId, UUID } from 'bson'
import { Decimal } from 'decimal.js'
import { Temporal } from 'temporal-polyfill'
import { expect, test } from 'vitest'
import { InvalidKeyError } from '../../src/errors.js'
import { CacheKey } from '../../src/key/cache-key.js'

// The compiler is the other half of this test: `npm run types`.

test('accepts each type of a key part', () => {
  interface Filter {
    country?: string
    tags: string[]
  }
  const filter: Filter = { tags: [] }
  const query: Record<string, unknown> = { page: '2' }
  class User {
    constructor(readonly id: number) {}
    greet() {}
  }
  expect(CacheKey.from(filter).segments).toHaveLength(2)
  expect(CacheKey.from(query).text).toBe('page::2')
  expect(CacheKey.from(['a', new User(1), 1n, null] as const).text).toBe('a::1::1::%.null')
  const { segments } = CacheKey.of('a', [1, undefined], { cacheKeyPart: () => 1 }, CacheKey.of('b'))
  expect(segments).toHaveLength(4)
  const structures = CacheKey.of(
    'a',
    new Date(),
    /x/,
    Buffer.from('x'),
    new Map(),
    new Set(),
    new URL('http://a/'),
  )
  expect(structures.segments).toHaveLength(7)
})

test('accepts value objects, and optional pairs that are undefined', () => {
  const query: { q: string; page?: number; sort: string | undefined } = { q: 'x', sort: undefined }
  const { text } = CacheKey.of('s', query)
  expect(text).toBe('s::q::x')
  const page: number | undefined = undefined
  expect(CacheKey.from({ q: 'x', page }).text).toBe('q::x')
  const values = [new ObjectId(), new UUID(), new Decimal(1), new URL('http://a/'), new URLSearchParams('a')]
  for (const value of values)
    expect(CacheKey.from(['a', value]).text).toBe(CacheKey.of('a', String(value)).text)
  const date = Temporal.PlainDate.from('2026-01-02')
  expect(CacheKey.from(['a', date, { of: date }] as const).text).toBe('a::2026-01-02::of::2026-01-02')
})

test('refuses at compile time the types that are refused at run time', () => {
  const refused = [
    // @ts-expect-error
    () => CacheKey.of('a', undefined),
    // @ts-expect-error
    () => CacheKey.of('a', () => 1),
    // @ts-expect-error
    () => CacheKey.of('a', Symbol('x')),
    // @ts-expect-error
    () => CacheKey.of('a', Promise.resolve(1)),
    // @ts-expect-error
    () => CacheKey.from(['a', undefined]),
    // @ts-expect-error
    () => CacheKey.from(5),
    // @ts-expect-error
    () => CacheKey.from(() => 1),
    // @ts-expect-error
    () => CacheKey.from(new Map()),
  ]
  for (const build of refused) expect(build).toThrow(InvalidKeyError)
})

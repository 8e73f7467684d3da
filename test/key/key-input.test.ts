import { expect, it } from 'vitest'
import { InvalidKeyError } from '../../src/errors.js'
import { CacheKey } from '../../src/key/cache-key.js'

// The compiler is the other half of this test: `npm run types`.

it('accepts what a key can be made of', () => {
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

it('refuses at compile time what it refuses at run time', () => {
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

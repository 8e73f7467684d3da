import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'

const digest = (structure: unknown) => CacheKey.from(['a', [structure]]).segments[1]

describe('a structure in a key', () => {
  test('is one segment at any position', () => {
    for (const structure of [[1, 2], new Map(), new Set(), Buffer.from('x'), /x/g]) {
      expect(CacheKey.of('a', structure as object, 'b').text).toMatch(/^a::%\.~[\w-]{22}::b$/)
      expect(CacheKey.of('a', { where: structure }).text).toMatch(/^a::where::%\.~[\w-]{22}$/)
    }
    expect(CacheKey.of('a', { where: { price: 1 } }).segments).toHaveLength(3)
  })

  test('is independent of the order of names, entries and items', () => {
    expect(digest({ a: 1, b: [{ c: 1, d: 2 }] })).toBe(digest({ b: [{ d: 2, c: 1 }], a: 1 }))
    expect(digest(new Set([1, 2]))).toBe(digest(new Set([2, 1])))
    expect(digest(new Map([['a', 1], ['b', 2]]))).toBe(digest(new Map([['b', 2], ['a', 1]]))) // biome-ignore format: pairs
    expect(digest(Object.assign(Object.create(null), { a: 1 }))).toBe(digest({ a: 1 }))
  })

  test('has the same digest in each version', () => {
    expect(CacheKey.of('a', [1, '1', { b: null }]).text).toMatchInlineSnapshot(
      `"a::%.~dlmTLeSrBEqwb1SfFHe5ts"`,
    )
  })

  test('gives each of these its own digest', () => {
    class Money {
      constructor(readonly amount = 1) {}
    }
    class Other extends Money {}
    class Named {
      id = 1
    }
    class Decimal {
      readonly #digits: string
      constructor(digits: string) {
        this.#digits = digits
      }
      toJSON(): string {
        return this.#digits
      }
    }
    const shared = new ArrayBuffer(4)
    const different: unknown[] = [
      ...[undefined, null, true, false, 0, 1, 1n, '1', '', 'undefined', Number.NaN, 'NaN', Infinity],
      ...[
        [],
        {},
        [[]],
        [{}],
        [undefined],
        [null],
        [1, 2],
        [2, 1],
        ['s', ''],
        ['', 's'],
        ['1', '2'],
        ['1,2'],
        [[1], 2],
        [1, [2]],
      ],
      ...[{ amount: 1 }, new Money(), new Other(), new Money(2), new Named(), { id: 1 }],
      ...[{ a: null }, { 'a;': 1 }, { a: 1, b: 2 }, { a: 2, b: 1 }, { ab: 12 }],
      ...[new Map(), new Set(), new Set([1]), new Set(['1']), new Map([[1, 2]]), new Map([[2, 1]])],
      ...[new Date(0), new Date(1), new Date(Number.NaN), new Date(0).toISOString()],
      ...[Buffer.from('a'), new Uint8Array([97]), new Int8Array([97]), shared, new DataView(shared)],
      ...[/a/, /a/g, new URL('http://a/'), new URL('http://b/'), new URLSearchParams('a=1')],
      ...[new Decimal('1'), new Decimal('2'), new Error('a'), new Error('b'), new Number(1), new String('1')],
      ...['\ud800', '\ud801', '\ufffd', 's1:a', 'd1;', Object.assign(['a'], { index: 0 }), ['a']],
    ]
    const digests = different.map(digest)
    expect(new Set(digests).size).toBe(different.length)
  })

  test('has one digest for equal data and another for different data', () => {
    const data = fc.object({ withBigInt: true, withDate: true, withMap: true, withSet: true })
    fc.assert(
      fc.property(data, (value) => {
        expect(digest(reversed(value))).toBe(digest(value))
        expect(digest([value])).not.toBe(digest(value))
      }),
      { numRuns: 200 },
    )
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const same = isDeepStrictEqual(json(a), json(b))
        expect(digest(a) === digest(b)).toBe(same)
      }),
      { numRuns: 500 },
    )
  })
})

/** The same data with the names of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  const copy = {}
  for (const name of Object.keys(value).reverse())
    Object.defineProperty(copy, name, {
      value: reversed(value[name as keyof typeof value]),
      enumerable: true,
    })
  return copy
}

/** As JSON has it: -0 is 0, in keys too. */
function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

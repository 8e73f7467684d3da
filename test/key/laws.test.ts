import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'

// Characters that each segment escapes, and the one exception.
const FORBIDDEN =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\p{Noncharacter_Code_Point}:"'`\\*?[\]^{}]|%(?![.~u]|[0-9A-F]{2})/u
const DATE_SEGMENT = /^%\.[-+\dT:.]+Z$/

const HOSTILE = [
  ...['::', ':', ':::', 'a:', ':a', 'a::b', '\n', '\0', ' ', '\ud800', '\udc00', '\udc00\ud800', '😀', 'é'],
  ...['*', '?', '[a]', '{b}', '^', '\\', '"', "'", '`', '%', '%2E', '%.', '%.null', '%.true', '%~', '%uD800'],
  ...[
    '%25',
    '%2A',
    '%2a',
    '%E2%80%A8',
    '%C3%A9',
    '%80',
    '%F4%90%80%80',
    '\u2028',
    '\ufeff',
    '\u202e',
    '\ue000',
  ],
  ...['__proto__', 'constructor', '', '0', '-0', 'null', 'true', '1970-01-01T00:00:00.000Z', 'x'.repeat(130)],
  ...['%.~AAAAAAAAAAAAAAAAAAAAAA', 'a%~AAAAAAAAAAAAAAAAAAAAAA', '%.1970-01-01T00:00:00.000Z'],
]
const piece = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 4 }), lone())
const string = fc.oneof(
  piece,
  fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')),
  fc.array(piece, { minLength: 60, maxLength: 90 }).map((pieces) => pieces.join('')),
)
const scalar = fc.oneof(
  { weight: 4, arbitrary: string },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false, 0, 1, '0', '1', 1n) },
  { weight: 1, arbitrary: fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.bigInt()) },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: true }) },
)
const parts = fc.array(scalar, { minLength: 1, maxLength: 5 })

describe('laws of keys', () => {
  test('give different keys to different lists of parts', () => {
    // Near misses matter: the second list is the first with one part changed, joined or split.
    const pair = fc.oneof(
      fc.tuple(parts, parts),
      fc.tuple(parts, fc.nat(4), scalar).map(([list, at, part]) => [list, list.with(at % list.length, part)]),
      fc.array(string, { minLength: 2, maxLength: 4 }).map((list) => [list, [list.join('::')]]),
      parts.map((list) => [list, list.map(String)]),
      parts.map((list) => [list, CacheKey.from(list).segments]),
    )
    fc.assert(
      fc.property(pair, ([one = [], other = []]) => {
        const same = JSON.stringify(one.map(identity)) === JSON.stringify(other.map(identity))
        expect(CacheKey.from(one).text === CacheKey.from(other).text).toBe(same)
      }),
      { numRuns: 1500 },
    )
  })

  test('parse the printed text of each key', () => {
    fc.assert(
      fc.property(parts, (list) => {
        const { text, segments } = CacheKey.from(list)
        expect(CacheKey.from(text).text).toBe(text)
        expect(CacheKey.from(text).segments).toEqual(segments)
      }),
      { numRuns: 1000 },
    )
  })

  test('accept any string as a path, with one printed form', () => {
    const path = fc.array(string, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('::'))
    fc.assert(
      fc.property(path, (written) => {
        fc.pre(written !== '' && written.split('::').length <= 32)
        const { text } = CacheKey.from(written)
        expect(CacheKey.from(text).text).toBe(text)
        expectClean(text)
      }),
      { numRuns: 1000 },
    )
  })

  test('give parts from which the same key is built', () => {
    fc.assert(
      fc.property(parts, (list) => {
        const key = CacheKey.from(list)
        fc.pre(!key.text.includes('%~'))
        expect(CacheKey.from(key.parts).text).toBe(key.text)
      }),
    )
  })

  test('give a key exactly its prefixes as ancestors', () => {
    fc.assert(
      fc.property(parts, scalar, (list, part) => {
        const key = CacheKey.from(list)
        const child = key.child(part)
        expect(child.ancestors).toEqual([...key.ancestors, key.text])
        expect(child.ancestors).toEqual(
          child.segments.slice(1).map((_, end) => child.segments.slice(0, end + 1).join('::')),
        )
        expect(child.parent?.text).toBe(key.text)
        expect(child.isWithin(key)).toBe(true)
        expect(key.isWithin(child)).toBe(false)
        expect(child.text).toBe(CacheKey.from([...list, part]).text)
      }),
    )
  })

  test('keep each part in its segment', () => {
    fc.assert(
      fc.property(parts, scalar, parts, (before, part, after) => {
        const key = CacheKey.from([...before, part, ...after])
        expect(key.segments).toHaveLength(before.length + 1 + after.length)
        expect(key.text.startsWith(`${CacheKey.from(before).text}::`)).toBe(true)
        expect(key.text.endsWith(`::${CacheKey.from(after).text}`)).toBe(true)
        expectClean(key.text)
      }),
      { numRuns: 1000 },
    )
  })

  test('keep a hostile name and value in their places', () => {
    fc.assert(
      fc.property(string, scalar, (name, value) => {
        const pairs = Object.defineProperty({}, name, { value, enumerable: true })
        expect(CacheKey.from(['a', pairs, 'b']).text).toBe(CacheKey.from(['a', name, value, 'b']).text)
      }),
    )
  })
})

describe('laws of key parts', () => {
  const leaf = fc.oneof(fc.constantFrom(undefined, null, true, 0, '0', '', 'a'), fc.integer(), string)
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
      fc
        .uniqueArray(fc.tuple(leaf, tie('value')), { selector: ([key]) => key, maxLength: 3 })
        .map((pairs) => new Map(pairs)),
    ),
  }))
  const digest = (part: unknown) => CacheKey.from(['a', [part]]).text

  test('two structures are one segment exactly if they are equal, properties that are undefined aside', () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        const [first, second] = [bare(one), bare(other)]
        expect(digest(one)).toBe(digest(first))
        expect(digest(one) === digest(other)).toBe(isDeepStrictEqual(first, second))
      }),
      { numRuns: 1000 },
    )
  })

  test('a shared object is like two equal ones', () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        const twice = digest([one, other, { one, other }, [[one]]])
        expect(digest([copy(one), other, { one: copy(one), other: copy(other) }, [[copy(one)]]])).toBe(twice)
      }),
    )
  })

  test('undefined pairs are omitted', () => {
    fc.assert(
      fc.property(fc.dictionary(string, fc.option(scalar, { nil: undefined })), (pairs) => {
        expect(CacheKey.from(['a', pairs]).text).toBe(CacheKey.from(['a', bare(pairs) as object]).text)
      }),
    )
  })

  test('a value object is the part of its scalar', () => {
    fc.assert(
      fc.property(scalar, scalar, (one, other) => {
        fc.pre(one !== null && !(one instanceof Date) && one !== '-0')
        const value = { toJSON: () => one }
        expect(CacheKey.from(['a', value]).text).toBe(CacheKey.from(['a', one]).text)
        expect(CacheKey.from([{ a: value }, other]).text).toBe(CacheKey.from(['a', one, other]).text)
      }),
    )
  })
})

/** The same without properties that are undefined, and with 0 for -0. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (value instanceof Map) return new Map(Array.from(value, ([key, held]) => [bare(key), bare(held)]))
  if (typeof value !== 'object' || value === null || value instanceof Date)
    return Object.is(value, -0) ? 0 : value
  const names = Object.keys(value).filter((name) => value[name as keyof typeof value] !== undefined)
  const pairs = {}
  for (const name of names)
    Object.defineProperty(pairs, name, { value: bare(value[name as keyof typeof value]), enumerable: true })
  return pairs
}

function copy(value: unknown): unknown {
  return bare(value)
}

/** The identity of a part: its type and value, with numbers as their text. */
function identity(part: unknown): string {
  if (part === null || typeof part === 'boolean') return `special ${part}`
  if (part instanceof Date) return `date ${part.toISOString()}`
  return `string ${part}`
}

function expectClean(text: string): void {
  for (const segment of text.split('::')) {
    if (!DATE_SEGMENT.test(segment)) expect(segment).not.toMatch(FORBIDDEN)
    expect(Buffer.byteLength(segment)).toBeLessThanOrEqual(120)
    expect(segment).not.toBe('')
  }
}

function lone(): fc.Arbitrary<string> {
  return fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code))
}

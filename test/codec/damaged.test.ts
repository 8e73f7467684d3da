import { deserialize, serialize } from 'node:v8'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { DecodeError, decodeValue, encodeValue, type Payload } from '../../src/codec/codec.js'
import { same } from './same.js'

const encode = (value: unknown) => encodeValue(value, { compressionThreshold: false }) as Payload
const { format } = encode(null)
const { format: JSON_FORMAT } = encode({})

const SMALL = encode({
  id: 4711n,
  name: 'Židle',
  price: -0,
  tags: Object.assign(new Array(3), { 0: 'a', 2: undefined }),
  at: new Date(5),
  map: new Map([[1, new Set([Buffer.from('b')])]]),
  re: /x/g,
  raw: Float64Array.of(1),
}).bytes

const PAYLOADS = [
  encode('text'),
  encode([1, 2, [-0]]),
  encode({ a: undefined, b: null, c: [] }),
  encode(new Uint8Array(40).buffer),
  encode(-(2n ** 300n)),
  encode({ id: 4711, name: 'Židle \ud800', price: -1.5e-7, tags: ['a', null], in: { stock: true, '': {} } }),
  encode([[1, 2, [3]], []]),
  { bytes: SMALL, format },
]

/** Decodes any bytes; all but a value or a `DecodeError` fails the test. */
function attempt(bytes: Buffer, asFormat = format): 'value' | 'refused' {
  const before = memory()
  try {
    void decodeValue({ bytes, format: asFormat })
    return 'value'
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return 'refused'
  } finally {
    if (memory() - before > 16e6) expect.fail(`took ${memory() - before} bytes of memory`)
  }
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

describe('damaged bytes', () => {
  test('of both formats', () => {
    expect(new Set(PAYLOADS.map((payload) => payload.format))).toEqual(new Set([format, JSON_FORMAT]))
  })

  test('each truncation is refused', () => {
    for (const { bytes, format } of PAYLOADS) {
      for (let length = 0; length < bytes.length; length++) {
        expect(attempt(bytes.subarray(0, length), format)).toBe('refused')
      }
    }
  })

  test('bytes after a value are refused', () => {
    for (const { bytes, format } of PAYLOADS) {
      for (const more of [bytes.subarray(2), Buffer.from('0'), Buffer.from(']')]) {
        expect(attempt(Buffer.concat([bytes, more]), format)).toBe('refused')
      }
    }
  })

  test('each flipped bit gives a value or a DecodeError', () => {
    for (const { bytes, format } of PAYLOADS) {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const damaged = Buffer.from(bytes)
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        attempt(damaged, format)
      }
    }
  })

  test('random changes give a value or a DecodeError', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(
        fc.constantFrom(...PAYLOADS),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        ({ bytes, format }, changes) => {
          const damaged = Buffer.from(bytes)
          for (const [at, to] of changes) damaged[at % damaged.length] = to
          attempt(damaged, format)
        },
      ),
      { numRuns: 5000 },
    )
  })

  test('random tags give a value or a DecodeError', () => {
    const tag = fc.constantFrom(...Buffer.from('_0TFIUNDZ"cBR\\o;\'Aa{:,$@^-V~ur?psw'))
    const byte = fc.oneof(tag, fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (body) => {
        attempt(Buffer.from([0xff, 15, ...body]))
      }),
      { numRuns: 5000 },
    )
  })

  test('shuffled pieces of JSON give a value or a DecodeError', () => {
    const piece = fc.constantFrom(
      ...'{}[]:,"\\ -.0',
      '1',
      'e9',
      'null',
      'true',
      '"a"',
      '"__proto__":',
      '\\ud8',
    )
    fc.assert(
      fc.property(fc.constantFrom('{', '['), fc.array(piece, { maxLength: 40 }), (first, rest) => {
        attempt(Buffer.from(first + rest.join('')), JSON_FORMAT)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('payloads whose structure was changed', () => {
  const varint = (value: number): number[] =>
    value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))]
  const number = fc.oneof(
    { weight: 5, arbitrary: fc.nat(4) },
    fc.constantFrom(300, 999, 2_000, 100_000, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
  )
  const text = fc.constantFrom('', 'a', '0', '1', '999', '4294967294', '4294967295', '__proto__', 'length')
  const double = fc
    .constantFrom(0, -0, 0.5, 3, 1000, -1, 4294967294, Number.NaN, Number.POSITIVE_INFINITY)
    .map((value) => {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(value)
      return [...bytes]
    })
  const name = fc.oneof(
    text.map((it) => [0x22, ...varint(it.length), ...Buffer.from(it)]),
    text.map((it) => [0x63, ...varint(2 * it.length), ...Buffer.from(it, 'utf16le')]),
    number.map((it) => [0x49, ...varint(it)]),
    number.map((it) => [0x55, ...varint(it)]),
    double.map((it) => [0x4e, ...it]),
  )
  /** Bytes of the writer with arbitrary lengths, counts and names. */
  const { value } = fc.letrec<{ value: number[]; members: number[][]; properties: number[][] }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(0x5f, 0x30, 0x54, 0x2d).map((tag) => [tag]),
      name,
      number.map((it) => [0x5e, ...varint(it)]),
      fc.tuple(number, double).map(([size, digits]) => [0x5a, ...varint(size), ...digits]),
      fc.tuple(number, double).map(([size, bytes]) => [0x42, ...varint(size), ...bytes]),
      fc.tuple(fc.nat(15), number, double).map(([kind, size, it]) => [0x5c, kind, ...varint(size), ...it]),
      fc
        .tuple(text, number)
        .map(([it, flags]) => [0x52, 0x22, it.length, ...Buffer.from(it), ...varint(flags)]),
      container(
        tie,
        'properties',
        () => [0x6f],
        (count) => [0x7b, ...varint(count)],
      ),
      container(
        tie,
        'members',
        () => [0x3b],
        (count) => [0x3a, ...varint(count)],
      ),
      container(
        tie,
        'members',
        () => [0x27],
        (count) => [0x2c, ...varint(count)],
      ),
      container(
        tie,
        'properties',
        (it) => [0x61, ...varint(it)],
        (count, it) => [0x40, ...varint(count), ...varint(it)],
      ),
      container(
        tie,
        'members',
        (it) => [0x41, ...varint(it)],
        (_, it) => [0x24, 0, ...varint(it)],
      ),
      fc
        .tuple(tie('members'), tie('properties'))
        .map(([members, properties]) => [
          0x41,
          ...varint(members.length),
          ...members.flat(),
          ...properties.flat(),
          0x24,
          ...varint(properties.length),
          ...varint(members.length),
        ]),
    ),
    members: fc.array(tie('value'), { maxLength: 4 }),
    properties: fc.array(
      fc.tuple(name, tie('value')).map(([key, it]) => [...key, ...it]),
      { maxLength: 4 },
    ),
  }))

  /** With the true count as a rule, and the true length, so that deeper ones are reached. */
  function container(
    tie: (key: 'members' | 'properties') => fc.Arbitrary<unknown>,
    content: 'members' | 'properties',
    open: (length: number) => number[],
    close: (count: number, length: number) => number[],
  ): fc.Arbitrary<number[]> {
    return fc
      .tuple(
        tie(content) as fc.Arbitrary<number[][]>,
        fc.option(number, { freq: 3 }),
        fc.option(number, { freq: 3 }),
      )
      .map(([parts, length, count]) => [
        ...open(length ?? parts.length),
        ...parts.flat(),
        ...close(count ?? parts.length, length ?? parts.length),
      ])
  }

  test('decode to a value no larger than their bytes allow, or throw a DecodeError', () => {
    const seen = { value: 0, refused: 0 }
    fc.assert(
      fc.property(value, (body) => {
        const bytes = Buffer.from([0xff, 15, ...body])
        seen[attempt(bytes)]++
        const decoded = decodedOf(bytes)
        // Holes take no bytes, and are limited over all.
        expect(longest(decoded)).toBeLessThanOrEqual(bytes.length + 100_000)
      }),
      { numRuns: 20_000 },
    )
    expect(Math.min(seen.value, seen.refused)).toBeGreaterThan(1_000)
  })

  function decodedOf(bytes: Buffer): unknown {
    try {
      return decodeValue({ bytes, format })
    } catch {
      return undefined
    }
  }

  function longest(value: unknown, met = new Set<unknown>()): number {
    if (typeof value === 'string') return value.length
    if (typeof value !== 'object' || value === null || met.has(value)) return 0
    met.add(value)
    if (value instanceof Map || value instanceof Set) return longest([...value], met)
    const own = Array.isArray(value) ? value.length : ArrayBuffer.isView(value) ? value.byteLength : 0
    if (ArrayBuffer.isView(value)) return own
    return Math.max(own, ...Object.values(value).map((it) => longest(it, met)))
  }
})

describe('foreign bytes are refused', () => {
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['JSON', Buffer.from('{"a":[1,2,3]}')],
    ['gzip', gzipSync('hello')],
    ['msgpack', Buffer.from([0x82, 0xa1, 0x61, 0x01, 0xa1, 0x62, 0xc0])],
    ['PHP serialize', Buffer.from('a:1:{s:1:"a";i:5;}')],
    ['Python pickle', Buffer.from('80049500000000000000000000004b012e', 'hex')],
    ['zeros', Buffer.alloc(64)],
    ['ones', Buffer.alloc(64, 0xff)],
  ])('%s', (name, bytes) => {
    expect(attempt(bytes)).toBe('refused')
    expect(attempt(bytes, 0)).toBe('refused')
    if (name !== 'JSON') expect(attempt(bytes, JSON_FORMAT)).toBe('refused')
  })

  test('random bytes', () => {
    const random = fc.uint8Array({ minLength: 3 }).map((bytes) => Buffer.from(bytes))
    fc.assert(fc.property(random, (bytes) => attempt(bytes) === 'refused'))
    fc.assert(fc.property(random, (bytes) => attempt(bytes, JSON_FORMAT) === 'refused'))
  })

  test('every other format number, and a newer wire version', () => {
    for (let other = 0; other < 256; other++) {
      const known = [format, JSON_FORMAT].includes(other & 0x7f)
      if (!known) expect(attempt(SMALL, other)).toBe('refused')
    }
    expect(attempt(SMALL, JSON_FORMAT)).toBe('refused')
    for (let version = 16; version < 256; version++) {
      if (version === serialize(null)[1]) continue
      expect(attempt(Buffer.concat([Buffer.from([0xff, version]), SMALL.subarray(2)]))).toBe('refused')
    }
  })

  test('types that V8 reads but this package never writes: errors, boxed values, objects of other hosts', () => {
    for (const value of [new Error('x'), Object(1), Object('s'), new ArrayBuffer(1)]) {
      if (!(value instanceof ArrayBuffer)) expect(attempt(serialize(value))).toBe('refused')
    }
    const resizable: ArrayBufferConstructor & { new (size: number, options: object): ArrayBuffer } =
      ArrayBuffer
    expect(attempt(serialize(new resizable(1, { maxByteLength: 9 })))).toBe('refused')
  })
})

describe('forged bytes', () => {
  const varint = (value: number): number[] =>
    value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))]
  const forged = (...body: (string | number[])[]) =>
    Buffer.concat([Buffer.from([0xff, 15]), ...body.map((part) => Buffer.from(part as string))])

  test.each(['a', 'A', '"', 'c', 'B', 'Z', '\\', '~'])('a huge length after %s', (tag) => {
    for (const length of [2 ** 20, 2 ** 25 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1]) {
      expect(attempt(forged(tag, varint(length), varint(length)))).toBe('refused')
      expect(attempt(forged('A', varint(2), tag, varint(length), [0, 0, 0]))).toBe('refused')
      expect(attempt(forged(tag, varint(length), tag === 'a' ? '@' : '$', [0], varint(length)))).toBe(
        'refused',
      )
    }
  })

  test('many arrays of the maximum length each', () => {
    const nested = (open: string, close: string, length: number, times: number) =>
      forged(
        ...Array.from({ length: times }, () => [...Buffer.from(open), ...varint(length)]),
        ...Array.from({ length: times }, () => [...Buffer.from(close), 0, ...varint(length)]),
      )
    expect(attempt(nested('a', '@', 100_000, 100))).toBe('refused')
    expect(attempt(nested('A', '$', 5000, 900))).toBe('refused')
  })

  test('endless nesting', () => {
    const levels = 100_000
    const open = (tag: string | number[]) =>
      Buffer.concat(Array.from({ length: levels }, () => Buffer.from(tag as string)))
    for (const tag of ['o"\u0001a', 'A\u0001', ';', "'", 'a\u0001I\u0000']) {
      expect(attempt(Buffer.concat([forged(), open(tag)]))).toBe('refused')
    }
    const whole = Buffer.concat([forged(), open('A\u0001'), Buffer.from('0'), open([0x24, 0, 1])])
    expect(attempt(whole)).toBe('refused')
  })

  test('a length that never ends', () => {
    expect(
      attempt(
        forged(
          '"',
          Array.from({ length: 5000 }, () => 0x80),
        ),
      ),
    ).toBe('refused')
  })

  test('an index at or beyond the declared length of an array', () => {
    const uint32 = varint(2 ** 32 - 2)
    for (const bytes of [
      Buffer.from('ff0f610055feffffff0f490e400100', 'hex'),
      forged('a', [0], 'U', uint32, '_@', [1, 0]),
      forged('a', [3], 'I', [6], '_@', [1, 3]),
      forged('a', [3], 'I', varint(2 ** 31), '_@', [1, 3]),
      forged('a', [3], 'I', [1], '_@', [1, 3]),
      forged('a', [3], 'N', [0, 0, 0, 0, 0, 0, 0x24, 0x40], '_@', [1, 3]),
      forged('a', [3], 'N', [0, 0, 0, 0, 0, 0, 0, 0x40], '_@', [1, 3]),
      forged('a', [3], '"', [1], '3', '_@', [1, 3]),
      forged('a', [3], '"', [10], '4294967294', '_@', [1, 3]),
      forged('a', [3], 'c', [2, 0x33, 0], '_@', [1, 3]),
      forged('A', [1], '_', 'I', [2], '_$', [1, 1]),
      forged('A', [1], '_', 'U', uint32, '_$', [1, 1]),
      forged('A', [1], '_', '"', [1], '7', '_$', [1, 1]),
      forged('A', [1], '_', 'c', [2, 0x37, 0], '_$', [1, 1]),
      forged('o"', [1], 'a', 'a', [0], 'I', [0], '_@', [1, 0], '{', [1]),
    ]) {
      expect(attempt(bytes)).toBe('refused')
    }
    // Below it, and names that are no indices, as they are written.
    for (const [bytes, names] of [
      [forged('a', [3], 'I', [4], '_@', [1, 3]), ['2']],
      [forged('a', [3], '"', [1], '2', '_@', [1, 3]), ['2']],
      [forged('a', [3], '"', [2], '03', '_@', [1, 3]), ['03']],
      [forged('A', [1], '_', '"', [10], '4294967295', '_$', [1, 1]), ['0', '4294967295']],
      [forged('A', [1], '_', '"', [2], '-1', '_$', [1, 1]), ['0', '-1']],
    ] as const) {
      const decoded = decodeValue({ bytes, format }) as unknown[]
      expect(Object.keys(decoded)).toEqual(names)
      expect(decoded.length).toBeLessThanOrEqual(3)
    }
  })

  test('a count or a length that is not the true one', () => {
    for (const bytes of [
      forged('A', [1], '_$', [0, 2]),
      forged('A', [1], '_$', [1, 1]),
      forged('A', [1], '_"', [1], 'a', '_$', [0, 1]),
      forged('A', [2], '_$', [0, 2]),
      forged('A', [0], '_$', [0, 0]),
      forged('a', [2], '@', [0, 3]),
      forged('a', [2], 'I', [0], '_@', [0, 2]),
      forged('o"', [1], 'a', '_{', [0]),
      forged('o"', [1], 'a', '_{', [2]),
      forged('o"', [1], 'a', '{', [1]),
      forged(';__:', [0]),
      forged(';_:', [1]),
      forged(';__:', [4]),
      forged("'_,", [2]),
      forged("'_:", [1]),
      forged('o:', [0]),
      forged('c', [1], 'a'),
      forged('Z', [9, 1]),
      forged('B', [1]),
      forged('\\', [0, 2, 0]),
      forged('\\', [10, 7], '1234567'),
      forged('R"', [1], '(', [0]),
      forged('R"', [1], 'a', [0xff, 0x7f]),
      forged('RI', [2, 0]),
      forged('^', [0]),
      forged('A', [1], '^', [9], '$', [0, 1]),
      forged('o^', [0], '_{', [1]),
      forged('D', [0, 0]),
      forged('"', [0x81, 0], 'a'),
      forged('"', [0x81, 0x80, 0x80, 0x80, 0x10], 'a'),
    ]) {
      expect(attempt(bytes)).toBe('refused')
    }
  })

  test('a view of an unknown type, or of half an element', () => {
    expect(attempt(forged('\\', [99, 1, 0]))).toBe('refused')
    expect(attempt(forged('\\', [10, 3, 0, 0, 0]))).toBe('refused')
  })

  test.each(['__proto__', 'constructor', 'prototype'])('%s is an ordinary name', (name) => {
    const inner = { polluted: true, prototype: { polluted: true } }
    const value = Object.defineProperty({}, name, { value: inner, enumerable: true })
    for (const payload of [encode(value), { bytes: serialize(value), format }]) {
      const decoded = decodeValue(payload) as object
      expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
      expect(Object.getOwnPropertyDescriptor(decoded, name)?.value).toStrictEqual(inner)
    }
    expect(encode(value).format).toBe(JSON_FORMAT)
    const inList = [value, { [name]: { polluted: true } }]
    expect(same(inList, decodeValue(encode(inList)))).toBe(true)
    // Set as a property, not as JSON.parse defines it, this would reach the prototype.
    attempt(Buffer.from(`{"${name}":{"polluted":1},"${name}":{"prototype":{"polluted":1}}}`), JSON_FORMAT)
  })

  test('V8 alone accepts the length, which is the reason for the screen', () => {
    const bytes = Buffer.from([0xff, 15, ...Buffer.from('a'), ...varint(4_000_000)])
    // The memory of other tests may be collected meanwhile: the largest growth counts.
    const growths = Array.from({ length: 5 }, () => {
      const before = memory()
      expect(() => deserialize(bytes)).toThrow()
      return memory() - before
    })
    expect(Math.max(...growths)).toBeGreaterThan(16e6)
  })
})

describe('forged JSON', () => {
  const read = (text: string | Buffer) =>
    decodeValue({ bytes: Buffer.from(text as string), format: JSON_FORMAT })

  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['a primitive at the top', '4711'],
    ['a string at the top', '"text"'],
    ['space before it', ' {}'],
    ['a byte order mark', '\ufeff{}'],
    ['a byte order mark of UTF-16', Buffer.from('\ufeff{}', 'utf16le')],
    ['UTF-8, which is not written', '{"name":"Židle"}'],
    ['bytes that are not UTF-8', Buffer.from('{"a":"\xff\xfe"}', 'latin1')],
    ['half a character', Buffer.from('["\xc5"]', 'latin1')],
    ['a NUL', '["a\0b"]'],
    ['a control character', '["a\nb"]'],
    ['a comment', '[1/**/]'],
    ['a comma too many', '[1,]'],
    ['NaN', '[NaN]'],
  ])('%s is refused', (_name, text) => {
    expect(attempt(Buffer.from(text as string), JSON_FORMAT)).toBe('refused')
  })

  test('odd but valid text decodes to the value of JSON.parse', () => {
    expect(read('[1e400,-1e400,1e-400]')).toStrictEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
    ])
    expect(read('{"a":1,"a":2}')).toStrictEqual({ a: 2 })
    expect(read('["\\ud800"]')).toStrictEqual(['\ud800'])
  })

  test('endless nesting is a value or a DecodeError', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      expect(attempt(Buffer.from(open.repeat(200_000)), JSON_FORMAT)).toBe('refused')
      const whole = Buffer.from(open.repeat(50_000) + (open === '[' ? '' : '0') + close.repeat(50_000))
      expect(attempt(whole, JSON_FORMAT)).toBe('value')
    }
  })

  test('an index takes no more memory than its text suggests', () => {
    expect(attempt(Buffer.from('{"4294967294":0,"99999999":0}'), JSON_FORMAT)).toBe('value')
    for (const index of [499, 1023, 99_999_999]) {
      const text = `[${Array.from({ length: 10_000 }, () => `{"${index}":0}`)}]`
      expect(attempt(Buffer.from(text), JSON_FORMAT)).toBe('value')
    }
  })
})

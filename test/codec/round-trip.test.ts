import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue, type Payload } from '../../src/codec/codec.js'
import { same } from './same.js'

const encode = (value: unknown) => encodeValue(value, { compressionThreshold: false }) as Payload
const roundTrip = (value: unknown) => decodeValue(encode(value))

const shared = { name: 'shared' }
const cycle: Record<string, unknown> = { name: 'cycle', items: [] }
cycle.self = cycle

const VALUES: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  true: true,
  false: false,
  zero: 0,
  'minus zero': -0,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  'largest integer': Number.MAX_SAFE_INTEGER,
  'smallest number': Number.MIN_VALUE,
  'beyond int32': -(2 ** 31) - 1,
  bigint: 0n,
  'negative bigint': -1n,
  'bigint of 64 bits': 2n ** 64n - 1n,
  'bigint of 2000 bits': -(2n ** 2000n) - 7n,
  'empty string': '',
  'latin-1 string': 'Kaffee für 3 €'.replace('€', 'EUR'),
  'wide string': 'žluťoučký kůň 🐎',
  'lone surrogates': 'a\ud800b\udfff',
  'string with a NUL': 'a\0b',
  date: new Date(1_700_000_000_123),
  'invalid date': new Date(Number.NaN),
  regexp: /a+(?<n>b)/giu,
  buffer: Buffer.from('bytes'),
  'empty buffer': Buffer.alloc(0),
  'array buffer': new Uint8Array([1, 2, 3]).buffer,
  'data view': new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2),
  Int8Array: Int8Array.of(-1, 2),
  Uint8Array: Uint8Array.of(1, 255),
  Uint8ClampedArray: Uint8ClampedArray.of(1, 255),
  Int16Array: Int16Array.of(-1, 2),
  Uint16Array: Uint16Array.of(1, 65535),
  Int32Array: Int32Array.of(-1, 2),
  Uint32Array: Uint32Array.of(1, 2 ** 32 - 1),
  Float32Array: Float32Array.of(-0, 1.5),
  Float64Array: Float64Array.of(-0, 1.1),
  BigInt64Array: BigInt64Array.of(-1n),
  BigUint64Array: BigUint64Array.of(2n ** 64n - 1n),
  array: [1, 'two', [3]],
  'array of doubles': [0.5, -0, Number.NaN],
  'sparse array': Object.assign(new Array(5), { 1: 'one', 3: undefined }),
  'array with undefined': [undefined, null, undefined],
  'array made by length': new Array(100).fill(7),
  'object with undefined': { a: undefined, b: null },
  'object with index names': { 2: 'b', 1: 'a', x: 'c' },
  'empty object': {},
  'own __proto__': JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": 2}'),
  map: new Map<unknown, unknown>([
    ['a', 1],
    [1, 'a'],
    [Number.NaN, undefined],
    [{ id: 1 }, new Map([[new Date(5), -0]])],
  ]),
  set: new Set<unknown>([1, '1', undefined, [1], new Set([2n])]),
  'shared references': [shared, { again: shared }, new Map([[shared, shared]])],
  cycle,
  'nested as deep as it may be': nest(990),
}

function nest(levels: number): unknown {
  let value: unknown = 'deep'
  for (let i = 0; i < levels; i++) value = i % 2 ? { value } : [value]
  return value
}

describe('values are read as they were stored', () => {
  test.each(Object.entries(VALUES))('%s', (_name, value) => {
    expect(same(value, roundTrip(value))).toBe(true)
    expect(same({ in: [value] }, roundTrip({ in: [value] }))).toBe(true)
  })

  test('an object without a prototype is read as a plain object', () => {
    const value = Object.assign(Object.create(null), { a: 1 })
    expect(roundTrip(value)).toStrictEqual({ a: 1 })
  })

  test('values of another realm are plain values', () => {
    expect(
      roundTrip(runInNewContext('({ a: [1, new Map([[1, new Date(5)]])], b: new Uint8Array(2) })')),
    ).toStrictEqual({
      a: [1, new Map([[1, new Date(5)]])],
      b: new Uint8Array(2),
    })
  })

  test('an accessor is stored as its value', () => {
    const value = Object.defineProperty({}, 'total', { get: () => 42, enumerable: true })
    expect(roundTrip(value)).toStrictEqual({ total: 42 })
  })

  test('an object that is shared many times is visited once', () => {
    let value: unknown = ['leaf']
    for (let i = 0; i < 60; i++) value = [value, value]
    expect(same(value, roundTrip(value))).toBe(true)
  })

  test.runIf('Float16Array' in globalThis)('Float16Array', () => {
    const Float16 = (globalThis as unknown as { Float16Array: Float32ArrayConstructor }).Float16Array
    expect(same(Float16.of(1.5, -0), roundTrip(Float16.of(1.5, -0)))).toBe(true)
  })
})

describe('memory', () => {
  test('a decoded value shares no memory with the payload', () => {
    const value = {
      buffer: Buffer.from('abc'),
      floats: Float64Array.of(1),
      raw: Uint8Array.of(1, 2).buffer,
      text: 'abc',
    }
    const { bytes, format } = encode(value)
    const decoded = decodeValue({ bytes, format })
    bytes.fill(0xee)
    expect(same(value, decoded)).toBe(true)
  })

  test('a view is stored without the rest of its buffer', () => {
    const secret = Buffer.from('secret-session-of-somebody-else')
    const { bytes } = encode(secret.subarray(0, 3))
    expect(bytes.length).toBeLessThan(12)
  })

  test('a payload at an odd offset of a larger buffer is read correctly', () => {
    const value = { floats: Float64Array.of(1, 2), text: 'širší', big: 2n ** 70n }
    const { bytes, format } = encode(value)
    for (const shift of [1, 2, 3, 5]) {
      const around = Buffer.concat([Buffer.alloc(shift), bytes, Buffer.alloc(9)])
      expect(same(value, decodeValue({ bytes: around.subarray(shift, shift + bytes.length), format }))).toBe(
        true,
      )
    }
  })
})

/** Nested values of every kind that is stored. */
const anyValue = fc.letrec<{ value: unknown }>((tie) => {
  const text = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  })
  const name = fc.oneof(
    fc.string(),
    text,
    fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', '0', ''),
  )
  const leaf = fc.oneof(
    fc.constantFrom(undefined, null, true, false, -0, 0, Number.NaN, Number.POSITIVE_INFINITY),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    fc.string(),
    text,
    fc.date({ noInvalidDate: false }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.uint8Array(),
    fc.uint8ClampedArray(),
    fc.int8Array(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
  )
  const member = tie('value')
  return {
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      leaf,
      fc.array(member),
      fc.sparseArray(member, { maxLength: 50 }),
      fc.array(fc.tuple(name, member)).map((entries) => Object.fromEntries(entries)),
      fc.array(fc.tuple(member, member)).map((entries) => new Map(entries)),
      fc.array(member).map((members) => new Set(members)),
      member.map((it) => [it, { it }, it]),
    ),
  }
}).value

test('any nested value is read as it was stored, in either format', () => {
  const record = fc.jsonValue({ maxDepth: 4 }).map((value) => ({ id: 1, value }))
  const chosen: Record<number, number> = {}
  fc.assert(
    fc.property(fc.oneof(anyValue, record, fc.array(record)), (value) => {
      const payload = encode(value)
      chosen[payload.format] = (chosen[payload.format] ?? 0) + 1
      return same(value, decodeValue(payload))
    }),
    { numRuns: 1500 },
  )
  expect(Math.min(...Object.values(chosen))).toBeGreaterThan(100)
  expect(Object.keys(chosen)).toEqual(['1', '2'])
})

test('the comparison of these tests distinguishes values that must not be confused', () => {
  const pairs: [unknown, unknown][] = [
    [0, -0],
    [undefined, null],
    [[undefined], new Array(1)],
    [Buffer.from('a'), Uint8Array.of(97)],
    [new Map(), {}],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [{ a: undefined }, {}],
    [JSON.parse('{"__proto__": 1}'), {}],
    [new Date(Number.NaN), new Date(0)],
    [
      [shared, shared],
      [shared, { ...shared }],
    ],
  ]
  for (const [a, b] of pairs) {
    expect(same(a, b)).toBe(false)
    expect(same([a], [b])).toBe(false)
  }
})

import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { decodeValue, encodeValue, type Payload } from '../../src/codec/codec.js'
import { same } from './same.js'

const CLONE = 1
const JSON_TEXT = 2

const encode = (value: unknown) => encodeValue(value, { compressionThreshold: false }) as Payload

const product = (id: number) => ({
  id,
  sku: `SKU-${id}`,
  name: 'Židle "Eva" 🐎',
  price: 1476.28,
  discount: -1.5e-7,
  active: true,
  createdAt: '2026-01-01T00:00:00.000Z',
  tags: ['office', 'chair'],
  category: { id: 5, path: 'furniture/chairs' },
  variants: [{ id: 1, colour: null }, { id: 2 }],
  options: {},
})

/** A property that for-in does not find. */
const hidden = (object: object, name: PropertyKey, value: unknown) =>
  Object.defineProperty(object, name, { value, enumerable: false })
const getter = (object: object, name: PropertyKey, get: () => unknown) =>
  Object.defineProperty(object, name, { get, enumerable: true })
const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, i]))
const answering =
  (...answers: unknown[]) =>
  () =>
    answers.shift()

const shared = { id: 1 }
const cycle: Record<string, unknown> = {}
cycle.self = cycle

describe('records are stored as JSON', () => {
  test.each<[string, unknown]>([
    ['a product', product(1)],
    ['a list of products', Array.from({ length: 500 }, (_, id) => product(id))],
    ['nothing in it', {}],
    ['an empty list', []],
    ['a list of lists', [[1], [], [[null]]]],
    ['equal, but not the same', [{ ...shared }, { ...shared }]],
    ['an own __proto__', JSON.parse('{"__proto__": {"__proto__": {"polluted": 1}}, "constructor": 1}')],
    ['toJSON as data', { toJSON: 1, in: { toJSON: { a: 1 } } }],
    ['lone surrogates', { '\udfff': 'a\ud800b', name: 'an ordinary name of an ordinary product' }],
    ['names that are numbers', { 2: 'b', 1: 'a', x: 'c', 4294967295: 'd', '-1': 'e', '01': 'f' }],
    ['numbers at their limits', [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 1e21, -Number.MAX_VALUE]],
    ['fractions', { a: Number.MIN_VALUE, b: 0.1 + 0.2, c: -1.5e300, d: 2 ** -1074 }],
    ['characters that JSON escapes', { text: 'a\0b\n"\\/\u2028\u007f' }],
    ['as many names as it may have', names(100)],
    ['as many primitives as it may have', { a: Array.from({ length: 16 }, (_, i) => i) }],
    ['as long a text as it may have', { text: 'a'.repeat(250) }],
    ['a name that is not enumerable', hidden(product(1), 'secret', 1)],
  ])('%s', (_name, value) => {
    const payload = encode(value)
    expect(payload.format).toBe(JSON_TEXT)
    expect(payload.bytes.every((byte) => byte < 0x80)).toBe(true)
    expect(same(value, decodeValue(payload))).toBe(true)
  })

  test('also without a prototype, which is not kept', () => {
    const payload = encode(Object.assign(Object.create(null), { a: 1 }))
    expect(payload.format).toBe(JSON_TEXT)
    expect(decodeValue(payload)).toStrictEqual({ a: 1 })
  })

  test('compressed when that saves space', async () => {
    const rows = Array.from({ length: 500 }, (_, id) => product(id))
    const payload = await encodeValue(rows, { compressionThreshold: 1000 })
    expect(payload.format).toBe(JSON_TEXT | 0x80)
    expect(await decodeValue(payload)).toStrictEqual(rows)
  })

  test('as they were when they were stored', () => {
    const value = product(1)
    const payload = encode(value)
    value.tags.length = 0
    expect(decodeValue(payload)).toStrictEqual(product(1))
  })
})

const EXOTIC: [string, unknown][] = [
  ['undefined', undefined],
  ['minus zero', -0],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['a bigint', 1n],
  ['a date', new Date(5)],
  ['a regexp', /x/g],
  ['a map', new Map([[1, 2]])],
  ['a set', new Set([1])],
  ['a buffer', Buffer.from('b')],
  ['a typed array', Float64Array.of(1)],
  ['an ArrayBuffer', new ArrayBuffer(2)],
  ['undefined as a property', { a: undefined }],
  ['undefined as an element', [undefined]],
  ['a hole', Object.assign(new Array(3), { 0: 1, 2: 3 })],
  ['holes at the end', Object.assign(new Array(3), { 0: 1 })],
  ['nothing but holes', new Array(3)],
  ['a named property of an array', Object.assign([1], { total: 1 })],
  ['a hole and a named property instead', Object.assign(new Array(2), { 0: 1, total: 1 })],
  ['a match of a regexp', /(?<n>a)/.exec('xa')],
  ['a shared reference', [shared, { again: shared }]],
  ['a shared empty array', ((none: unknown[]) => ({ a: none, b: none }))([])],
  ['a cycle', cycle],
  ['an object of another realm', runInNewContext('({ a: 1 })')],
  ['an array of another realm', runInNewContext('[1]')],
  ['more names than it may have', names(101)],
  ['more primitives than it may have', Array.from({ length: 17 }, (_, i) => i)],
  ['fractions in an array', [14.43, 50.08]],
  ['a longer text than it may have', { text: 'a'.repeat(251) }],
  ['a text that is hardly ASCII', 'Žluťoučký kůň příšerně úpěl ďábelské ódy. '.repeat(5)],
]

describe('values that JSON does not preserve are not stored as JSON', () => {
  test.each(EXOTIC)('%s', (name, exotic) => {
    for (const value of [exotic, { row: product(1), exotic }, [[exotic], [product(1)]]]) {
      const payload = encode(value)
      expect(payload.format).toBe(CLONE)
      // Whose prototypes are ours when they come back.
      const expected = name.includes('another realm') ? structuredClone(value) : value
      expect(same(expected, decodeValue(payload))).toBe(true)
    }
  })

  test.each<[string, unknown]>([
    ['a string', 'text'],
    ['a number: cut short it would be another one', 4711],
    ['a boolean', true],
    ['null', null],
  ])('%s alone is not stored as JSON', (_name, value) => {
    const payload = encode(value)
    expect(payload.format).toBe(CLONE)
    expect(decodeValue(payload)).toBe(value)
  })
})

describe('JSON.stringify is given plain data only', () => {
  test('a getter is called once, so its value cannot change before the write', () => {
    for (const second of [() => 1, undefined, Symbol('s'), Number.NaN, -0, new Date(5), cycle, 1n]) {
      const record = getter({ id: 1 }, 'x', answering('first', second, second))
      expect(decodeValue(encode(record))).toStrictEqual({ id: 1, x: 'first' })
      const list = getter([0], 0, answering('first', second, second))
      expect(decodeValue(encode({ list }))).toStrictEqual({ list: ['first'] })
    }
  })

  test('a property that a getter changes meanwhile is stored as it was read', () => {
    const before: Record<string, unknown> = { a: 1 }
    const changing = getter({}, 'x', () => {
      before.a = Number.NaN
      return 2
    })
    const payload = encode({ before, list: [changing] })
    expect(payload.format).toBe(JSON_TEXT)
    expect(decodeValue(payload)).toStrictEqual({ before: { a: 1 }, list: [{ x: 2 }] })
  })

  test('a toJSON method that for-in does not find is ignored', () => {
    const lie = () => 'a lie'
    const values = [
      hidden(product(1), 'toJSON', lie),
      { list: hidden([1], 'toJSON', lie) },
      [hidden(JSON.parse('{"__proto__": {"a": 1}}'), 'toJSON', lie)],
      Object.defineProperty(product(1), 'toJSON', { get: () => lie, enumerable: false }),
    ]
    for (const value of values) expect(same(value, decodeValue(encode(value)))).toBe(true)
  })

  test.each([Object, Array, String, Number, Boolean])(
    'a toJSON method on the prototype of %o is ignored',
    ({ prototype }) => {
      Object.defineProperty(prototype, 'toJSON', { value: () => 'a lie', configurable: true })
      try {
        expect(same(product(1), decodeValue(encode(product(1))))).toBe(true)
        expect(same([1, 'a', true], decodeValue(encode([1, 'a', true])))).toBe(true)
      } finally {
        delete (prototype as { toJSON?: unknown }).toJSON
      }
    },
  )

  test('properties added to Object.prototype are not stored', () => {
    const prototype = Object.prototype as { inherited?: unknown }
    for (const inherited of [1, { a: 1 }, () => 1]) {
      prototype.inherited = inherited
      const { bytes } = encode({ id: 1, in: [{ id: 2 }] })
      delete prototype.inherited
      expect(bytes.includes('inherited')).toBe(false)
    }
    prototype.inherited = [1]
    const alone = encode({ id: 1 })
    delete prototype.inherited
    expect(decodeValue(alone)).toStrictEqual({ id: 1 })
  })

  test('properties added to Array.prototype do not fill holes', () => {
    const value = Object.assign(new Array(2), { 0: 'a', total: 1 })
    Object.defineProperty(Array.prototype, 1, { value: 'inherited', writable: true, configurable: true })
    const payload = encode(value)
    delete (Array.prototype as unknown[])[1]
    expect(payload.format).toBe(CLONE)
  })
})

test('values stored in the older format are still read', () => {
  // { id: 4711, name: 'Židle', tags: ['a', null] }
  const hex = 'ff0f6f2202696449ce4922046e616d65630a7d01690064006c0065002204746167734102220161302400027b03'
  expect(decodeValue({ bytes: Buffer.from(hex, 'hex'), format: CLONE })).toStrictEqual({
    id: 4711,
    name: 'Židle',
    tags: ['a', null],
  })
})

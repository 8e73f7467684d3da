import { types } from 'node:util'
import { describe, expect, it } from 'vitest'
import { encodeValue } from '../../src/codec/codec.js'
import { UnserializableValueError } from '../../src/errors.js'

class Decimal {
  constructor(readonly digits: string) {}
}
class Money extends Map {}
class Rows extends Array {}
class Day extends Date {}
class Bytes extends Uint8Array {}

const nothing = () => undefined
const symbol = Symbol('s')
const throwing = {
  get total(): number {
    throw new Error('no price yet')
  },
}

function endless(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = { next: value }
  return value
}

const REFUSED: [value: unknown, path: string, what: string][] = [
  [nothing, 'value', 'a function'],
  [symbol, 'value', 'a symbol'],
  [{ items: [1, 2, 3, { price: nothing }] }, 'value.items[3].price', 'a function'],
  [{ 'not a name': { '': symbol } }, 'value["not a name"][""]', 'a symbol'],
  [{ [symbol]: 1 }, 'value[Symbol(s)]', 'a property named by a symbol'],
  [new Map([['x', nothing]]), 'value.get("x")', 'a function'],
  [new Map([[5, [nothing]]]), 'value.get(5)[0]', 'a function'],
  [new Map([[{}, nothing]]), 'value.values()[0]', 'a function'],
  [
    new Map([
      [1, 1],
      [nothing, 1],
    ] as [unknown, number][]),
    'value.keys()[1]',
    'a function',
  ],
  [new Set([1, symbol]), 'value.values()[1]', 'a symbol'],
  [[Promise.resolve(1)], 'value[0]', 'a promise (await it first)'],
  [{ w: new WeakMap() }, 'value.w', 'an instance of WeakMap'],
  [{ w: new WeakSet() }, 'value.w', 'an instance of WeakSet'],
  [
    { price: new Decimal('1.10') },
    'value.price',
    'an instance of Decimal (it would lose its class: store plain data',
  ],
  [new Money(), 'value', 'an instance of Money'],
  [Rows.of(1), 'value', 'an instance of Rows'],
  [new Day(), 'value', 'an instance of Day'],
  [new Bytes(2), 'value', 'an instance of Bytes'],
  [Object.create({ inherited: 1 }), 'value', 'an instance of Object'],
  [Object.create(Array.prototype), 'value', 'an instance of Array'],
  [new URL('http://localhost/'), 'value', 'an instance of URL'],
  [new Error('gone'), 'value', 'an error (store what it says as plain data)'],
  [new (class Gone extends TypeError {})(), 'value', 'an error'],
  [Object('boxed'), 'value', 'an instance of String'],
  [new SharedArrayBuffer(2), 'value', 'an instance of SharedArrayBuffer'],
  [throwing, 'value.total', 'unreadable (no price yet)'],
  [
    [Object.defineProperty([], 0, { get: () => throwing.total, enumerable: true })],
    'value[0][0]',
    'unreadable',
  ],
  [{ a: [new Proxy({}, {})] }, 'value.a[0]', 'a proxy'],
  [Object.assign([], { 99999999: 1 }), 'value', 'an array with more than 100000 holes'],
  [endless(1001), 'value.next.next', 'nested more than 1000 levels deep'],
  [endless(100_000), 'value.next.next', 'nested more than 1000 levels deep'],
]

describe('what cannot be stored is refused with its path', () => {
  it.each(REFUSED.map(([value, path, what]) => ({ path, what, value: () => value })))(
    '$path is $what',
    ({ value, path, what }) => {
      const error = refusal(value())
      expect(error.path.startsWith(path)).toBe(true)
      expect(error.message.startsWith(error.path)).toBe(true)
      expect(error.message).toContain(`is ${what}`)
      expect(error.message.length).toBeLessThan(600)
    },
  )

  it('a getter that answers differently the second time', () => {
    const answering = (...answers: unknown[]) =>
      Object.defineProperty({ price: 1n }, 'x', { get: () => answers.shift(), enumerable: true })
    expect(refusal(answering(1, 1, nothing, nothing)).path).toBe('value.x')
    expect(refusal(answering(1, 1, nothing, 1)).path).toBe('value')
  })

  it.each<[string, unknown, string]>([
    ['alone', new Proxy({ id: 1 }, {}), 'value'],
    ['of an array', new Proxy([1, 2], {}), 'value'],
    ['inside a record', { id: 1, row: new Proxy({ id: 1 }, {}) }, 'value.row'],
    ['behind a date', { at: new Date(5), row: new Proxy({ id: 1 }, {}) }, 'value.row'],
    [
      'that hides its prototype',
      [new Proxy(new Map(), { getPrototypeOf: () => Object.prototype })],
      'value[0]',
    ],
    ['that throws', [new Proxy({}, { ownKeys: () => nothing() as never })], 'value[0]'],
  ])('a proxy %s, although JSON would store what it shows', (_name, value, path) => {
    expect(refusal(value).path.startsWith(path)).toBe(true)
  })

  it('a module, although it looks like a record', async () => {
    const url: string = 'data:text/javascript,export const a = 1'
    const data = await import(/* @vite-ignore */ url)
    expect(types.isModuleNamespaceObject(data)).toBe(true)
    expect(refusal({ data }).path).toBe('value')
  })

  it('the key is named where it is known', () => {
    const store = () => encodeValue(nothing, { compressAbove: false, key: 'product::1' })
    expect(store).toThrow('value is a function, which cannot be stored under "product::1".')
  })

  it('what is inherited or not enumerable does not count', () => {
    const value = Object.defineProperty({ a: 1 }, 'hidden', { value: nothing })
    Object.defineProperty(value, symbol, { value: 1 })
    expect(() => encodeValue(value, { compressAbove: false })).not.toThrow()
  })
})

function refusal(value: unknown): UnserializableValueError {
  try {
    void encodeValue(value, { compressAbove: false })
  } catch (error) {
    if (error instanceof UnserializableValueError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

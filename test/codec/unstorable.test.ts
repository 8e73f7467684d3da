import { createSecretKey } from 'node:crypto'
import { types } from 'node:util'
import { runInNewContext } from 'node:vm'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { encodeValue } from '../../src/codec/codec.js'
import { UnserializableValueError } from '../../src/errors.js'
import { named, testRows } from '../helpers/rows.js'

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

const BUILT_IN = 'a property of a built-in object (it would be lost)'

function withOwn<T extends object>(object: T): T {
  return Object.assign(object, { note: 1 })
}

function bySymbol<T extends object>(object: T): T {
  return Object.assign(object, { [symbol]: 1 })
}

function getter(object: object, name: PropertyKey, thrown: unknown = new Error('no')): object {
  return Object.defineProperty(object, name, {
    enumerable: true,
    get() {
      throw thrown
    },
  })
}

function thrower(thrown: unknown): object {
  return getter({}, 'x', thrown)
}

function revoked(target: object = {}): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function transfer(buffer: ArrayBuffer): void {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(buffer, [buffer])
  port1.close()
  port2.close()
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8)
  transfer(buffer)
  return buffer
}

function viewOnDetached(): Uint8Array {
  const view = new Uint8Array(8)
  transfer(view.buffer)
  return view
}

function dataViewOnDetached(): DataView {
  const view = new DataView(new ArrayBuffer(8))
  transfer(view.buffer)
  return view
}

function resizable(): ArrayBuffer {
  const Resizable: ArrayBufferConstructor & { new (size: number, options: object): ArrayBuffer } = ArrayBuffer
  return new Resizable(2, { maxByteLength: 4 })
}

function wasmModule(): object {
  type Wasm = { WebAssembly: { Module: new (bytes: Buffer) => object } }
  return new (globalThis as unknown as Wasm).WebAssembly.Module(Buffer.from('0061736d01000000', 'hex'))
}

/** An object that resembles `Object.prototype`. */
const forgedRoot = Object.assign(Object.create(null), { isPrototypeOf: () => true, constructor: Object })

/** Built-ins that have been given the prototype of an ordinary object. */
function hiddenBuiltIns(): object[] {
  const builtIns = [
    [1],
    Object.assign([], { total: 1 }),
    new Map([[1, 2]]),
    new Set([1]),
    new Date(5),
    /x/,
    Buffer.from('b'),
    new Uint8Array(0),
    new DataView(new ArrayBuffer(2)),
    new ArrayBuffer(2),
    new Error('x'),
    Object(1),
    Object('s'),
    Object(1n),
    Object(symbol),
    (function* () {})(),
    Promise.resolve(),
    new WeakMap(),
    new WeakSet(),
    new WeakRef({}),
    new FinalizationRegistry(nothing),
    new Intl.DateTimeFormat('en'),
    new Intl.Locale('cs'),
    new Intl.PluralRules('cs'),
    new Map().entries(),
    [1].values(),
    new SharedArrayBuffer(2),
  ].map((it) => Object.setPrototypeOf(it, Object.prototype))
  const list = new Function('return arguments')(1, 2)
  return [...builtIns, list, Object.setPrototypeOf(new Map([[1, 2]]), null)]
}

/** Hidden built-ins with properties of their own. */
function namedBuiltIns(): object[] {
  return [
    new Map([[1, 2]]),
    new Set([1]),
    new Date(5),
    /x/,
    new Error('x'),
    new Uint8Array(0),
    new DataView(new ArrayBuffer(2)),
    new ArrayBuffer(2),
    Object('s'),
    Object(1n),
    Promise.resolve(),
    new WeakMap(),
    new WeakSet(),
  ].map((it) => withOwn(Object.setPrototypeOf(it, Object.prototype)))
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
    'an instance of Decimal (it would lose its class: store plain data, or make its class a CachedObject)',
  ],
  [new Money(), 'value', 'an instance of Money'],
  [Rows.of(1), 'value', 'an instance of Rows'],
  [new Day(), 'value', 'an instance of Day'],
  [new Bytes(2), 'value', 'an instance of Bytes'],
  [Object.create({ inherited: 1 }), 'value', 'an instance of Object'],
  [Object.create(Array.prototype), 'value', 'an instance of Array'],
  [new URL('http://localhost/'), 'value', 'an instance of URL'],
  [new Error('gone'), 'value', 'an error (store its message as plain data)'],
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
  [withOwn(new Map([[1, 2]])), 'value.note', BUILT_IN],
  [withOwn(new Set([1])), 'value.note', BUILT_IN],
  [{ at: withOwn(new Date(5)) }, 'value.at.note', BUILT_IN],
  [withOwn(/x/), 'value.note', BUILT_IN],
  [withOwn(new ArrayBuffer(2)), 'value.note', BUILT_IN],
  [withOwn(new DataView(new ArrayBuffer(2))), 'value.note', BUILT_IN],
  [withOwn(Uint8Array.of(1)), 'value.note', BUILT_IN],
  [withOwn(new Float64Array(0)), 'value.note', BUILT_IN],
  [withOwn(Buffer.from('ab')), 'value.note', BUILT_IN],
  [[withOwn(Buffer.alloc(1_000))], 'value[0]', 'a view with properties of its own'],
  [withOwn(new Float64Array(1_000)), 'value', 'a view with properties of its own'],
  [bySymbol(new Map()), 'value[Symbol(s)]', 'a property named by a symbol'],
  [bySymbol(new Date()), 'value[Symbol(s)]', 'a property named by a symbol'],
  [bySymbol([1, 2]), 'value[Symbol(s)]', 'a property named by a symbol'],
  [{ rows: [bySymbol([{ id: 1 }])] }, 'value.rows[0][Symbol(s)]', 'a property named by a symbol'],
  [bySymbol(Buffer.from('a')), 'value[Symbol(s)]', 'a property named by a symbol'],
  [bySymbol(Buffer.alloc(1_000)), 'value', 'a view with properties of its own'],
  [{ re: Object.assign(/a/g, { lastIndex: 1 }) }, 'value.re.lastIndex', 'not 0'],
  [[/a/, new RegExp('a'.repeat(20_000))], 'value[1]', 'a RegExp that takes too long to make'],
  [new RegExp('\\p{L}'.repeat(200), 'u'), 'value', 'a RegExp that takes too long to make'],
  [{ a: Object.create([]) }, 'value.a', 'an instance of Array'],
  [Object.setPrototypeOf({ a: 1 }, new Date()), 'value', 'an instance of Date'],
  [Object.setPrototypeOf({ a: 1 }, new Map()), 'value', 'an instance of Map'],
  [Object.setPrototypeOf([1], { extra: 1 }), 'value', 'an instance of Object'],
  [Object.setPrototypeOf([1], null), 'value', 'an array with another prototype than its own'],
  [Object.setPrototypeOf(new Map([[1, 2]]), { extra: 1 }), 'value', 'an instance of Object'],
  [Object.setPrototypeOf(new Map([[1, 2]]), new Proxy(Map.prototype, {})), 'value', 'an instance of Map'],
  [Object.setPrototypeOf(new Set(), Map.prototype), 'value', 'an instance of Map'],
  [Object.setPrototypeOf(new Uint8Array(2), Int8Array.prototype), 'value', 'an instance of Int8Array'],
  [Object.setPrototypeOf(new Uint8Array(2), DataView.prototype), 'value', 'an instance of DataView'],
  ...hiddenBuiltIns().map((it): [unknown, string, string] => [{ it }, 'value.it', 'a']),
  [new (class extends Object {})(), 'value', 'an instance of'],
  [Object.create(forgedRoot), 'value', 'an instance of'],
  [Object.assign([1, 2, 3], { total: new Decimal('1') }), 'value.total', 'an instance of Decimal'],
  [
    Object.assign(
      Array.from({ length: 100 }, (_, id) => ({ id, at: new Date(id) })),
      { sums: { total: [new Decimal('1')] } },
    ),
    'value.sums.total[0]',
    'an instance of Decimal',
  ],
  [{ bytes: detached() }, 'value.bytes', 'a detached ArrayBuffer'],
  [[viewOnDetached()], 'value[0]', 'a view on a detached ArrayBuffer'],
  [new Map([['view', dataViewOnDetached()]]), 'value.get("view")', 'a view on a detached ArrayBuffer'],
  [resizable(), 'value', 'a resizable ArrayBuffer'],
  [revoked(), 'value', 'a proxy'],
  [{ row: revoked() }, 'value.row', ''],
  [new Map([[1, revoked()]]), 'value.get(1)', 'a proxy'],
  [new Set([revoked([])]), 'value.values()[0]', 'a proxy'],
  [new Map([[revoked(), 1]]), 'value.keys()[0]', 'a proxy'],
  [new Map([[2n ** 100_000n, nothing]]), 'value.values()[0]', 'a function'],
  [thrower(revoked()), 'value.x', 'unreadable (its getter throws)'],
  [thrower(Object.assign(new Error('x'), { message: symbol })), 'value.x', 'unreadable (Symbol(s))'],
  [thrower({ toString: thrower }), 'value.x', 'unreadable (its getter throws)'],
  [Object.create(getter({}, 'constructor')), 'value', 'an instance of a class'],
  [
    Object.create({ constructor: Object.defineProperty(() => 1, 'name', { value: symbol }) }),
    'value',
    'an instance of Symbol(s)',
  ],
  [new Blob([]), 'value', 'an instance of Blob'],
  [createSecretKey(Buffer.alloc(8)), 'value', 'an instance of'],
  [new MessageChannel().port1, 'value', 'an instance of MessagePort'],
  [new WeakRef({}), 'value', 'an instance of WeakRef'],
  [new Intl.NumberFormat('en'), 'value', 'an instance of NumberFormat'],
  [wasmModule(), 'value', 'an instance of Module'],
  [[1][Symbol.iterator](), 'value', 'an instance of'],
  [
    (function* () {
      yield 1
    })(),
    'value',
    'an instance of',
  ],
  [Temporal.PlainDate.from('2026-01-01'), 'value', 'an instance of PlainDate'],
  [Object.assign([], { 99999999: 1 }), 'value', 'an array with more than 100000 holes'],
  [endless(1001), 'value.next.next', 'nested more than 1000 levels deep'],
  [endless(100_000), 'value.next.next', 'nested more than 1000 levels deep'],
]

describe('A value that cannot be stored is refused', () => {
  testRows(
    'with its path and the reason',
    named(REFUSED, ([, path, what]) => `${path} is ${what}`),
    ([value, path, what]) => {
      const error = refusal(value)
      expect(error.path.startsWith(path)).toBe(true)
      expect(error.message.startsWith(error.path)).toBe(true)
      expect(error.message).toContain(`is ${what}`)
      expect(error.message.length).toBeLessThan(600)
    },
  )

  test('also a built-in that looks like an ordinary object', () => {
    for (const it of hiddenBuiltIns()) {
      expect(refusal([it]).message).toMatch(/^value\[0\] is .* with another prototype than its own/)
    }
  })

  test.each<[string, (it: object) => unknown]>([
    ['alone', (it) => [it]],
    ['beside what JSON does not take', (it) => [it, 1n]],
  ])('also a built-in with properties of its own, %s', (_name, hold) => {
    for (const it of namedBuiltIns()) {
      for (const named of [it, Object.setPrototypeOf(it, null)]) {
        expect(refusal(hold(named)).message).toMatch(/^value\[0\] is .* with another prototype than its own/)
      }
    }
  })

  test('also a built-in with another toStringTag', () => {
    const date = Object.setPrototypeOf(new Date(5), Object.prototype)
    Object.defineProperty(date, Symbol.toStringTag, { value: 'Object' })
    expect(refusal([date]).message).toMatch(/^value\[0\] is a Date with another prototype than its own/)
    const ordinary = Object.defineProperty({ a: 1 }, Symbol.toStringTag, { value: 'Date' })
    expect(() => encodeValue([ordinary], { compressionThreshold: false })).not.toThrow()
  })

  test('also a built-in that only a method identifies, with its path, when JSON does not take the value', () => {
    for (const it of [new WeakRef({}), new FinalizationRegistry(nothing), new Intl.NumberFormat('en')]) {
      const value = { on: new Date(5), deep: [withOwn(Object.setPrototypeOf(it, Object.prototype))] }
      expect(refusal(value).path).toBe('value.deep[0]')
    }
  })

  test('also a built-in of another realm that has properties of its own', () => {
    const foreign = runInNewContext(
      '[new Map(), /x/, new Date(5), new Uint8Array(2), Object.create([]), new Uint8Array(99)]',
    )
    const fails = [
      withOwn(foreign[0]),
      Object.assign(foreign[1], { lastIndex: 2 }),
      withOwn(foreign[2]),
      withOwn(foreign[3]),
      foreign[4],
      withOwn(foreign[5]),
    ]
    for (const value of fails) expect(() => refusal(value)).not.toThrow()
  })

  test('also a getter whose value changes between calls', () => {
    const answering = (...answers: unknown[]) =>
      Object.defineProperty({ price: 1n }, 'x', { get: () => answers.shift(), enumerable: true })
    expect(refusal(answering(1, 1, nothing, nothing)).path).toBe('value.x')
    expect(refusal(answering(1, 1, nothing, 1)).path).toBe('value')
  })

  test.each<[string, unknown, string]>([
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
  ])('also a proxy %s, although JSON could store it', (_name, value, path) => {
    expect(refusal(value).path.startsWith(path)).toBe(true)
  })

  test('also a module, although it looks like a record', async () => {
    const url: string = 'data:text/javascript,export const a = 1'
    const data = await import(/* @vite-ignore */ url)
    expect(types.isModuleNamespaceObject(data)).toBe(true)
    expect(refusal({ data }).path).toBe('value')
  })

  test('with its key, when the key is known', () => {
    const store = () => encodeValue(nothing, { compressionThreshold: false, key: 'product::1' })
    expect(store).toThrow('value is a function, which cannot be stored under "product::1".')
  })

  test('except for inherited and non-enumerable properties', () => {
    const value = Object.defineProperty({ a: 1 }, 'hidden', { value: nothing })
    Object.defineProperty(value, symbol, { value: 1 })
    expect(() => encodeValue(value, { compressionThreshold: false })).not.toThrow()
  })
})

function refusal(value: unknown): UnserializableValueError {
  try {
    void encodeValue(value, { compressionThreshold: false })
  } catch (error) {
    if (error instanceof UnserializableValueError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

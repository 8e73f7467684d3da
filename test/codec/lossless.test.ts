import { inspect, types } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeValue, encodeValue, type Payload } from '../../src/codec/codec.js'
import { UnserializableValueError } from '../../src/errors.js'

/** A realm's built-ins come back as ours. */
const foreign = runInNewContext(
  '({ Object, Array, Map, Set, Date, RegExp, ArrayBuffer, DataView, Uint8Array, Float64Array })',
) as Record<string, new (...args: unknown[]) => object>
const OURS = new Map<unknown, unknown>(
  Object.entries(foreign).map(([name, type]) => {
    const ours = (globalThis as unknown as Record<string, { prototype: object }>)[name]
    return [type.prototype, ours?.prototype]
  }),
)

/** All of a value: its internal type, its prototype, and its own enumerable properties. */
function isExactly(a: unknown, b: unknown, met = new Map<object, object>()): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (met.has(a)) return met.get(a) === b
  met.set(a, b)
  const prototype = Object.getPrototypeOf(a)
  // An object without prototype comes back as a plain one, one of another realm as ours.
  if ((OURS.get(prototype) ?? prototype ?? Object.prototype) !== Object.getPrototypeOf(b)) return false
  for (const is of [
    Array.isArray,
    types.isMap,
    types.isSet,
    types.isDate,
    types.isRegExp,
    types.isArrayBuffer,
    types.isArrayBufferView,
    types.isArgumentsObject,
    types.isBoxedPrimitive,
    types.isNativeError,
    types.isPromise,
    types.isWeakMap,
  ]) {
    if (is(a) !== is(b)) return false
  }
  if (types.isProxy(a)) return false
  if (types.isMap(a) && !isExactly(entriesOf(a), entriesOf(b as typeof a), met)) return false
  if (types.isSet(a) && !isExactly(membersOf(a), membersOf(b as typeof a), met)) return false
  if (types.isDate(a) && !Object.is(a.getTime(), (b as Date).getTime())) return false
  if (types.isRegExp(a) && (String(a) !== String(b) || a.lastIndex !== (b as RegExp).lastIndex)) return false
  if (types.isArrayBuffer(a) && Buffer.compare(new Uint8Array(a), new Uint8Array(b as ArrayBuffer)) !== 0)
    return false
  if (types.isDataView(a) && Buffer.compare(bytesOf(a), bytesOf(b as DataView)) !== 0) return false
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false
  const names = ownOf(a)
  return (
    names.length === ownOf(b).length &&
    names.every((name, i) => name === ownOf(b)[i] && isExactly(a[name as never], b[name as never], met))
  )
}

// By its internal type, not by its toStringTag.
const entriesOf = (map: Map<unknown, unknown>) => [...Map.prototype.entries.call(map)]
const membersOf = (set: Set<unknown>) => [...Set.prototype.values.call(set)]

function ownOf(object: object): PropertyKey[] {
  return Reflect.ownKeys(object).filter((name) => Object.prototype.propertyIsEnumerable.call(object, name))
}

function bytesOf(view: DataView): Buffer {
  const lengthOf = Object.getOwnPropertyDescriptor(DataView.prototype, 'byteLength')?.get
  return Buffer.from(view.buffer, view.byteOffset, lengthOf?.call(view))
}

class Decimal {
  digits = '1'
}

const attempt = (change: () => void) => {
  try {
    change()
  } catch {
    // It is frozen, or has no place for it.
  }
}

/** Alterations of an object before it is stored. */
const CHANGES: Record<string, (object: object, value: unknown) => object> = {
  nothing: (object) => object,
  'a property': (object, value) => Object.assign(object, { note: value }),
  'a property __proto__': (object, value) =>
    Object.defineProperty(object, '__proto__', {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    }),
  'a symbol': (object, value) => Object.assign(object, { [Symbol('s')]: value }),
  'a hidden property': (object, value) =>
    Object.defineProperty(object, 'hidden', { value, configurable: true }),
  'a getter': (object, value) => Object.defineProperty(object, 'got', { get: () => value, enumerable: true }),
  'a getter that throws': (object) =>
    Object.defineProperty(object, 'bad', {
      get() {
        throw new Error('no')
      },
      enumerable: true,
    }),
  toJSON: (object, value) =>
    Object.defineProperty(object, 'toJSON', { value: () => value, configurable: true }),
  'another toStringTag': (object) =>
    Object.defineProperty(object, Symbol.toStringTag, { value: 'Int8Array', configurable: true }),
  'another iterator': (object) =>
    Object.defineProperty(object, Symbol.iterator, {
      value: () => [][Symbol.iterator](),
      configurable: true,
    }),
  'another length': (object) => Object.defineProperty(object, 'byteLength', { value: 1, configurable: true }),
  'another constructor': (object) =>
    Object.defineProperty(object, 'constructor', { value: Map, configurable: true }),
  'no prototype': (object) => Object.setPrototypeOf(object, null),
  'the prototype of an object': (object) => Object.setPrototypeOf(object, Object.prototype),
  'the prototype of an array': (object) => Object.setPrototypeOf(object, Array.prototype),
  'the prototype of a Map': (object) => Object.setPrototypeOf(object, Map.prototype),
  'an array for a prototype': (object) => Object.setPrototypeOf(object, []),
  'a Date for a prototype': (object) => Object.setPrototypeOf(object, new Date()),
  'an object for a prototype': (object) => Object.setPrototypeOf(object, { inherited: 1 }),
  'a class': (object) => Object.setPrototypeOf(object, Decimal.prototype),
  'a child': (object) => Object.create(object),
  'a proxy': (object) => new Proxy(object, {}),
  'a revoked proxy': (object) => {
    const { proxy, revoke } = Proxy.revocable(object, {})
    revoke()
    return proxy
  },
  'a proxy that throws': (object) =>
    new Proxy(object, {
      getPrototypeOf() {
        throw new Error('no')
      },
    }),
  frozen: (object) => Object.freeze(object),
  'a lastIndex': (object) => Object.assign(object, types.isRegExp(object) ? { lastIndex: 1 } : {}),
}

/** How a value is made: fast-check would look into the value itself. */
type Recipe = () => unknown

const described = (text: string, recipe: Recipe): Recipe =>
  Object.defineProperty(recipe, fc.toStringMethod, { value: () => text })

const MADE: (() => object)[] = [
  () => new Date(5),
  () => /a+/gi,
  () => Buffer.from('bytes'),
  () => Buffer.alloc(100),
  () => Float64Array.of(1, -0),
  () => new Uint8Array(0),
  () => new Int16Array(200),
  () => new DataView(new ArrayBuffer(4), 1),
  () => new ArrayBuffer(3),
  () => new Error('x'),
  () => Object('boxed'),
  () => Object(1n),
  () => new Decimal(),
  () => new WeakMap(),
  () => new Function('return arguments')(1, 2),
  () => Object.create(null),
  () => new Uint8Array(new SharedArrayBuffer(2)),
  () => new (foreign.Map as new () => object)(),
  () => new (foreign.Uint8Array as new (bytes: number[]) => object)([1, 2]),
  () => new (foreign.Object as new () => object)(),
  () => new (foreign.Date as new (ms: number) => object)(5),
]

const anything = fc.letrec<{ value: Recipe }>((tie) => {
  const member = tie('value')
  const name = fc.constantFrom('a', 'b', '0', '7', 'length', 'toJSON', 'constructor')
  const leaf = fc
    .constantFrom<unknown[]>(undefined, null, true, -0, 1.5, 3, Number.NaN, 5n, 'text', 'ž\ud800', '')
    .map(
      (value): Recipe =>
        () =>
          value,
    )
  const all = (recipes: readonly Recipe[]) => recipes.map((recipe) => recipe())
  const made = fc.oneof(
    fc.array(member, { maxLength: 12 }).map((members) => () => all(members)),
    fc.array(member, { maxLength: 3 }).map((members) => () => Object.assign(new Array(5), all(members))),
    fc.array(fc.tuple(name, member), { maxLength: 3 }).map((entries) => () => {
      return Object.fromEntries(entries.map(([key, recipe]) => [key, recipe()]))
    }),
    fc.array(fc.tuple(member, member), { maxLength: 3 }).map((entries) => () => {
      return new Map(entries.map(([key, value]) => [key(), value()]))
    }),
    fc.array(member, { maxLength: 3 }).map((members) => () => new Set(all(members))),
    fc.constantFrom(...MADE),
  )
  const change = fc.oneof(
    { weight: 3, arbitrary: fc.constant('nothing') },
    fc.constantFrom(...Object.keys(CHANGES)),
  )
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.tuple(made, change, leaf, fc.boolean()).map(([make, name, recipe, isShared]) =>
        described(`${String(make)} with ${name}`, () => {
          let changed = make()
          attempt(() => {
            changed = (CHANGES[name] as (typeof CHANGES)[string])(changed, recipe())
          })
          return isShared ? [changed, changed] : changed
        }),
      ),
    ),
  }
}).value

test('A value with any alteration is read as it was stored, or is refused with its path', () => {
  const seen = { stored: 0, refused: 0 }
  fc.assert(
    fc.property(anything, (recipe) => {
      const value = recipe()
      let payload: Payload
      try {
        payload = encodeValue(value, { compressionThreshold: false }) as Payload
      } catch (error) {
        expect(error).toBeInstanceOf(UnserializableValueError)
        expect((error as UnserializableValueError).path).toMatch(/^value/)
        seen.refused++
        return true
      }
      seen.stored++
      if (isExactly(value, decodeValue(payload))) return true
      throw new Error(
        `${inspect(value, { depth: 9, showHidden: true })} came back as ${inspect(decodeValue(payload), { depth: 9 })}`,
      )
    }),
    { numRuns: 15_000 },
  )
  expect(Math.min(seen.stored, seen.refused)).toBeGreaterThan(1_500)
})

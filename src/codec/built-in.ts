import { types } from 'node:util'
import { Serializer } from 'node:v8'

/** Whether a prototype is that of the built-in class of this name, of this realm or another. Those of subclasses are not. */
export function isPrototypeOfBuiltIn(name: string, prototype: object | null): boolean {
  if (prototype === null) return false
  const ours = OURS.get(prototype)
  return ours === undefined ? isForeign(name, prototype) : ours === name
}

const OURS = new Map<object, string>(
  [
    Object,
    Array,
    Map,
    Set,
    Date,
    RegExp,
    ArrayBuffer,
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    (globalThis as { Float16Array?: { readonly name: string; readonly prototype: object } }).Float16Array,
  ].flatMap((type) => (type === undefined ? [] : [[type.prototype, type.name] as const])),
)

/** Recognises built-ins of another realm (node:vm, a test runner) by their constructors, which cannot be forged. */
function isForeign(name: string, prototype: object): boolean {
  if (types.isProxy(prototype)) return false
  const type: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  return (
    typeof type === 'function' &&
    !types.isProxy(type) &&
    Function.prototype.toString.call(type) === `function ${name}() { [native code] }` &&
    Object.getOwnPropertyDescriptor(type, 'prototype')?.value === prototype
  )
}

/**
 * Name of the built-in that an object is although it has the prototype of an ordinary object; `undefined` for an ordinary
 * object.
 * A built-in has no names as a rule, or indices. One that was given names besides is only looked for outside
 * production: it is a mistake in a program, and looking takes a fifth of the time that writing a record does.
 */
export function disguisedBuiltIn(object: object, firstName: string | undefined): string | undefined {
  if (firstName === undefined) {
    if (mayBeOrdinary(object)) return isRefused(object) ? (nameOfProbed(object) ?? BUILT_IN) : undefined
  } else if (firstName !== '0' && !Array.isArray(object) && !ArrayBuffer.isView(object)) {
    if (IN_PRODUCTION || (mayBeOrdinary(object) && !isRefusedType(object))) return undefined
  }
  return nameOfBuiltIn(object)
}

const BUILT_IN = 'a built-in object'
const IN_PRODUCTION = process.env.NODE_ENV === 'production'

const tagOf = Object.prototype.toString

/** Whether an object is an ordinary one, or one that V8 refuses to serialise. */
function mayBeOrdinary(object: object): boolean {
  return (
    tagOf.call(object) === '[object Object]' &&
    !ArrayBuffer.isView(object) &&
    !types.isMap(object) &&
    !types.isSet(object) &&
    !types.isAnyArrayBuffer(object) &&
    !types.isBoxedPrimitive(object)
  )
}

function isRefusedType(object: object): boolean {
  return types.isPromise(object) || types.isWeakMap(object) || types.isWeakSet(object)
}

/** Reused: making one takes ten times as long. It keeps the objects that it has written alive, so it is replaced in time. */
let serializer = new Serializer()
let uses = 0
const MAX_USES = 256

/** Whether V8 refuses to serialise an object without names. It serialises all ordinary ones. */
function isRefused(nameless: object): boolean {
  let isTaken = false
  try {
    serializer.writeValue(nameless)
    isTaken = true
  } catch {}
  if (!isTaken || ++uses === MAX_USES) {
    serializer = new Serializer()
    uses = 0
  }
  // Proxies are refused elsewhere, by that name.
  return !isTaken && !types.isProxy(nameless)
}

/** Name of the built-in that an object is by its internal slots, whatever its prototype and its properties are. */
export function nameOfBuiltIn(object: object): string | undefined {
  return TESTS.find(([, is]) => is(object))?.[0]
}

/** Name of a built-in that only its own methods recognise, by throwing for all other objects. Slow. */
export function nameOfProbed(object: object): string | undefined {
  return PROBES.find(([, probe]) => takes(probe, object))?.[0]
}

function takes(probe: (object: object) => unknown, object: object): boolean {
  try {
    probe(object)
    return true
  } catch {
    return false
  }
}

const TESTS: readonly (readonly [name: string, is: (object: object) => boolean])[] = [
  ['an array', Array.isArray],
  ['a Map', types.isMap],
  ['a Set', types.isSet],
  ['a Date', types.isDate],
  ['a RegExp', types.isRegExp],
  ['an error', types.isNativeError],
  ['a view', ArrayBuffer.isView],
  ['an ArrayBuffer', types.isAnyArrayBuffer],
  ['a promise', types.isPromise],
  ['a boxed primitive', types.isBoxedPrimitive],
  ['an arguments object', types.isArgumentsObject],
  ['a generator', types.isGeneratorObject],
  ['an iterator', (object) => types.isMapIterator(object) || types.isSetIterator(object)],
  ['a WeakMap or WeakSet', (object) => types.isWeakMap(object) || types.isWeakSet(object)],
]

/** Built-in methods that throw for any other object, and change nothing. */
const PROBES: readonly (readonly [name: string, probe: (object: object) => unknown])[] = [
  ['a WeakRef', (object) => WeakRef.prototype.deref.call(object)],
  ['a FinalizationRegistry', (object) => FinalizationRegistry.prototype.unregister.call(object, {})],
  ['an Intl object', (object) => Intl.Locale.prototype.toString.call(object)],
  ...Object.values(Object.getOwnPropertyDescriptors(Intl)).flatMap(({ value: type }) => {
    const method: unknown = type?.prototype?.resolvedOptions
    return typeof method === 'function'
      ? [['an Intl object', (object: object) => method.call(object)] as const]
      : []
  }),
]

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const getter = (prototype: object, name: PropertyKey) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as ((this: unknown) => never) | undefined

// Getters of the prototypes, which ignore properties of the object itself.
const typeOfTypedArray = getter(typedArray, Symbol.toStringTag) as (this: unknown) => string
const typedArrayLength = getter(typedArray, 'byteLength') as (this: unknown) => number
const dataViewLength = getter(DataView.prototype, 'byteLength') as (this: unknown) => number
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength') as (this: unknown) => number
const resizable = getter(ArrayBuffer.prototype, 'resizable') as ((this: unknown) => boolean) | undefined
const source = getter(RegExp.prototype, 'source') as (this: unknown) => string
const typedArrayKeys = Uint8Array.prototype.keys

/** Name of a view's built-in constructor. */
export function viewType(view: ArrayBufferView): string {
  return types.isDataView(view) ? 'DataView' : typeOfTypedArray.call(view)
}

export function byteLengthOf(bytes: ArrayBufferView | ArrayBuffer): number {
  if (types.isArrayBuffer(bytes)) return bufferLength.call(bytes)
  return (types.isDataView(bytes) ? dataViewLength : typedArrayLength).call(bytes)
}

/** Whether an ArrayBuffer, or that of a view, is detached, or resized to less than the view. */
export function isDetached(bytes: ArrayBufferView | ArrayBuffer): boolean {
  try {
    if (byteLengthOf(bytes) > 0) return false
    if (types.isArrayBuffer(bytes)) void new Uint8Array(bytes)
    else if (!types.isDataView(bytes)) typedArrayKeys.call(bytes as Uint8Array)
    return false
  } catch {
    return true
  }
}

export function isResizable(buffer: ArrayBuffer): boolean {
  return resizable?.call(buffer) === true
}

/** The pattern of a RegExp. */
export function sourceOf(regexp: RegExp): string {
  return source.call(regexp)
}

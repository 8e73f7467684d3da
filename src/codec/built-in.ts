import { types } from 'node:util'

/** Whether a prototype is that of a built-in by this name, of this realm or another: not of a subclass, nor replaced. */
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

/** The built-ins of another realm (node:vm, a test runner) are known by their constructors, which nobody can forge. */
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

/** Whether an object with this first name may be a built-in in spite of its prototype: as a rule it has no names, or indices. */
export function mayHide(object: object, firstName: string | undefined): boolean {
  return firstName === undefined || firstName === '0' || Array.isArray(object)
}

/** The built-in that an object is although its prototype is an ordinary object's; `undefined` for an ordinary object. */
export function hiddenBuiltIn(object: object): string | undefined {
  // What ECMAScript has had from the beginning names itself: [object Date].
  const text = Object.prototype.toString.call(object)
  if (text !== '[object Object]') return `an object of type ${text.slice(8, -1)}`
  if (types.isMap(object)) return 'a Map'
  if (types.isSet(object)) return 'a Set'
  if (ArrayBuffer.isView(object)) return 'a view'
  if (types.isAnyArrayBuffer(object)) return 'an ArrayBuffer'
  if (types.isPromise(object)) return 'a promise'
  if (types.isBoxedPrimitive(object)) return 'a boxed primitive'
  if (types.isGeneratorObject(object)) return 'a generator'
  return types.isWeakMap(object) || types.isWeakSet(object) ? 'a WeakMap or WeakSet' : undefined
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const getter = (prototype: object, name: PropertyKey) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as ((this: unknown) => never) | undefined

// What an object itself is, whatever properties it has been given.
const typeOfTypedArray = getter(typedArray, Symbol.toStringTag) as (this: unknown) => string
const typedArrayLength = getter(typedArray, 'byteLength') as (this: unknown) => number
const dataViewLength = getter(DataView.prototype, 'byteLength') as (this: unknown) => number
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength') as (this: unknown) => number
const resizable = getter(ArrayBuffer.prototype, 'resizable') as ((this: unknown) => boolean) | undefined
const source = getter(RegExp.prototype, 'source') as (this: unknown) => string
const typedArrayKeys = Uint8Array.prototype.keys

/** The name of a view's constructor. */
export function viewType(view: ArrayBufferView): string {
  return types.isDataView(view) ? 'DataView' : typeOfTypedArray.call(view)
}

export function byteLengthOf(bytes: ArrayBufferView | ArrayBuffer): number {
  if (types.isArrayBuffer(bytes)) return bufferLength.call(bytes)
  return (types.isDataView(bytes) ? dataViewLength : typedArrayLength).call(bytes)
}

/** Whether the memory of an ArrayBuffer, or of a view, has been taken away: transferred, or cut off. */
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

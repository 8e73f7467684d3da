import { inspect, types } from 'node:util'
import { UnserializableValueError } from '../errors.js'
import {
  byteLengthOf,
  disguisedBuiltIn,
  isDetached,
  isPrototypeOfBuiltIn,
  isResizable,
  nameOfBuiltIn,
  nameOfProbed,
  sourceOf,
  viewType,
} from './built-in.js'
import { MAX_DEPTH, MAX_HOLES } from './limits.js'
import { MAX_PATTERN_WEIGHT, patternWeight } from './patterns.js'
import { assertTotalsAllowed, isValueTooLarge, type WalkTotals, type WriteLimits } from './write-limits.js'

/** The reason why a value cannot be stored. `path` is built from the leaf to the root. */
interface Fault {
  path: string
  what: string
}

/** Counts of a value that can be stored, for checks on its serialised bytes. */
export interface StorableSummary {
  readonly objects: ReadonlySet<object>
  /** Number of properties of its objects. */
  names: number
  /** Number of elements of its arrays and members of its Maps and Sets. */
  elements: number
  /** Whether arrays may have named properties that were not checked. If these hold objects, more objects are serialised. */
  mayHaveNames: boolean
  /** Whether objects have index names: reading them may take much more memory than bytes. */
  hasIndices: boolean
}

/** State of one walk over a value. */
interface Walk extends WalkTotals, StorableSummary {
  readonly objects: Set<object>
  /** Whether checks are made that take too long for each write: proxies, and named properties of arrays. */
  readonly isThorough: boolean
  holes: number
  patterns: number
}

/**
 * Checks that a value would be restored exactly, except for named properties of long arrays. The serialiser alone would
 * turn class instances into plain objects, and its errors have no path.
 * @throws {UnserializableValueError} with the path of a part that would not be restored exactly
 * @throws {ValueTooLargeError} if it is certain to be too large
 */
export function assertStorable(value: unknown, allowance: WriteLimits, isThorough = false): StorableSummary {
  const walk: Walk = {
    objects: new Set<object>(),
    bytes: 0,
    names: 0,
    elements: 0,
    holes: 0,
    patterns: 0,
    mayHaveNames: false,
    hasIndices: false,
    isThorough,
    allowance,
  }
  let found: Fault | undefined
  try {
    found = faultOf(value, walk, 0)
  } catch (error) {
    if (isValueTooLarge(error)) throw error
    // Proxies throw here. The thorough walk recognises them before it reads them.
    if (!isThorough) return assertStorable(value, allowance, true)
    found = unreadable(error)
  }
  if (found === undefined) return walk
  throw new UnserializableValueError(`value${shorten(found.path)}`, found.what, allowance.key)
}

function faultOf(value: unknown, walk: Walk, depth: number): Fault | undefined {
  switch (typeof value) {
    case 'object':
      return value === null ? undefined : faultInObject(value, walk, depth)
    case 'string':
      walk.bytes += value.length
      return undefined
    case 'number':
      walk.bytes += (value | 0) === value ? 2 : 9
      return undefined
    case 'bigint':
      walk.bytes += bytesOfBigInt(value)
      return undefined
    case 'function':
      return fault('a function')
    case 'symbol':
      return fault('a symbol')
    default:
      return undefined
  }
}

function faultInObject(object: object, walk: Walk, depth: number): Fault | undefined {
  const { size } = walk.objects
  // Shared, or part of itself: checked before.
  if (walk.objects.add(object).size === size) return undefined
  assertTotalsAllowed(walk)
  if (walk.isThorough && types.isProxy(object)) return fault('a proxy (store a copy of what it wraps)')

  const prototype = Object.getPrototypeOf(object)
  if (prototype === Date.prototype && types.isDate(object)) return faultInExtras(object)
  if (depth === MAX_DEPTH) return fault(`nested more than ${MAX_DEPTH} levels deep`)
  if (prototype === Object.prototype || prototype === null) return faultInProperties(object, walk, depth)

  if (prototype === Array.prototype && Array.isArray(object)) return faultInArray(object, walk, depth)
  return faultInBuiltIn(object, prototype, walk, depth)
}

/** Rare built-ins, and objects of another realm. */
function faultInBuiltIn(object: object, prototype: object, walk: Walk, depth: number): Fault | undefined {
  const isOf = (name: string) => isPrototypeOfBuiltIn(name, prototype)
  if (Array.isArray(object) && isOf('Array')) return faultInArray(object, walk, depth)
  if (types.isMap(object) && isOf('Map')) return faultInMap(object, walk, depth) ?? faultInExtras(object)
  if (types.isSet(object) && isOf('Set')) return faultInSet(object, walk, depth) ?? faultInExtras(object)
  if (types.isDate(object) && isOf('Date')) return faultInExtras(object)
  if (types.isRegExp(object) && isOf('RegExp')) return faultInRegExp(object, walk)
  if (types.isArrayBufferView(object) && (prototype === Buffer.prototype || isOf(viewType(object)))) {
    return faultInView(object, walk)
  }
  if (types.isArrayBuffer(object) && isOf('ArrayBuffer')) return faultInArrayBuffer(object, walk)
  // An object literal of another realm (node:vm, a test runner) is as plain as one of ours.
  if (isOf('Object')) return faultInProperties(object, walk, depth)
  return fault(nameOfUnstorable(object, prototype))
}

function faultInProperties(object: object, walk: Walk, depth: number): Fault | undefined {
  let first: string | undefined
  let at = ''
  try {
    // for-in is three times as fast as Object.keys. What it finds in prototypes is ignored.
    for (const name in object) {
      at = name
      first ??= name
      walk.names++
      walk.bytes += name.length
      const found = faultOf((object as Record<string, unknown>)[name], walk, depth + 1)
      if (found !== undefined && Object.hasOwn(object, name)) return under(propertyStep(name), found)
    }
  } catch (error) {
    if (isValueTooLarge(error)) throw error
    return under(propertyStep(at), unreadable(error))
  }
  if (first !== undefined && isIndex(first)) walk.hasIndices = true
  const symbols = Object.getOwnPropertySymbols(object)
  // Symbol.toStringTag may name another type.
  const disguised = symbols.length > 0 ? nameOfBuiltIn(object) : disguisedBuiltIn(object, first)
  const builtIn = disguised ?? (walk.isThorough ? nameOfProbed(object) : undefined)
  if (builtIn !== undefined) return fault(`${builtIn} with another prototype than its own`)
  return faultInSymbols(object, symbols)
}

function faultInSymbols(object: object, symbols = Object.getOwnPropertySymbols(object)): Fault | undefined {
  if (symbols.length === 0) return undefined
  for (const symbol of symbols) {
    if (Object.prototype.propertyIsEnumerable.call(object, symbol)) {
      return under(`[${String(symbol)}]`, fault('a property named by a symbol'))
    }
  }
  return undefined
}

/** Own properties of a built-in, which the serialiser would drop. */
function faultInExtras(object: object): Fault | undefined {
  for (const name in object) {
    if (Object.hasOwn(object, name)) return extra(name)
  }
  return faultInSymbols(object)
}

function extra(name: string): Fault {
  return under(propertyStep(name), fault('a property of a built-in object (it would be lost)'))
}

/** Named properties of arrays are serialised. They are checked in short arrays, and in a thorough walk. */
function faultInArray(array: unknown[], walk: Walk, depth: number): Fault | undefined {
  let i = 0
  walk.elements += array.length
  try {
    for (; i < array.length; i++) {
      const element = array[i]
      if (typeof element === 'number') walk.bytes += (element | 0) === element ? 2 : 9
      else if (element === undefined) {
        if (!(i in array) && ++walk.holes > MAX_HOLES)
          return fault(`an array with more than ${MAX_HOLES} holes`)
        walk.bytes++
      } else {
        const found = faultOf(element, walk, depth + 1)
        if (found !== undefined) return under(`[${i}]`, found)
      }
      if (i % CHUNK === CHUNK - 1) assertTotalsAllowed(walk)
    }
  } catch (error) {
    if (isValueTooLarge(error)) throw error
    return under(`[${i}]`, unreadable(error))
  }
  const inSymbols = faultInSymbols(array)
  if (inSymbols !== undefined) return inSymbols
  if (walk.isThorough || (i <= SHORT && !walk.mayHaveNames)) return faultInNames(array, walk, depth)
  walk.mayHaveNames = true
  return undefined
}

function faultInNames(array: unknown[], walk: Walk, depth: number): Fault | undefined {
  const names = Object.keys(array)
  // Indices come first.
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i] as string
    if (isIndex(name)) return undefined
    const named = faultInProperties({ [name]: array[name as unknown as number] }, walk, depth)
    if (named !== undefined) return named
  }
  return undefined
}

function faultInMap(map: Map<unknown, unknown>, walk: Walk, depth: number): Fault | undefined {
  let i = 0
  for (const [key, value] of mapEntries.call(map)) {
    walk.elements += 2
    const inKey = faultOf(key, walk, depth + 1)
    if (inKey !== undefined) return under(`.keys()[${i}]`, inKey)
    const inValue = faultOf(value, walk, depth + 1)
    if (inValue !== undefined) return under(entryStep(key, i), inValue)
    if (i % CHUNK === CHUNK - 1) assertTotalsAllowed(walk)
    i++
  }
  return undefined
}

function faultInSet(set: Set<unknown>, walk: Walk, depth: number): Fault | undefined {
  let i = 0
  for (const member of setValues.call(set)) {
    walk.elements++
    const found = faultOf(member, walk, depth + 1)
    if (found !== undefined) return under(`.values()[${i}]`, found)
    if (i % CHUNK === CHUNK - 1) assertTotalsAllowed(walk)
    i++
  }
  return undefined
}

function faultInRegExp(regexp: RegExp, walk: Walk): Fault | undefined {
  if (regexp.lastIndex !== 0) return under('.lastIndex', fault('not 0 (it would be lost)'))
  walk.patterns += patternWeight(sourceOf(regexp))
  if (walk.patterns > MAX_PATTERN_WEIGHT) return fault('a RegExp that takes too long to make')
  return faultInExtras(regexp)
}

function faultInArrayBuffer(buffer: ArrayBuffer, walk: Walk): Fault | undefined {
  if (isDetached(buffer)) return fault('a detached ArrayBuffer')
  if (isResizable(buffer)) return fault('a resizable ArrayBuffer')
  walk.bytes += byteLengthOf(buffer)
  return faultInExtras(buffer)
}

function faultInView(view: NodeJS.ArrayBufferView, walk: Walk): Fault | undefined {
  if (isDetached(view)) return fault('a view on a detached ArrayBuffer')
  const length = byteLengthOf(view)
  walk.bytes += length
  assertTotalsAllowed(walk)
  // Object.keys of a large view would list all its elements first, so `inspect` is used, which leaves them out.
  if (length <= SMALL_VIEW || types.isDataView(view)) {
    const names = Object.keys(view)
    const last = names.at(-1)
    if (last !== undefined && !isIndex(last)) return extra(last)
    return faultInSymbols(view)
  }
  const hasExtras = inspect(view, WITHOUT_ELEMENTS).includes(':')
  return hasExtras ? fault('a view with properties of its own (they would be lost)') : undefined
}

const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values

/** Number of elements after which the totals are compared with the limits. */
const CHUNK = 4096
/** Length of arrays whose named properties are always checked. */
const SHORT = 8
const SMALL_VIEW = 32
const WITHOUT_ELEMENTS = { maxArrayLength: 0, customInspect: false } as const

const LARGE_BIGINT = 2n ** 512n

/** Minimum size of a bigint, in bytes. Only its digits show its length. */
function bytesOfBigInt(value: bigint): number {
  return value < LARGE_BIGINT && value > -LARGE_BIGINT ? 2 : value.toString(16).length >>> 1
}

/** Whether a name is an array index. */
function isIndex(name: string): boolean {
  const index = Number(name) >>> 0
  return String(index) === name && index < 2 ** 32 - 1
}

function nameOfUnstorable(value: object, prototype: object): string {
  if (types.isPromise(value)) return 'a promise (await it first)'
  if (types.isNativeError(value)) return 'an error (store its message as plain data)'
  return instanceOf(prototype)
}

function instanceOf(prototype: object): string {
  return `an instance of ${nameOfClass(prototype)} (it would lose its class: store plain data, or make its class a CachedObject)`
}

function nameOfClass(prototype: object): string {
  try {
    const type: unknown = prototype.constructor
    return (typeof type === 'function' && String(type.name)) || 'a class'
  } catch {
    return 'a class'
  }
}

function unreadable(error: unknown): Fault {
  return fault(`unreadable (${errorMessageOf(error) ?? 'its getter throws'})`)
}

/** The message of a thrown error; `undefined` for any other thrown value. */
export function errorMessageOf(error: unknown): string | undefined {
  try {
    return error instanceof Error ? String(error.message) : undefined
  } catch {
    return undefined
  }
}

function fault(what: string): Fault {
  return { path: '', what }
}

function under(step: string, inner: Fault): Fault {
  inner.path = step + inner.path
  return inner
}

function propertyStep(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

function entryStep(key: unknown, i: number): string {
  switch (typeof key) {
    case 'string':
      return `.get(${JSON.stringify(key)})`
    case 'number':
    case 'boolean':
    case 'undefined':
      return `.get(${key})`
    default:
      return key === null ? '.get(null)' : `.values()[${i}]`
  }
}

function shorten(path: string): string {
  return path.length <= 300 ? path : `${path.slice(0, 200)} … ${path.slice(-60)}`
}

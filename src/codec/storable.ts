import { types } from 'node:util'
import { UnserializableValueError } from '../errors.js'
import { MAX_DEPTH, MAX_HOLES } from './limits.js'

/** What stands in the way of storing a value. `path` grows from the leaf up to the root. */
interface Fault {
  path: string
  what: string
}

/** What one walk over a value remembers. */
interface Walk {
  /** Each object is looked at once, however often it is shared; cycles end here. */
  readonly seen: Set<object>
  /** Costs too much to be asked each time: only once the serialiser has refused. */
  readonly lookForProxies: boolean
  holes: number
}

/**
 * Throws `UnserializableValueError` if `value` would not come back as it is.
 * The serialiser alone would flatten class instances into plain objects, and
 * its errors name no path.
 */
export function assertStorable(value: unknown, key?: string, lookForProxies = false): void {
  if (
    value === null ||
    (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')
  ) {
    return
  }
  const found = faultOf(value, { seen: new Set(), lookForProxies, holes: 0 }, 0)
  if (found !== undefined) throw new UnserializableValueError(`value${shorten(found.path)}`, found.what, key)
}

function faultOf(value: unknown, walk: Walk, depth: number): Fault | undefined {
  if (typeof value === 'function') return fault('a function')
  if (typeof value === 'symbol') return fault('a symbol')
  if (typeof value !== 'object' || value === null) return undefined

  const prototype = Object.getPrototypeOf(value)
  if (prototype === Date.prototype && types.isDate(value)) return undefined
  if (walk.seen.has(value)) return undefined
  walk.seen.add(value)
  if (walk.lookForProxies && types.isProxy(value)) return fault('a proxy (store a copy of what it wraps)')
  if (depth === MAX_DEPTH) return fault(`nested more than ${MAX_DEPTH} levels deep`)

  if (prototype === Object.prototype || prototype === null) return faultInProperties(value, walk, depth)
  if (Array.isArray(value) && isPlain(prototype)) return faultInArray(value, walk, depth)
  if (types.isMap(value) && isPlain(prototype)) return faultInMap(value, walk, depth)
  if (types.isSet(value) && isPlain(prototype)) return faultInSet(value, walk, depth)
  if (isBuiltIn(value, prototype)) return undefined
  // An object literal of another realm (node:vm, a test runner) is as plain as one of ours.
  if (isRoot(prototype)) return faultInProperties(value, walk, depth)
  return fault(nameOfUnstorable(value, prototype))
}

function faultInProperties(object: object, walk: Walk, depth: number): Fault | undefined {
  let at = ''
  try {
    // for-in is three times as fast as Object.keys; what it finds that is inherited doesn't count.
    for (const name in object) {
      at = name
      const found = faultOf((object as Record<string, unknown>)[name], walk, depth + 1)
      if (found !== undefined && Object.hasOwn(object, name)) return under(propertyStep(name), found)
    }
  } catch (error) {
    return under(propertyStep(at), unreadable(error))
  }
  for (const symbol of Object.getOwnPropertySymbols(object)) {
    if (Object.prototype.propertyIsEnumerable.call(object, symbol)) {
      return under(`[${String(symbol)}]`, fault('a property named by a symbol'))
    }
  }
  return undefined
}

/** Elements only: other properties of an array are left to the serialiser. */
function faultInArray(array: unknown[], walk: Walk, depth: number): Fault | undefined {
  let i = 0
  try {
    for (; i < array.length; i++) {
      const element = array[i]
      if (element === undefined) {
        if (!(i in array) && ++walk.holes > MAX_HOLES)
          return fault(`an array with more than ${MAX_HOLES} holes`)
        continue
      }
      const found = faultOf(element, walk, depth + 1)
      if (found !== undefined) return under(`[${i}]`, found)
    }
  } catch (error) {
    return under(`[${i}]`, unreadable(error))
  }
  return undefined
}

function faultInMap(map: Map<unknown, unknown>, walk: Walk, depth: number): Fault | undefined {
  let i = 0
  for (const [key, value] of map) {
    const inKey = faultOf(key, walk, depth + 1)
    if (inKey !== undefined) return under(`.keys()[${i}]`, inKey)
    const inValue = faultOf(value, walk, depth + 1)
    if (inValue !== undefined) {
      const named = typeof key !== 'object' || key === null
      return under(
        named ? `.get(${typeof key === 'string' ? JSON.stringify(key) : key})` : `.values()[${i}]`,
        inValue,
      )
    }
    i++
  }
  return undefined
}

function faultInSet(set: Set<unknown>, walk: Walk, depth: number): Fault | undefined {
  let i = 0
  for (const member of set) {
    const found = faultOf(member, walk, depth + 1)
    if (found !== undefined) return under(`.values()[${i}]`, found)
    i++
  }
  return undefined
}

/** The built-ins without members of their own that are stored; not their subclasses. */
function isBuiltIn(value: object, prototype: object): boolean {
  if (types.isDate(value) || types.isRegExp(value) || types.isDataView(value)) return isPlain(prototype)
  if (types.isTypedArray(value))
    return prototype === Buffer.prototype || isPlain(Object.getPrototypeOf(prototype))
  return types.isArrayBuffer(value) && isPlain(prototype) && !isResizable(value as ArrayBuffer)
}

/** Whether a built-in's prototype is the built-in itself: a subclass has one more prototype in between. */
function isPlain(prototype: object | null): boolean {
  return prototype !== null && isRoot(Object.getPrototypeOf(prototype))
}

/** `Object.prototype`, of this realm or another. */
function isRoot(prototype: object | null): boolean {
  return (
    prototype === Object.prototype ||
    (prototype !== null &&
      Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype, 'isPrototypeOf'))
  )
}

function isResizable(buffer: ArrayBuffer & { resizable?: boolean }): boolean {
  return buffer.resizable === true
}

function nameOfUnstorable(value: object, prototype: object): string {
  if (types.isPromise(value)) return 'a promise (await it first)'
  if (types.isNativeError(value)) return 'an error (store what it says as plain data)'
  if (types.isArrayBuffer(value)) return 'a resizable ArrayBuffer'
  return instanceOf(prototype)
}

function instanceOf(prototype: object): string {
  const type: unknown = prototype.constructor
  const name = (typeof type === 'function' && type.name) || 'a class'
  return `an instance of ${name} (it would lose its class: store plain data, or give it a cached model)`
}

function unreadable(error: unknown): Fault {
  return fault(`unreadable (${error instanceof Error ? error.message : 'its getter throws'})`)
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

function shorten(path: string): string {
  return path.length <= 300 ? path : `${path.slice(0, 200)} … ${path.slice(-60)}`
}

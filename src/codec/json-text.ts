import { isAscii } from 'node:buffer'
import { types } from 'node:util'
import { disguisedBuiltIn } from './built-in.js'
import { DecodeError } from './decode-error.js'
import { estimateJsonMemory } from './json-memory.js'
import { MAX_DEPTH } from './limits.js'
import {
  assertMemoryAllowed,
  assertSizeAllowed,
  assertTotalsAllowed,
  isValueTooLarge,
  type WalkTotals,
  type WriteLimits,
} from './write-limits.js'

// JSON (RFC 8259) in ASCII, for values that it restores exactly *and* faster than
// structured clone: records and lists of records. In doubt, a value is left to
// structured clone: that costs time, while a wrong choice of JSON would change it.

// Limits beyond which structured clone is read faster (bench/codec).
/** Maximum number of names in one object. With more, JSON.parse uses V8's dictionary mode, which is seven times as slow. */
const MAX_NAMES = 100
/** Maximum number of primitives directly in one array. Fractions are excluded: they take JSON five times as long. */
const MAX_PRIMITIVES = 16
/** Maximum length of a string in UTF-16 units. JSON reads each one, structured clone copies memory. */
const MAX_LENGTH = 250
/** Maximum share of additional UTF-8 bytes. Each character that is not ASCII is escaped in six bytes. */
const MAX_NOT_ASCII = 1 / 8

/**
 * Serialises a value as JSON; `undefined` if JSON would not restore it exactly, or would be slower.
 * @throws {ValueTooLargeError}
 */
export function toJsonText(value: unknown, allowance: WriteLimits): Buffer | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  let text: string
  try {
    const copy = copyOfObject(value, { objects: new Set(), bytes: 0, allowance }, 0)
    // Checked after the last getter has run: no code of the application runs from here on.
    if (copy === undefined || 'toJSON' in Array.prototype) return undefined
    text = JSON.stringify(copy)
  } catch (error) {
    if (isValueTooLarge(error)) throw error
    // A getter throws, or the text is too long for a string: structured clone names the path, or succeeds.
    return undefined
  }
  const bytes = asciiBytes(text)
  if (bytes === undefined) return undefined
  assertSizeAllowed(bytes.length, allowance)
  assertMemoryAllowed(estimateJsonMemory(bytes, allowance.memory), allowance)
  return bytes
}

/** Restores a value from JSON. Throws `DecodeError` for bytes that `toJsonText` cannot have written. */
export function fromJsonText(bytes: Buffer, maxMemory: number): unknown {
  // Primitives are never written at the top, because a truncated number would still be a number.
  if ((bytes[0] !== 0x7b && bytes[0] !== 0x5b) || !isAscii(bytes)) throw new DecodeError('not ASCII JSON')
  if (estimateJsonMemory(bytes, maxMemory) > maxMemory)
    throw new DecodeError('more memory than a value may take')
  try {
    return JSON.parse(bytes.toString('latin1'))
  } catch (error) {
    throw new DecodeError('unreadable JSON', { cause: error })
  }
}

function isPlain(value: unknown, seen: WalkTotals): boolean {
  switch (typeof value) {
    case 'string':
      seen.bytes += value.length
      return value.length <= MAX_LENGTH
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    default:
      return typeof value === 'boolean' || value === null
  }
}

/**
 * A copy that holds nothing but data, or `undefined`. JSON.stringify receives the copy and never the value, so it writes
 * exactly what was checked: getters may return another value the second time, and a `toJSON` may not be enumerable.
 */
function copyOfObject(object: object, seen: WalkTotals, depth: number): object | undefined {
  const { objects } = seen
  const { size } = objects
  // Structured clone refuses proxies. JSON would store what they show.
  if (objects.add(object).size === size || depth === MAX_DEPTH || types.isProxy(object)) return undefined
  assertTotalsAllowed(seen)
  const prototype = Object.getPrototypeOf(object)
  if (prototype === Object.prototype || prototype === null) return copyOfProperties(object, seen, depth)
  return prototype === Array.prototype && Array.isArray(object)
    ? copyOfElements(object, seen, depth)
    : undefined
}

function copyOfProperties(object: object, seen: WalkTotals, depth: number): object | undefined {
  const names = Object.keys(object)
  if (names.length > MAX_NAMES || Object.getOwnPropertySymbols(object).length > 0) return undefined
  if (disguisedBuiltIn(object, names[0]) !== undefined) return undefined
  const copy: Record<string, unknown> = { ...object }
  const inner: string[] = []
  for (const name in copy) {
    const value = copy[name]
    if (typeof value !== 'object' || value === null) {
      if (!isPlain(value, seen)) return undefined
    } else {
      // The most frequent reason, checked before long lists beside it are copied in vain.
      if (value instanceof Date) return undefined
      // Not a property that the application has added to Object.prototype.
      if (Object.hasOwn(copy, name)) inner.push(name)
    }
  }
  for (const name of inner) {
    const copied = copyOfObject(copy[name] as object, seen, depth + 1)
    if (copied === undefined) return undefined
    copy[name] = copied
  }
  return copy
}

function copyOfElements(array: unknown[], seen: WalkTotals, depth: number): unknown[] | undefined {
  const copy: unknown[] = []
  let primitives = 0
  for (let i = 0; i < array.length; i++) {
    const value = array[i]
    if (typeof value === 'object' && value !== null) {
      const copied = copyOfObject(value, seen, depth + 1)
      if (copied === undefined) return undefined
      copy.push(copied)
    } else {
      if (++primitives > MAX_PRIMITIVES || !isPlain(value, seen)) return undefined
      if (typeof value === 'number' && !Number.isInteger(value)) return undefined
      copy.push(value)
    }
  }
  return isDense(array, copy.length) ? copy : undefined
}

/** Whether an array has neither holes nor named properties. Its keys list indices first. */
function isDense(array: unknown[], length: number): boolean {
  const names = Object.keys(array)
  return (
    names.length === length &&
    (length === 0 || names[length - 1] === String(length - 1)) &&
    Object.getOwnPropertySymbols(array).length === 0
  )
}

/** The text in ASCII; `undefined` if too much of it would have to be escaped. */
function asciiBytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text)
  const notAscii = bytes.length - text.length
  if (notAscii === 0) return bytes
  return notAscii > text.length * MAX_NOT_ASCII ? undefined : asciiOf(text, notAscii)
}

const HEX = '0123456789abcdef'

/** Escapes what is not ASCII, which JSON has in strings only. Three times as fast as a replacement by a pattern. */
function asciiOf(text: string, notAscii: number): Buffer {
  const bytes = Buffer.allocUnsafe(text.length + 5 * notAscii)
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) {
      bytes[at++] = unit
      continue
    }
    bytes[at++] = 0x5c // \\
    bytes[at++] = 0x75 // u
    for (let shift = 12; shift >= 0; shift -= 4) bytes[at++] = HEX.charCodeAt((unit >> shift) & 15)
  }
  return bytes.subarray(0, at)
}

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

// JSON (RFC 8259) in ASCII, for the values that it gives back exactly *and*
// faster than structured clone: records and lists of records. Whatever else can
// be stored is left to structured clone, so a value too few here costs time, a
// value too many would be a wrong one.

// Beyond these limits structured clone is the faster one to read (bench/codec).
/** In one object. With more, JSON.parse turns to V8's dictionary mode, seven times as slow. */
const MAX_NAMES = 100
/** Directly in one array; and none with a fraction, which costs JSON five times as much. */
const MAX_PRIMITIVES = 16
/** UTF-16 units in one string. JSON looks at each one, structured clone copies memory. */
const MAX_LENGTH = 250
/** Of the text, in further UTF-8 bytes. Each character that is not ASCII takes six bytes here. */
const MAX_NOT_ASCII = 1 / 8

/**
 * The value as JSON, or `undefined` where JSON would not give it back as it is, or is the slower way.
 * @throws ValueTooLargeError
 */
export function toJsonText(value: unknown, allowance: WriteLimits): Buffer | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  let text: string
  try {
    const copy = copyOfObject(value, { objects: new Set(), bytes: 0, allowance }, 0)
    // Asked after the last getter has run: from here on nothing of the host's does.
    if (copy === undefined || 'toJSON' in Array.prototype) return undefined
    text = JSON.stringify(copy)
  } catch (error) {
    if (isValueTooLarge(error)) throw error
    // A getter that throws, a text too long for a string: the other way names the path, or does it.
    return undefined
  }
  const bytes = asciiBytes(text)
  if (bytes === undefined) return undefined
  assertSizeAllowed(bytes.length, allowance)
  assertMemoryAllowed(estimateJsonMemory(bytes, allowance.memory), allowance)
  return bytes
}

/** Throws `DecodeError` for whatever cannot be a text that `toJsonText` wrote. */
export function fromJsonText(bytes: Buffer, maxMemory: number): unknown {
  // No primitive is written at the top: a number cut short is a number.
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
 * A copy of own data properties, or `undefined`. JSON.stringify is given the
 * copy, never the value: what it writes is what was looked at, although getters
 * answer differently the second time and `toJSON` may hide where for-in doesn't look.
 */
function copyOfObject(object: object, seen: WalkTotals, depth: number): object | undefined {
  const { objects } = seen
  const { size } = objects
  // Structured clone refuses proxies; JSON would take what they show.
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
      // The commonest reason, found before long lists beside it are copied in vain.
      if (value instanceof Date) return undefined
      // Not what the host has hung on Object.prototype.
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

/** Whether an array has neither holes nor named properties. Indices come first among the names. */
function isDense(array: unknown[], length: number): boolean {
  const names = Object.keys(array)
  return (
    names.length === length &&
    (length === 0 || names[length - 1] === String(length - 1)) &&
    Object.getOwnPropertySymbols(array).length === 0
  )
}

/** The text in ASCII, or `undefined` where too much of it is not. */
function asciiBytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text)
  const notAscii = bytes.length - text.length
  if (notAscii === 0) return bytes
  return notAscii > text.length * MAX_NOT_ASCII ? undefined : asciiOf(text, notAscii)
}

const HEX = '0123456789abcdef'

/** Three times as fast as a replacement by a pattern. JSON has such characters in strings only. */
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

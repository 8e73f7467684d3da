import { isAscii } from 'node:buffer'
import { types } from 'node:util'
import { DecodeError } from './decode-error.js'
import { MAX_DEPTH } from './limits.js'

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

/** The value as JSON, or `undefined` where JSON would not give it back as it is, or is the slower way. */
export function toJsonText(value: unknown): Buffer | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  let text: string
  try {
    const copy = copyOfObject(value, new Set(), 0)
    // Asked after the last getter has run: from here on nothing of the host's does.
    if (copy === undefined || 'toJSON' in Array.prototype) return undefined
    text = JSON.stringify(copy)
  } catch {
    // A getter that throws, a text too long for a string: the other way names the path, or does it.
    return undefined
  }
  const bytes = Buffer.from(text)
  const notAscii = bytes.length - text.length
  if (notAscii === 0) return bytes
  return notAscii > text.length * MAX_NOT_ASCII ? undefined : asciiOf(text, notAscii)
}

/** Throws `DecodeError` for whatever cannot be a text that `toJsonText` wrote. */
export function fromJsonText(bytes: Buffer): unknown {
  // No primitive is written at the top: a number cut short is a number.
  if ((bytes[0] !== 0x7b && bytes[0] !== 0x5b) || !isAscii(bytes)) throw new DecodeError('not ASCII JSON')
  try {
    return JSON.parse(bytes.toString('latin1'))
  } catch (error) {
    throw new DecodeError('unreadable JSON', { cause: error })
  }
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
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
function copyOfObject(object: object, seen: Set<object>, depth: number): object | undefined {
  // Structured clone refuses proxies; JSON would take what they show.
  if (depth === MAX_DEPTH || seen.has(object) || types.isProxy(object)) return undefined
  seen.add(object)
  const prototype = Object.getPrototypeOf(object)
  if (prototype === Object.prototype || prototype === null) return copyOfProperties(object, seen, depth)
  return prototype === Array.prototype && Array.isArray(object)
    ? copyOfElements(object, seen, depth)
    : undefined
}

function copyOfProperties(object: object, seen: Set<object>, depth: number): object | undefined {
  if (Object.keys(object).length > MAX_NAMES || Object.getOwnPropertySymbols(object).length > 0) {
    return undefined
  }
  const copy: Record<string, unknown> = { ...object }
  const inner: string[] = []
  for (const name in copy) {
    const value = copy[name]
    if (typeof value !== 'object' || value === null) {
      if (!isPlain(value)) return undefined
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

function copyOfElements(array: unknown[], seen: Set<object>, depth: number): unknown[] | undefined {
  const copy: unknown[] = []
  let primitives = 0
  for (let i = 0; i < array.length; i++) {
    const value = array[i]
    if (typeof value === 'object' && value !== null) {
      const copied = copyOfObject(value, seen, depth + 1)
      if (copied === undefined) return undefined
      copy.push(copied)
    } else {
      if (++primitives > MAX_PRIMITIVES || !isPlain(value)) return undefined
      if (typeof value === 'number' && !Number.isInteger(value)) return undefined
      copy.push(value)
    }
  }
  return isDense(array, copy.length) ? copy : undefined
}

/** Whether an array has neither holes nor named properties. Indices come first among the names. */
function isDense(array: unknown[], length: number): boolean {
  const names = Object.keys(array)
  return names.length === length && (length === 0 || names[length - 1] === String(length - 1))
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

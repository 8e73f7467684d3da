import { deflate, inflate } from './compression.js'
import { DecodeError } from './decode-error.js'
import { fromJsonText, toJsonText } from './json-text.js'
import { MAX_VALUE_BYTES } from './limits.js'
import { memoryLimit } from './memory-estimates.js'
import { deserialize, serialize } from './structured-clone.js'
import { assertSizeAllowed, writeLimitsOf } from './write-limits.js'

export { DecodeError } from './decode-error.js'
export { DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from './limits.js'

/** A serialised value, without the frame around it. */
export interface Payload {
  readonly bytes: Buffer
  /** One byte: the serialisation in the low seven bits, whether it is compressed in the high one. */
  readonly format: number
}

export interface EncodeOptions {
  /** Payloads of more bytes than this are compressed, where it pays; `false` for never. */
  compressionThreshold: number | false
  /** Maximum size of the serialised value, before compression. */
  maxBytes?: number | undefined
  /** The text of the key, for the error. */
  key?: string | undefined
}

/**
 * What to use for `compressionThreshold`: below 32 kB, the way through zlib's thread
 * pool costs a read more time than the saved bytes take on a 1 Gbit/s network.
 */
export const COMPRESSION_THRESHOLD = 32 * 1024

/** V8's structured clone, with a hook for views: for every value that can be stored. */
const STRUCTURED_CLONE = 1
/** JSON, for records that it restores exactly: read in half the time. */
const JSON_TEXT = 2
const COMPRESSED = 0x80

/**
 * Serialises a value, and compresses a large one in another thread: only then the result is a promise. The value is read
 * before this returns, so it may change afterwards.
 * @throws {UnserializableValueError} with the path of a part that cannot be stored
 * @throws {ValueTooLargeError}
 */
export function encodeValue(
  value: unknown,
  { compressionThreshold, maxBytes, key }: EncodeOptions,
): Payload | Promise<Payload> {
  return compressPayload(serializeValue(value, key, maxBytes), compressionThreshold)
}

/**
 * Serialises a value without compressing it.
 * @throws {UnserializableValueError} with the path of a part that cannot be stored
 * @throws {ValueTooLargeError}
 */
export function serializeValue(value: unknown, key?: string, maxBytes?: number): Payload {
  const allowance = writeLimitsOf(maxBytes, key)
  // Checked before a copy of it is made.
  if (typeof value === 'string') assertSizeAllowed(value.length, allowance)
  const json = toJsonText(value, allowance)
  return json === undefined
    ? { bytes: serialize(value, allowance), format: STRUCTURED_CLONE }
    : { bytes: json, format: JSON_TEXT }
}

/** Compresses a payload above the threshold, unless that saves too little. */
export function compressPayload(
  payload: Payload,
  compressionThreshold: number | false,
): Payload | Promise<Payload> {
  if (compressionThreshold === false || payload.bytes.length <= compressionThreshold) return payload
  return isCompressed(payload) ? payload : compress(payload)
}

/**
 * Decompresses a payload, so that a value that is read again and again is not inflated each time. Rejects with
 * `DecodeError` for bytes that it cannot read.
 */
export function inflatePayload(payload: Payload): Payload | Promise<Payload> {
  if (!isCompressed(payload)) return payload
  const { bytes, format } = payload
  return inflate(bytes, MAX_VALUE_BYTES).then((inflated) => ({
    bytes: inflated,
    format: format & ~COMPRESSED,
  }))
}

/**
 * Restores a value, which shares no memory with the payload. Throws, or rejects, with `DecodeError` for bytes that it
 * cannot read. A value that is larger than `maxBytes`, or would take too much memory, is refused before it is read.
 */
export function decodeValue(
  { bytes, format }: Payload,
  maxBytes = MAX_VALUE_BYTES,
): unknown | Promise<unknown> {
  const read = READERS.get(format & ~COMPRESSED)
  if (read === undefined) throw new DecodeError(`unknown format ${format}`)
  const maxMemory = memoryLimit(maxBytes)
  if ((format & COMPRESSED) !== 0)
    return inflate(bytes, maxBytes).then((inflated) => read(inflated, maxMemory))
  if (bytes.length > maxBytes) throw new DecodeError('too large')
  return read(bytes, maxMemory)
}

export function isCompressed({ format }: Payload): boolean {
  return (format & COMPRESSED) !== 0
}

/** Whether the payload is JSON: its value consists of plain objects, dense arrays and primitives. */
export function isRecordPayload({ format }: Payload): boolean {
  return (format & ~COMPRESSED) === JSON_TEXT
}

export function isStructuredClonePayload({ format }: Payload): boolean {
  return (format & ~COMPRESSED) === STRUCTURED_CLONE
}

const READERS = new Map<number, (bytes: Buffer, maxMemory: number) => unknown>([
  [STRUCTURED_CLONE, deserialize],
  [JSON_TEXT, fromJsonText],
])

async function compress({ bytes, format }: Payload): Promise<Payload> {
  const deflated = await deflate(bytes)
  return deflated === undefined ? { bytes, format } : { bytes: deflated, format: format | COMPRESSED }
}

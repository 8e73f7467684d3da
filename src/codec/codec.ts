import { allowanceOf, assertAllowed } from './allowance.js'
import { deflate, inflate } from './compression.js'
import { DecodeError } from './decode-error.js'
import { fromJsonText, toJsonText } from './json-text.js'
import { MAX_VALUE_BYTES } from './limits.js'
import { memoryLimit } from './memory.js'
import { deserialize, serialize } from './structured-clone.js'

export { DecodeError } from './decode-error.js'
export { DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from './limits.js'

/** A value as it is stored, without the frame around it. */
export interface Payload {
  readonly bytes: Buffer
  /** One byte: the low seven bits name the serialisation, the high one says compressed. */
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

/** Serialised by V8's structured clone, views by our own hook: whatever can be stored. */
const STRUCTURED_CLONE = 1
/** JSON, for records that it gives back exactly: read in half the time. */
const JSON_TEXT = 2
const COMPRESSED = 0x80

/**
 * A value as bytes. At once, unless it is large enough to be compressed (off
 * this thread). The value is read before this returns: it may change afterwards.
 *
 * @throws UnserializableValueError with the path of what cannot be stored
 * @throws ValueTooLargeError
 */
export function encodeValue(
  value: unknown,
  { compressionThreshold, maxBytes, key }: EncodeOptions,
): Payload | Promise<Payload> {
  return compressPayload(serializeValue(value, key, maxBytes), compressionThreshold)
}

/** A value as bytes, not compressed. Throws as `encodeValue` does. */
export function serializeValue(value: unknown, key?: string, maxBytes?: number): Payload {
  const allowance = allowanceOf(maxBytes, key)
  // Before a copy of it is made.
  if (typeof value === 'string') assertAllowed(value.length, allowance)
  const json = toJsonText(value, allowance)
  return json === undefined
    ? { bytes: serialize(value, allowance), format: STRUCTURED_CLONE }
    : { bytes: json, format: JSON_TEXT }
}

/** The payload as it is stored: compressed where it is large enough, and that pays. */
export function compressPayload(
  payload: Payload,
  compressionThreshold: number | false,
): Payload | Promise<Payload> {
  if (compressionThreshold === false || payload.bytes.length <= compressionThreshold) return payload
  return isCompressed(payload) ? payload : compress(payload)
}

/**
 * The payload, not compressed: a value that is read again and again need not be inflated each time. Rejects with
 * `DecodeError` for whatever it cannot read.
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
 * The value again, sharing no memory with the payload. Throws, or rejects,
 * with `DecodeError` for whatever it cannot read, and for whatever is larger
 * than `maxBytes` or would take too much memory, before it is read.
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

/** Whether its value is a record, as JSON gives them back: plain objects, dense arrays and primitives. */
export function isRecord({ format }: Payload): boolean {
  return (format & ~COMPRESSED) === JSON_TEXT
}

const READERS = new Map<number, (bytes: Buffer, maxMemory: number) => unknown>([
  [STRUCTURED_CLONE, deserialize],
  [JSON_TEXT, fromJsonText],
])

async function compress({ bytes, format }: Payload): Promise<Payload> {
  const deflated = await deflate(bytes)
  return deflated === undefined ? { bytes, format } : { bytes: deflated, format: format | COMPRESSED }
}

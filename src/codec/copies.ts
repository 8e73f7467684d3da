import { decodeValue, isRecordPayload, type Payload } from './codec.js'
import { copyRecord, sizeOfRecord } from './record.js'

/** A source of copies of one value. No two copies share memory. */
export interface Copies {
  /** Approximate memory of what the copies are made from, in bytes. */
  readonly bytes: number
  next(): unknown
}

/**
 * Copies of the value of an uncompressed payload.
 * @throws {DecodeError} for bytes that cannot be read
 */
export function copiesOf(payload: Payload): Copies {
  // Never returned, so it may be copied from.
  const value = decodeValue(payload)
  if (typeof value !== 'object' || value === null) return { bytes: payload.bytes.length, next: () => value }
  const bytes = isRecordPayload(payload) ? sizeOfRecord(value) : undefined
  if (bytes !== undefined) return { bytes, next: () => copyRecord(value) }
  const own = withOwnMemory(payload)
  return { bytes: own.bytes.length, next: () => decodeValue(own) }
}

/** Copies of the value of an uncompressed, readable payload, which is decoded for the first copy. */
export function lazyCopiesOf(payload: Payload): Copies {
  const own = compactPayload(payload)
  let copies: Copies | undefined
  const next = () => {
    copies ??= copiesOf(own)
    return copies.next()
  }
  return { bytes: own.bytes.length, next }
}

/** A payload that does not keep a much larger buffer alive, such as a whole reply: copied if necessary. */
export function compactPayload(payload: Payload): Payload {
  const { bytes, format } = payload
  return bytes.length * MAX_SLACK >= bytes.buffer.byteLength ? payload : { bytes: Buffer.from(bytes), format }
}

/** Copies of a primitive, which needs no copying. */
export function primitiveCopies(value: unknown): Copies {
  return { bytes: 8, next: () => value }
}

const MAX_SLACK = 4

/** A payload in a buffer of its own. A view would keep a whole reply alive, a small pooled copy its neighbours. */
function withOwnMemory({ bytes, format }: Payload): Payload {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return { bytes: copy, format }
}

import { decodeValue, isRecordPayload, type Payload } from './codec.js'
import { copyRecord, sizeOfRecord } from './record.js'

/** As many copies of one value as are wanted, none of which shares anything with another. */
export interface Copies {
  /** About how many bytes of memory they are made from. */
  readonly bytes: number
  next(): unknown
}

/**
 * Copies of a value whose payload is not compressed. Throws `DecodeError` for
 * what it cannot read.
 */
export function copiesOf(payload: Payload): Copies {
  // Nobody ever gets this one.
  const value = decodeValue(payload)
  if (typeof value !== 'object' || value === null) return { bytes: payload.bytes.length, next: () => value }
  const bytes = isRecordPayload(payload) ? sizeOfRecord(value) : undefined
  if (bytes !== undefined) return { bytes, next: () => copyRecord(value) }
  const own = withOwnMemory(payload)
  return { bytes: own.bytes.length, next: () => decodeValue(own) }
}

/** Copies of a value that is decoded when the first of them is wanted: its payload is not compressed, and readable. */
export function lazyCopiesOf(payload: Payload): Copies {
  const own = compactPayload(payload)
  let copies: Copies | undefined
  const next = () => {
    copies ??= copiesOf(own)
    return copies.next()
  }
  return { bytes: own.bytes.length, next }
}

/** Without a buffer that is much larger around it, such as a whole reply. Small copies may share one. */
export function compactPayload(payload: Payload): Payload {
  const { bytes, format } = payload
  return bytes.length * MAX_SLACK >= bytes.buffer.byteLength ? payload : { bytes: Buffer.from(bytes), format }
}

/** Copies of what needs no copy: a primitive. */
export function primitiveCopies(value: unknown): Copies {
  return { bytes: 8, next: () => value }
}

const MAX_SLACK = 4

/** A view would keep a whole reply alive, a small copy its neighbours'. */
function withOwnMemory({ bytes, format }: Payload): Payload {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return { bytes: copy, format }
}

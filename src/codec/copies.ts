import { decodeValue, isRecord, type Payload } from './codec.js'
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
  const bytes = isRecord(payload) ? sizeOfRecord(value) : undefined
  if (bytes !== undefined) return { bytes, next: () => copyRecord(value) }
  const own = withOwnMemory(payload)
  return { bytes: own.bytes.length, next: () => decodeValue(own) }
}

/** A view would keep a whole reply alive, a small copy its neighbours'. */
function withOwnMemory({ bytes, format }: Payload): Payload {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return { bytes: copy, format }
}

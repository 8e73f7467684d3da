import { DIGITS, decodeDigits } from './digits.js'

/**
 * The kind of a frame, which is what a store has in the place of an entry.
 *
 * ```
 * 'kc'  version  kind  id      n   n × generation id   body
 *  2       1       1    12     1        n × 12          …
 * ```
 * Stores compose the part before the body themselves (the Redis scripts in Lua): only they can read the current
 * generations in the same atomic step. A damaged generation id turns a hit into a miss and nothing worse, because the
 * checksum of the body covers everything that the value is made from.
 *
 * A marked value was written or expired under a soft expiry. The store adds marks around its body, which the checksum of
 * the body does not cover:
 * ```
 * eras above it  expired at, or 0  length of provenance  body  provenance
 *      14               14                   4             …       …
 * ```
 */
export type FrameKind = 'value' | 'tombstone' | 'marker'

/** Length in bytes of a frame id and of a generation id: 96 random bits. */
export const ID_BYTES = 12

export const MAGIC = 'kc'
export const VERSION = 1
export const KIND_AT = 3
export const ID_AT = 4
export const COUNT_AT = ID_AT + ID_BYTES
/** Offset of the generation ids. The bytes before it hold the kind and the id of a frame. */
export const GENERATIONS_AT = COUNT_AT + 1

export const KIND_BYTE: Record<FrameKind, number> = { value: 0x56, tombstone: 0x54, marker: 0x4d }
/** The kind byte of a marked value. */
export const MARKED_VALUE = 0x45

/** Number of digits of the length of the provenance after a marked value. */
export const WRITER_DIGITS = 4
/** Offsets in the marks of a marked value, which follow its generations. */
export const MARKED_ERAS_AT = 0
export const MARKED_EXPIRY_AT = DIGITS
export const MARKED_WRITER_LENGTH_AT = 2 * DIGITS
/** Size of the marks before the body of a marked value. */
export const VALUE_MARK_BYTES = 2 * DIGITS + WRITER_DIGITS

/** Maximum size of a frame. A larger one was not written by this cache and is not read. */
export const MAX_FRAME_BYTES = 65 * 1024 * 1024

/** The first four bytes of every frame of a kind. */
export function frameStart(kind: FrameKind): Buffer {
  return frameOfKind(KIND_BYTE[kind])
}

/** The first four bytes of a frame with this kind byte. */
export function frameOfKind(kind: number): Buffer {
  return Buffer.from([MAGIC.charCodeAt(0), MAGIC.charCodeAt(1), VERSION, kind])
}

/** Offset of the body of a value frame. */
export function bodyAt(bytes: Buffer): number {
  const at = GENERATIONS_AT + (bytes[COUNT_AT] as number) * ID_BYTES
  return bytes[KIND_AT] === MARKED_VALUE ? at + VALUE_MARK_BYTES : at
}

/** End of the body that begins at this offset. */
export function bodyEnd(bytes: Buffer, at: number): number {
  if (bytes[KIND_AT] !== MARKED_VALUE) return bytes.length
  return bytes.length - decodeDigits(bytes, at - WRITER_DIGITS, WRITER_DIGITS)
}

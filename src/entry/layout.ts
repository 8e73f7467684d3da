import { DIGITS, numberAt } from './digits.js'

/**
 * What stands in an entry's place in a store, as bytes. Pure: no I/O, no clock.
 *
 * ```
 * 'kc'  version  kind  id      n   n × generation id   body
 *  2       1       1    12     1        n × 12          …
 * ```
 * The stores compose the part before the body themselves (the Redis scripts in
 * Lua), because only they know, in one atomic step, the generations that stand.
 * A damaged generation id can only turn a hit into a miss; everything a value
 * is made from lies in the body, under its checksum.
 *
 * A value that knows of soft expiries is of a kind of its own. Around its body
 * stands what no checksum of the body can cover, since only the store knows it:
 * ```
 * eras above it  expired at, or 0  length of who  body  who let it expire
 *      14               14               4          …          …
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
/** So many bytes stand before the generations: enough to tell a frame's kind and id. */
export const GENERATIONS_AT = COUNT_AT + 1

export const KIND_BYTE: Record<FrameKind, number> = { value: 0x56, tombstone: 0x54, marker: 0x4d }
/** A value that knows of soft expiries. */
export const MARKED_VALUE = 0x45

export const WHO_DIGITS = 4
/** Offsets in the marks of a value, which follow its generations. */
export const MARKED_ERAS_AT = 0
export const MARKED_EXPIRY_AT = DIGITS
export const MARKED_WHO_LENGTH_AT = 2 * DIGITS
export const VALUE_MARK_BYTES = 2 * DIGITS + WHO_DIGITS

/** Maximum size of a frame: a larger value was not written by this cache, and is not read. */
export const MAX_FRAME_BYTES = 65 * 1024 * 1024

/** The first four bytes of every frame of a kind. */
export function frameStart(kind: FrameKind): Buffer {
  return frameOfKind(KIND_BYTE[kind])
}

export function frameOfKind(kind: number): Buffer {
  return Buffer.from([MAGIC.charCodeAt(0), MAGIC.charCodeAt(1), VERSION, kind])
}

export function bodyAt(bytes: Buffer): number {
  const at = GENERATIONS_AT + (bytes[COUNT_AT] as number) * ID_BYTES
  return bytes[KIND_AT] === MARKED_VALUE ? at + VALUE_MARK_BYTES : at
}

export function bodyEnd(bytes: Buffer, at: number): number {
  if (bytes[KIND_AT] !== MARKED_VALUE) return bytes.length
  return bytes.length - numberAt(bytes, at - WHO_DIGITS, WHO_DIGITS)
}

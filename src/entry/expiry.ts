import { parseBodyHead } from './body.js'
import { DIGITS, decodeDigits, encodeDigits } from './digits.js'
import { eraOf, lastExpiredAt, lastExpiredBy } from './generation.js'
import {
  bodyAt,
  bodyEnd,
  COUNT_AT,
  frameOfKind,
  ID_AT,
  KIND_AT,
  MARKED_VALUE,
  VALUE_MARK_BYTES,
  WRITER_DIGITS,
} from './layout.js'
import { type Provenance, parseProvenance } from './provenance.js'

/** A frame under a new id. A live value that has not expired yet is marked as expired at this time. */
export function expireFrame(frame: Buffer, id: Buffer, isLive: boolean, at: number, who: Buffer): Buffer {
  const own = bodyAt(frame)
  if (!isLive || expiredItself(frame) > 0) {
    return Buffer.concat([frame.subarray(0, ID_AT), id, frame.subarray(COUNT_AT)])
  }
  const isMarked = frame[KIND_AT] === MARKED_VALUE
  const marksAt = isMarked ? own - VALUE_MARK_BYTES : own
  return Buffer.concat([
    frameOfKind(MARKED_VALUE),
    id,
    frame.subarray(COUNT_AT, marksAt),
    isMarked ? frame.subarray(marksAt, marksAt + DIGITS) : encodeDigits(0),
    encodeDigits(at),
    encodeDigits(who.length, WRITER_DIGITS),
    frame.subarray(own),
    who,
  ])
}

/** Time of a value's own soft expiry; 0 without one. */
function expiredItself(frame: Buffer): number {
  if (frame[KIND_AT] !== MARKED_VALUE) return 0
  return decodeDigits(frame, bodyAt(frame) - WRITER_DIGITS - DIGITS, DIGITS)
}

/** Whether a value was expired by a soft expiry of its own key. */
export function isExpiredItself(frame: Buffer): boolean {
  return expiredItself(frame) > 0
}

/** Whether a live value was written in the present eras of the generations above it. */
export function areErasCurrent(frame: Buffer, generations: readonly (Buffer | null)[]): boolean {
  let eras = 0
  for (const generation of generations) if (generation) eras += eraOf(generation)
  const isMarked = frame[KIND_AT] === MARKED_VALUE
  return eras === (isMarked ? decodeDigits(frame, bodyAt(frame) - VALUE_MARK_BYTES, DIGITS) : 0)
}

/** The soft expiry that made a value stale. */
export interface Expiry {
  readonly at: number
  readonly provenance: Provenance | undefined
  /** Number of segments of the key that was expired with its children; `undefined` if it was the value's own key. */
  readonly depth: number | undefined
}

/**
 * Time since which a live value is stale by a soft expiry, on the store's clock; `undefined` if none applies. For most
 * values this reads one byte of each generation.
 */
export function expiredAt(frame: Buffer, generations: readonly (Buffer | null)[]): number | undefined {
  let eras = 0
  for (const generation of generations) if (generation) eras += eraOf(generation)
  if (frame[KIND_AT] !== MARKED_VALUE) return eras === 0 ? undefined : firstExpiry(frame, generations).at
  const isOfThisEra = decodeDigits(frame, bodyAt(frame) - VALUE_MARK_BYTES, DIGITS) === eras
  const own = expiredItself(frame)
  if (isOfThisEra) return own === 0 ? undefined : own
  const { at } = firstExpiry(frame, generations)
  return own === 0 ? at : Math.min(own, at)
}

/** The soft expiry of a live value with its provenance; `undefined` if none applies. */
export function expiryOf(frame: Buffer, generations: readonly (Buffer | null)[]): Expiry | undefined {
  const at = expiredAt(frame, generations)
  if (at === undefined) return undefined
  if (at === expiredItself(frame)) {
    const provenance = parseProvenance(frame.subarray(bodyEnd(frame, bodyAt(frame))))
    return { at, provenance, depth: undefined }
  }
  const { mark, depth } = firstExpiry(frame, generations)
  return { at, provenance: mark && lastExpiredBy(mark), depth }
}

/**
 * The first soft expiry above a value since it was written: its grace counts from there. The eras have shown that there
 * is one. If the clock was set back since, this is the last of them.
 */
function firstExpiry(
  frame: Buffer,
  generations: readonly (Buffer | null)[],
): { readonly at: number; readonly mark?: Buffer; readonly depth?: number } {
  const writtenAt = parseBodyHead(frame)?.writtenAt ?? 0
  const marks = generations
    .map((mark, depth) => ({ mark, depth, at: mark ? lastExpiredAt(mark) : 0 }))
    .filter((one): one is { mark: Buffer; depth: number; at: number } => one.at > 0)
    .sort((one, other) => one.at - other.at)
  return marks.find(({ at }) => at >= writtenAt) ?? marks.at(-1) ?? { at: writtenAt }
}

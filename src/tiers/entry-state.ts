import { DecodeError, decodeValue, type Payload } from '../codec/codec.js'
import { payloadSize, UnbuiltValue } from '../codec/unbuilt.js'
import { type EntryBody, FRAME_HEAD_BYTES, isStale, parseBody } from '../entry/body.js'
import type { Provenance } from '../entry/provenance.js'
import { type AbsenceReason, judge } from '../store/judge.js'
import type { Reading } from '../store/store.js'

/** An entry that is neither deleted nor damaged, with its value; `failed` tells of a computation that failed. */
export interface LiveEntry {
  readonly state: 'fresh' | 'stale' | 'failed'
  readonly frame: Buffer
  readonly body: EntryBody
  readonly value: unknown
  /** How long it is fresh still, on the store's clock; below 0 when it is stale. */
  readonly remainingMs: number
}

/** What stands in an entry's place, for who wants its value. */
export type EntryState =
  | LiveEntry
  | {
      readonly state: 'missing'
      readonly reason: AbsenceReason | 'pending-invalidation' | 'expired'
      readonly provenance?: Provenance | undefined
    }

const UNDECODABLE: EntryState = { state: 'missing', reason: 'undecodable' }

const EXPIRED_FAILURE: EntryState = { state: 'missing', reason: 'expired' }

/**
 * What a reading comes to; a promise only where its value must be decompressed. A value above `maxValueBytes`, or one
 * that would take too much memory, is not read; one above `buildUpTo` is an `UnbuiltValue`.
 */
export function entryStateOf(
  reading: Reading,
  maxValueBytes: number,
  buildUpTo?: number,
): EntryState | Promise<EntryState> {
  const judgement = judge(reading)
  if (!judgement.live) {
    return { state: 'missing', reason: judgement.reason, provenance: judgement.provenance }
  }
  const { frame, expiredAt } = judgement
  const decoded = decodeEntry(frame, maxValueBytes, buildUpTo)
  const standing = (entry: Decoded | undefined): EntryState => {
    if (entry === undefined) return UNDECODABLE
    const { body, value } = entry
    const state = freshnessOf(body, reading.now, expiredAt)
    // Nothing of a failure is worth serving once it was let expire.
    if (state === 'failed' && expiredAt !== undefined) return EXPIRED_FAILURE
    return { state, frame, body, value, remainingMs: leftOf(body, reading.now, expiredAt) }
  }
  return decoded instanceof Promise ? decoded.then(standing) : standing(decoded)
}

/** Whether a frame cannot hold a value of this size: no checksum of it has to be computed. */
export function isOversized(frame: Buffer, maxValueBytes: number): boolean {
  return frame.length > maxValueBytes + FRAME_HEAD_BYTES
}

/** What a copy of its value is made from. */
export function payloadOf({ body }: LiveEntry): Payload {
  return { bytes: body.payload, format: body.format }
}

/** An entry's state at a moment of the store's clock. */
export function freshnessOf(
  body: Omit<EntryBody, 'payload'>,
  now: number,
  expiredAt: number | undefined,
): LiveEntry['state'] {
  if (body.isFailure) return 'failed'
  return isStale(body, now, expiredAt) ? 'stale' : 'fresh'
}

/** How long it is fresh still. What was let expire is not, though this reading's clock may be behind that moment. */
function leftOf({ writtenAt, ttlMs }: EntryBody, now: number, expiredAt: number | undefined): number {
  const remainingMs = writtenAt + ttlMs - now
  return expiredAt === undefined ? remainingMs : Math.min(0, remainingMs, expiredAt - now)
}

interface Decoded {
  readonly body: EntryBody
  readonly value: unknown
}

/** An entry with its value, or `undefined` for bytes that cannot be read; a promise only where it must be decompressed. */
function decodeEntry(
  frame: Buffer,
  maxValueBytes: number,
  buildUpTo = Number.POSITIVE_INFINITY,
): Decoded | undefined | Promise<Decoded | undefined> {
  const body = isOversized(frame, maxValueBytes) ? undefined : parseBody(frame)
  if (!body) return undefined
  const payload = { bytes: body.payload, format: body.format }
  if (payloadSize(payload) > buildUpTo) return { body, value: new UnbuiltValue(payload) }
  try {
    const value = decodeValue(payload, maxValueBytes)
    return value instanceof Promise
      ? value.then((inflated) => ({ body, value: inflated }), unreadable)
      : { body, value }
  } catch (error) {
    return unreadable(error)
  }
}

function unreadable(error: unknown): undefined {
  if (!(error instanceof DecodeError)) throw error
}

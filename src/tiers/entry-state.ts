import { DecodeError, decodeValue, type Payload } from '../codec/codec.js'
import { payloadSize, UnbuiltValue } from '../codec/unbuilt.js'
import { type EntryBody, FRAME_HEAD_BYTES, isStale, parseBody } from '../entry/body.js'
import type { Provenance } from '../entry/provenance.js'
import { type AbsenceReason, checkLiveness } from '../store/liveness.js'
import type { ReadResult } from '../store/store.js'
import { type MissReason, type ReadOutcome, STORE_DOWN } from './outcome.js'

/** An entry that can be used: `fresh` and `stale` ones have a value, a `failed` one the error of its computation. */
export interface LiveEntry {
  readonly state: 'fresh' | 'stale' | 'failed'
  readonly frame: Buffer
  readonly body: EntryBody
  readonly value: unknown
  /** Time until it expires, on the store's clock; 0 or less once it is stale. */
  readonly remainingMs: number
}

/** The state of a key: missing, fresh, stale or failed. */
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
 * Returns the state of an entry that was read: checks its liveness and decodes it. The result is a promise only where the
 * value must be decompressed. A value of more than
 * `maxValueBytes`, or one that would take too much memory, is missing; one of more than `buildUpTo` bytes is an
 * `UnbuiltValue`.
 */
export function entryStateOf(
  reading: ReadResult,
  maxValueBytes: number,
  buildUpTo?: number,
): EntryState | Promise<EntryState> {
  const liveness = checkLiveness(reading)
  if (!liveness.live) {
    return { state: 'missing', reason: liveness.reason, provenance: liveness.provenance }
  }
  const { frame, expiredAt } = liveness
  const decoded = decodeEntry(frame, maxValueBytes, buildUpTo)
  const stateOf = (entry: Decoded | undefined): EntryState => {
    if (entry === undefined) return UNDECODABLE
    const { body, value } = entry
    const state = freshnessOf(body, reading.now, expiredAt)
    // A failure that was marked stale is not served to anyone.
    if (state === 'failed' && expiredAt !== undefined) return EXPIRED_FAILURE
    return { state, frame, body, value, remainingMs: remainingOf(body, reading.now, expiredAt) }
  }
  return decoded instanceof Promise ? decoded.then(stateOf) : stateOf(decoded)
}

/** Whether a frame holds more than a value of `maxValueBytes`. It is not worth a checksum then. */
export function isOversized(frame: Buffer, maxValueBytes: number): boolean {
  return frame.length > maxValueBytes + FRAME_HEAD_BYTES
}

/** The payload of an entry: copies of its value are made from it. */
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

/**
 * Time until an entry expires. It is 0 or less for an entry that was marked stale. The clock of this reading is a lower
 * bound, so it may show a time before the moment of the mark.
 */
function remainingOf({ writtenAt, ttlMs }: EntryBody, now: number, expiredAt: number | undefined): number {
  const remainingMs = writtenAt + ttlMs - now
  return expiredAt === undefined ? remainingMs : Math.min(0, remainingMs, expiredAt - now)
}

/** Requirements of a read. */
export interface Demands {
  /** Why the entry does not count as a hit; `undefined` where it does. */
  refusal(entry: LiveEntry): MissReason | undefined
}

/** A plain read does not take a stale value: only `getOrSet` can refresh it. */
const PLAIN: Demands = { refusal: ({ state }) => (state === 'stale' ? 'expired' : undefined) }

/** The outcome of a read that has found this; without an entry the store has failed. */
export function outcomeOf(entry: EntryState | undefined, demands = PLAIN): ReadOutcome {
  if (!entry) return STORE_DOWN
  if (entry.state === 'missing') return { hit: false, reason: entry.reason, provenance: entry.provenance }
  if (entry.state === 'failed') return { hit: false, reason: 'failed' }
  const reason = demands.refusal(entry)
  return reason === undefined
    ? { hit: true, value: entry.value, tier: 'store', computingMs: entry.body.computingMs }
    : { hit: false, reason }
}

interface Decoded {
  readonly body: EntryBody
  readonly value: unknown
}

/** Decodes an entry; `undefined` for bytes that cannot be read, a promise only where they must be decompressed. */
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

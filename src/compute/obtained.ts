import { decodeValue, isCompressed, type Payload } from '../codec/codec.js'
import { type Copies, copiesOf } from '../codec/copies.js'
import { type LiveEntry, payloadOf } from '../tiers/entry-state.js'
import { type Slot, slotOf } from '../tiers/request-memory.js'
import type { FlightResult } from './flight.js'
import type { Policy } from './policy.js'
import { Unstorable } from './unstorable.js'

/** A value for a caller, with what the copies for other callers are made from. */
export interface Obtained {
  readonly value: unknown
  /** `undefined` where the value cannot be serialised: all callers get the same one. */
  readonly payload: Payload | undefined
  /** Whether the value is past its TTL, within its grace. */
  readonly isStale?: boolean
  /** The source of copies, once there is one. */
  copies?: Copies
}

export function obtainedFromEntry(entry: LiveEntry): Obtained {
  return { value: entry.value, payload: payloadOf(entry) }
}

/** @throws UnserializableValueError for a value that cannot be stored, with `strictValues` */
export async function obtainedFromFlight(
  result: Exclude<FlightResult, 'busy'>,
  policy: Policy,
): Promise<Obtained> {
  if (isRejected(result, policy)) throw (result as Unstorable).reason
  const payload = result instanceof Unstorable ? result.payload : result
  return payload
    ? { value: await decodeValue(payload), payload }
    : { value: (result as Unstorable).value, payload }
}

/** Whether the caller gets an error instead of this result. */
export function isRejected(result: Exclude<FlightResult, 'busy'>, { strictValues }: Policy): boolean {
  return strictValues && result instanceof Unstorable
}

/** A copy of the value for one more caller; a promise only where it must be decompressed. */
export function copyOf(obtained: Obtained): unknown {
  const { value, payload } = obtained
  if (typeof value !== 'object' || value === null || payload === undefined) return value
  if (isCompressed(payload)) return decodeValue(payload)
  obtained.copies ??= copiesOf(payload)
  return obtained.copies.next()
}

/** Resolves to the result with its copy, once that is decompressed. */
export async function inflated(obtained: Obtained, value: Promise<unknown>): Promise<Obtained> {
  return { ...obtained, value: await value }
}

/** The slot for request memory: none for a value that is stale, or that cannot be copied. */
export function slotFor({ isStale, payload, value }: Obtained): Slot | undefined {
  return isStale || payload === undefined ? undefined : slotOf(value, payload)
}

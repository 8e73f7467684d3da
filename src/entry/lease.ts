import { DIGITS } from './digits.js'
import { ID_BYTES } from './layout.js'

/**
 * A lease as a store has it: the right of one process to compute a key until it lapses.
 *
 * ```
 * token  awaited  lapses  generation ids at its start, sum of their eras
 *  12       1       14      n × 12                       14
 * ```
 */
export interface Lease {
  readonly token: Buffer
  /** Whether a waiter must be notified when it ends. */
  readonly awaited: boolean
  /** Time at which it lapses, on the store's clock. */
  readonly lapsesAt: number
  /** The generations at its start, as `joinGenerations` returns them. */
  readonly started: Buffer
}

/** Offsets in a lease, which begins with its token. */
export const AWAITED_AT = ID_BYTES
export const LAPSES_AT = AWAITED_AT + 1
export const STARTED_AT = LAPSES_AT + DIGITS

/** Maximum size of a lease, and its maximum duration in milliseconds. This cache writes neither larger nor longer ones. */
export const MAX_LEASE_BYTES = 1_024
export const MAX_LEASE_MS = 2 ** 31

const HEAD = /^[01]\d{14}$/

/** Parses a lease; `undefined` for anything else, which counts as an absent one. The Redis scripts apply the same rule. */
export function parseLease(bytes: Buffer): Lease | undefined {
  if (bytes.length > MAX_LEASE_BYTES) return undefined
  const head = bytes.toString('latin1', ID_BYTES, STARTED_AT)
  if (!HEAD.test(head)) return undefined
  return {
    token: bytes.subarray(0, ID_BYTES),
    awaited: bytes[ID_BYTES] === 0x31,
    lapsesAt: Number(head.slice(1)),
    started: bytes.subarray(STARTED_AT),
  }
}

/** The bytes of a lease. */
export function composeLease({ token, awaited, lapsesAt, started }: Lease): Buffer {
  const head = (awaited ? '1' : '0') + String(Math.floor(lapsesAt)).padStart(STARTED_AT - LAPSES_AT, '0')
  return Buffer.concat([token, Buffer.from(head), started])
}

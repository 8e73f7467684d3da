import { DIGITS } from './digits.js'
import { ID_BYTES } from './layout.js'

/**
 * A lease as a store holds it: the right to compute one key, until it lapses.
 *
 * ```
 * token  awaited  lapses  generations it started from, their eras
 *  12       1       14      n × 12                       14
 * ```
 */
export interface Lease {
  readonly token: Buffer
  /** Whether somebody waits for it, and is told when it ends. */
  readonly awaited: boolean
  /** On the store's clock. */
  readonly lapsesAt: number
  /** The generations it started from, as `joinGenerations` gives them. */
  readonly started: Buffer
}

/** Offsets in a lease, which begins with its token. */
export const AWAITED_AT = ID_BYTES
export const LAPSES_AT = AWAITED_AT + 1
export const STARTED_AT = LAPSES_AT + DIGITS

/** Maximum size and time of a lease: what is larger, or lasts longer, was not written by this cache. */
export const MAX_LEASE_BYTES = 1_024
export const MAX_LEASE_MS = 2 ** 31

const HEAD = /^[01]\d{14}$/

/** The lease that bytes read as. Everything else that may stand in its place counts as absent, in Redis too. */
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

export function composeLease({ token, awaited, lapsesAt, started }: Lease): Buffer {
  const head = (awaited ? '1' : '0') + String(Math.floor(lapsesAt)).padStart(STARTED_AT - LAPSES_AT, '0')
  return Buffer.concat([token, Buffer.from(head), started])
}

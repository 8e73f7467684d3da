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

const LAPSES_AT = ID_BYTES + 1
const STARTED_AT = LAPSES_AT + 14

export function parseLease(bytes: Buffer): Lease | undefined {
  if (bytes.length < STARTED_AT) return undefined
  return {
    token: bytes.subarray(0, ID_BYTES),
    awaited: bytes[ID_BYTES] === 0x31,
    lapsesAt: Number(bytes.toString('latin1', LAPSES_AT, STARTED_AT)),
    started: bytes.subarray(STARTED_AT),
  }
}

export function composeLease({ token, awaited, lapsesAt, started }: Lease): Buffer {
  const head = (awaited ? '1' : '0') + String(Math.floor(lapsesAt)).padStart(STARTED_AT - LAPSES_AT, '0')
  return Buffer.concat([token, Buffer.from(head), started])
}

import { DIGITS, decodeDigits, encodeDigits } from './digits.js'
import { ID_BYTES } from './layout.js'
import { type Provenance, parseProvenance } from './provenance.js'

/**
 * A generation as a store has it: its id, a flag (`1` once something was written below it, else `0`), and the provenance
 * of the delete that made it. After a soft expiry with children, a mark comes before the provenance:
 *
 * ```
 * '~'  era  expired at  provenance  newline
 *  1   14      14           …          1
 * ```
 * The first era is 0. Each further one is the time of its beginning, or the one before plus one if that is later. So it is
 * never used twice, even where a failover brings back an earlier state of the generation: a count would come round, and
 * make expired values fresh.
 */
export interface Generation {
  readonly id: Buffer
  readonly inUse: boolean
  readonly provenance: Provenance | undefined
}

/** The flag: whether something was written below the generation. */
export const UNUSED = 0x30
export const IN_USE = 0x31
/** Begins and ends the mark of a generation whose entries were expired: `~` and a newline. */
export const MARK_BEGINS = 0x7e
export const MARK_ENDS = 0x0a
/** Begins a provenance, which is JSON: `{`. */
export const PROVENANCE_BEGINS = 0x7b
/** Offsets in a generation. */
export const IN_USE_AT = ID_BYTES
export const MARK_AT = IN_USE_AT + 1
export const ERA_AT = MARK_AT + 1
const EXPIRED_AT = ERA_AT + DIGITS
export const WHO_AT = EXPIRED_AT + DIGITS

/** Maximum size of a generation. Larger bytes were not written by this cache. */
export const MAX_GENERATION_BYTES = 8_192

/** Maximum era: the year 2065. The sum of the at most 33 eras above a path then fits into `DIGITS`. */
export const MAX_ERA = 3_000_000_000_000

/**
 * Whether bytes are a valid generation. Anything else counts as an absent one, which matches no entry, and is replaced
 * by the next write below it. The Redis scripts apply the same rule.
 */
export function isGeneration(bytes: Buffer | null): bytes is Buffer {
  if (bytes === null || bytes.length <= ID_BYTES || bytes.length > MAX_GENERATION_BYTES) return false
  const flag = bytes[IN_USE_AT]
  if (flag !== UNUSED && flag !== IN_USE) return false
  const info = bytes[MARK_AT]
  return info === undefined || info === PROVENANCE_BEGINS || (info === MARK_BEGINS && hasMark(bytes))
}

function hasMark(bytes: Buffer): boolean {
  for (let index = ERA_AT; index < WHO_AT; index++) {
    const digit = (bytes[index] ?? 0) - 0x30
    if (!(digit >= 0 && digit <= 9)) return false
  }
  return decodeDigits(bytes, ERA_AT, DIGITS) <= MAX_ERA && bytes.includes(MARK_ENDS, WHO_AT)
}

/** The bytes of a generation. `info` is the provenance of the delete that made it. */
export function composeGeneration(id: Buffer, inUse: boolean, info: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([id, Buffer.of(inUse ? IN_USE : UNUSED), info])
}

/** Parses a generation; `undefined` for anything that is not a valid one. */
export function parseGeneration(bytes: Buffer): Generation | undefined {
  if (!isGeneration(bytes)) return undefined
  return {
    id: bytes.subarray(0, ID_BYTES),
    inUse: bytes[IN_USE_AT] === IN_USE,
    provenance: parseProvenance(bytes.subarray(markEnd(bytes))),
  }
}

/** A generation in its next era: everything that was written below it before is stale. */
export function expireGeneration(bytes: Buffer, at: number, who: Buffer): Buffer {
  return Buffer.concat([
    bytes.subarray(0, MARK_AT),
    Buffer.of(MARK_BEGINS),
    encodeDigits(nextEra(eraOf(bytes), at)),
    encodeDigits(at),
    who,
    Buffer.of(MARK_ENDS),
    bytes.subarray(markEnd(bytes)),
  ])
}

/** The era that begins at a moment of the store's clock. A clock that is far ahead must not use up all eras. */
function nextEra(era: number, now: number): number {
  return now > MAX_ERA ? era + 1 : Math.max(era + 1, now)
}

/** The era of a generation: another one after each soft expiry below it; 0 before the first. */
export function eraOf(generation: Buffer): number {
  return generation[MARK_AT] === MARK_BEGINS ? decodeDigits(generation, ERA_AT, DIGITS) : 0
}

/** Time of the last soft expiry below a generation; 0 without one. */
export function lastExpiredAt(generation: Buffer): number {
  return eraOf(generation) > 0 ? decodeDigits(generation, EXPIRED_AT, DIGITS) : 0
}

/** Provenance of the last soft expiry below a generation. */
export function lastExpiredBy(generation: Buffer): Provenance | undefined {
  return parseProvenance(generation.subarray(WHO_AT, markEnd(generation) - 1))
}

/** Offset of the delete's provenance in a generation. */
function markEnd(generation: Buffer): number {
  return generation[MARK_AT] === MARK_BEGINS ? generation.indexOf(MARK_ENDS, WHO_AT) + 1 : MARK_AT
}

/**
 * The ids of generations, outermost first, and the sum of their eras: a computation or a fill is stored only while these
 * bytes are the same. No era ever decreases, so the sum changes with each of them. `undefined` if one is absent.
 */
export function joinGenerations(generations: readonly (Buffer | null)[]): Buffer | undefined {
  const ids: Buffer[] = []
  let eras = 0
  for (const generation of generations) {
    if (!isGeneration(generation)) return undefined
    ids.push(generation.subarray(0, ID_BYTES))
    eras += eraOf(generation)
  }
  ids.push(eras === 0 ? NO_ERAS : encodeDigits(eras))
  return Buffer.concat(ids)
}

const NO_ERAS = encodeDigits(0)

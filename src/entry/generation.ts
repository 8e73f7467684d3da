import { DIGITS, digits, numberAt } from './digits.js'
import { ID_BYTES } from './layout.js'
import { type Provenance, parseProvenance } from './provenance.js'

/**
 * A generation as a store holds it: its id, `1` once something was written
 * below it (else `0`), and, when a delete made it, who and when. Before that,
 * once what lies below was let expire: how often that was, and the last time.
 *
 * ```
 * '~'  era  expired at  who  newline
 *  1   14      14        …      1
 * ```
 * The era is a count, and safe to rely on, since it stands under an id that is
 * never used twice: what is lost takes both along.
 */
export interface Generation {
  readonly id: Buffer
  readonly inUse: boolean
  readonly provenance: Provenance | undefined
}

/** Begins the mark of a generation whose entries were expired: `~`. */
const MARK = 0x7e
const BRACE = 0x7b
/** Offsets in a generation. */
export const IN_USE_AT = ID_BYTES
export const MARK_AT = IN_USE_AT + 1
export const ERA_AT = MARK_AT + 1
const EXPIRED_AT = ERA_AT + DIGITS
export const WHO_AT = EXPIRED_AT + DIGITS
const NEWLINE = 0x0a

/** Maximum size of a generation: what is larger was not written by this cache. */
export const MAX_GENERATION_BYTES = 8_192

/** Maximum era: the sum of those above a path, of which there are 33 at most, fits into the digits that it is written in. */
export const MAX_ERA = 3_000_000_000_000

/**
 * Whether bytes read as a generation. Everything else that may stand in its place counts as absent, which matches
 * nothing, and is replaced by the next write below. The scripts in Redis judge alike.
 */
export function isGeneration(bytes: Buffer | null): bytes is Buffer {
  if (bytes === null || bytes.length <= ID_BYTES || bytes.length > MAX_GENERATION_BYTES) return false
  const flag = bytes[ID_BYTES]
  if (flag !== 0x30 && flag !== 0x31) return false
  const info = bytes[MARK_AT]
  return info === undefined || info === BRACE || (info === MARK && hasMark(bytes))
}

function hasMark(bytes: Buffer): boolean {
  for (let index = ERA_AT; index < WHO_AT; index++) {
    const digit = (bytes[index] ?? 0) - 0x30
    if (!(digit >= 0 && digit <= 9)) return false
  }
  return numberAt(bytes, ERA_AT, DIGITS) <= MAX_ERA && bytes.includes(NEWLINE, WHO_AT)
}

export function composeGeneration(id: Buffer, inUse: boolean, info: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([id, Buffer.from(inUse ? '1' : '0'), info])
}

export function parseGeneration(bytes: Buffer): Generation | undefined {
  if (!isGeneration(bytes)) return undefined
  return {
    id: bytes.subarray(0, ID_BYTES),
    inUse: bytes[ID_BYTES] === 0x31,
    provenance: parseProvenance(bytes.subarray(markEnd(bytes))),
  }
}

/** The same generation in its next era: what was written below it until now is stale. */
export function expireGeneration(bytes: Buffer, at: number, who: Buffer): Buffer {
  return Buffer.concat([
    bytes.subarray(0, MARK_AT),
    Buffer.of(MARK),
    digits(eraOf(bytes) + 1),
    digits(at),
    who,
    Buffer.of(NEWLINE),
    bytes.subarray(markEnd(bytes)),
  ])
}

/** How often what lies below a generation was let expire. */
export function eraOf(generation: Buffer): number {
  return generation[MARK_AT] === MARK ? numberAt(generation, ERA_AT, DIGITS) : 0
}

/** When what lies below it was last let expire; 0 if it never was. */
export function lastExpiredAt(generation: Buffer): number {
  return eraOf(generation) > 0 ? numberAt(generation, EXPIRED_AT, DIGITS) : 0
}

/** Who did that. */
export function lastExpiredBy(generation: Buffer): Provenance | undefined {
  return parseProvenance(generation.subarray(WHO_AT, markEnd(generation) - 1))
}

/** Where what a delete has left in a generation begins. */
function markEnd(generation: Buffer): number {
  return generation[MARK_AT] === MARK ? generation.indexOf(NEWLINE, WHO_AT) + 1 : MARK_AT
}

/**
 * What a computation or a fill relies on: the ids of generations, outermost
 * first, and the sum of their eras, which changes with each of them since none
 * ever goes back. `undefined` when one is absent, which matches nothing.
 */
export function joinGenerations(generations: readonly (Buffer | null)[]): Buffer | undefined {
  const ids: Buffer[] = []
  let eras = 0
  for (const generation of generations) {
    if (!isGeneration(generation)) return undefined
    ids.push(generation.subarray(0, ID_BYTES))
    eras += eraOf(generation)
  }
  ids.push(eras === 0 ? NO_ERAS : digits(eras))
  return Buffer.concat(ids)
}

const NO_ERAS = digits(0)

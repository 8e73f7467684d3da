import { bigintText, DIGEST_ADVICE, MAX_PART_SIZE } from './bounds.js'
import { escapeText, unescapeText } from './escape.js'
import { FINGERPRINT_LENGTH, fingerprint } from './fingerprint.js'
import { KeyPartError, unusableValueError } from './key-part-error.js'

/** The most UTF-8 bytes a segment has: room for any id, e-mail or ordinary path. A longer part is shortened. */
const MAX_SEGMENT_BYTES = 120

// No string part brings a bare "%" into a segment, so these two signs are nothing but what they say.
const SPECIAL = '%.'
const SHORTENED = '%~'
const DIGEST = `${SPECIAL}~`

const ORDINARY = /^[-!#$&()+,./0-9;<=>@A-Z_a-z|~]+$/
const ORDINARY_PATH = /^[-!#$&()+,./0-9;<=>@A-Z_a-z|~]+(?:::[-!#$&()+,./0-9;<=>@A-Z_a-z|~]+)*$/
const DIGEST_SEGMENT = new RegExp(`^${DIGEST.replace('.', '\\.')}[\\w-]{${FINGERPRINT_LENGTH}}$`)
const SHORTENED_SEGMENT = new RegExp(`^(.+)${SHORTENED}[\\w-]{${FINGERPRINT_LENGTH}}$`, 's')

const CONSTANTS = new Map<string, string | boolean | null>([
  [SPECIAL, ''],
  [`${SPECIAL}null`, null],
  [`${SPECIAL}true`, true],
  [`${SPECIAL}false`, false],
])

/** Does the path need no escaping? Far quicker than to look at each of its segments. */
export function isOrdinaryPath(path: string): boolean {
  return ORDINARY_PATH.test(path)
}

/** What a segment says, for people to read. A digest or a shortened part stays as it is written. */
export type DecodedPart = string | boolean | null | Date

/**
 * The segment of anything but an object.
 * @throws {KeyPartError} for undefined, NaN, a function or a symbol
 */
export function scalarSegment(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return stringSegment(value)
    case 'number':
      if (Number.isNaN(value)) throw unusableValueError(value)
      return String(value) // which makes -0 "0"
    case 'bigint':
      return stringSegment(bigintText(value))
    case 'boolean':
      return SPECIAL + value
    default:
      if (value === null) return `${SPECIAL}null`
      throw unusableValueError(value)
  }
}

/**
 * The segment of a string part: escaped, and shortened if that is too long.
 * @throws {KeyPartError} for one that would take too long to read
 */
export function stringSegment(part: string): string {
  if (part.length > MAX_SEGMENT_BYTES) return shortened(part)
  if (ORDINARY.test(part)) return part
  if (part === '') return SPECIAL
  const segment = escapeText(part)
  return Buffer.byteLength(segment) > MAX_SEGMENT_BYTES ? shortened(part) : segment
}

/**
 * The segment of a Date. Its single colons stay: they never touch a separator.
 * @throws {KeyPartError} for an invalid Date
 */
export function dateSegment(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new KeyPartError('an invalid Date', 'Check what it was made from.')
  return SPECIAL + date.toISOString()
}

/** The segment of a structure that has this fingerprint. */
export function digestSegment(structureFingerprint: string): string {
  return DIGEST + structureFingerprint
}

/**
 * What stands between two separators of a path, as a key prints it. A segment that a key has printed
 * comes back unchanged.
 */
export function normalizeSegment(written: string): string {
  if (written.length <= MAX_SEGMENT_BYTES && ORDINARY.test(written)) return written
  if (isSpecial(written) || isShortened(written)) return written
  return stringSegment(unescapeText(written))
}

/** The part that a segment was made from, as far as it can be told. */
export function decodeSegment(segment: string): DecodedPart {
  const constant = CONSTANTS.get(segment)
  if (constant !== undefined) return constant
  if (isShortened(segment) || DIGEST_SEGMENT.test(segment)) return segment
  return dateOf(segment) ?? unescapeText(segment)
}

function isSpecial(written: string): boolean {
  return (
    written.startsWith(SPECIAL) &&
    (CONSTANTS.has(written) || DIGEST_SEGMENT.test(written) || dateOf(written) !== undefined)
  )
}

function dateOf(segment: string): Date | undefined {
  if (!segment.startsWith(SPECIAL)) return undefined
  const date = new Date(segment.slice(SPECIAL.length))
  return !Number.isNaN(date.getTime()) && dateSegment(date) === segment ? date : undefined
}

/** A readable beginning, the sign, and a fingerprint of the whole part, so that no two parts meet. */
function shortened(part: string): string {
  if (part.length > MAX_PART_SIZE)
    throw new KeyPartError(
      `a text of ${part.length} characters, where ${MAX_PART_SIZE} are the most`,
      DIGEST_ADVICE,
    )
  const room = MAX_SEGMENT_BYTES - SHORTENED.length - FINGERPRINT_LENGTH
  let beginning = ''
  let bytes = 0
  for (const character of part) {
    const escaped = escapeText(character)
    bytes += Buffer.byteLength(escaped)
    if (bytes > room) break
    beginning += escaped
  }
  return beginning + SHORTENED + fingerprint(part)
}

function isShortened(written: string): boolean {
  if (written.length > MAX_SEGMENT_BYTES || Buffer.byteLength(written) > MAX_SEGMENT_BYTES) return false
  const beginning = SHORTENED_SEGMENT.exec(written)?.[1]
  return beginning !== undefined && escapeText(unescapeText(beginning)) === beginning
}

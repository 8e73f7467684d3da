import { bigintText, DIGEST_ADVICE, MAX_PART_SIZE } from './bounds.js'
import { escapeText, unescapeText } from './escape.js'
import { FINGERPRINT_LENGTH, fingerprint } from './fingerprint.js'
import { KeyPartError, unusableValueError } from './key-part-error.js'

/** Maximum size of a segment, in UTF-8 bytes: enough for any id, e-mail or ordinary path. Longer parts are shortened. */
const MAX_SEGMENT_BYTES = 120

// No string part puts a bare "%" into a segment, so these signs are unambiguous.
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

/** Whether a path needs no escaping. Much faster than checking each of its segments. */
export function isOrdinaryPath(path: string): boolean {
  return ORDINARY_PATH.test(path)
}

/** A segment for people to read. A digest or a shortened part is the segment itself. */
export type DecodedPart = string | boolean | null | Date

/**
 * The segment of a value that is not an object.
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
 * The segment of a string part: escaped, and shortened if it is too long.
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
 * The segment of a Date. Its single colons are not escaped: none of them is next to a separator.
 * @throws {KeyPartError} for an invalid Date
 */
export function dateSegment(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new KeyPartError('an invalid Date', 'Check what it was made from.')
  return SPECIAL + date.toISOString()
}

/** The segment of a structure with this fingerprint. */
export function digestSegment(structureFingerprint: string): string {
  return DIGEST + structureFingerprint
}

/**
 * The segment that a part of a path between two separators means. The segment of a key's text is
 * returned unchanged.
 */
export function normalizeSegment(written: string): string {
  if (written.length <= MAX_SEGMENT_BYTES && ORDINARY.test(written)) return written
  if (isSpecial(written) || isShortened(written)) return written
  return stringSegment(unescapeText(written))
}

/** The part that a segment was made from. A digest or a shortened part cannot be decoded. */
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

/** A readable beginning, a sign, and a fingerprint of the whole part: different parts have different segments. */
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

import { InvalidKeyError } from '../errors.js'
import { DIGEST_ADVICE, MAX_PATH_LENGTH } from './bounds.js'
import { describeValue } from './describe-value.js'
import { isPairs, segmentsOfParts } from './parts.js'
import { cachedPathText, cachePathText } from './path-text-cache.js'
import { isOrdinaryPath, normalizeSegment } from './segment.js'
import { assertSegmentCount, COUNTING_LIMIT, MAX_SEGMENTS } from './segment-count.js'

/** What separates two segments of a key. No segment holds it, or begins or ends with a colon. */
export const SEPARATOR = '::'

// A path this short cannot have a segment too many (the shortest of 33 is longer) or one too long.
const SHORT_PATH = MAX_SEGMENTS + (MAX_SEGMENTS - 1) * SEPARATOR.length

/** The text of the key that a path means. */
export function textOfPath(path: string): string {
  if (path.length <= SHORT_PATH && isOrdinaryPath(path)) return path
  return cachedPathText(path) ?? cachePathText(path, normalized(path))
}

function normalized(path: string): string {
  if (path === '') throw emptyKey()
  if (path.length > MAX_PATH_LENGTH)
    throw new InvalidKeyError(
      `The key ${describeValue(path)} has ${path.length} characters; the most is ${MAX_PATH_LENGTH}. ${DIGEST_ADVICE}`,
    )
  const segments = path.split(SEPARATOR, COUNTING_LIMIT + 1)
  assertSegmentCount(segments.length, path)
  return segments.map(normalizeSegment).join(SEPARATOR)
}

/**
 * The text of the key that an array of parts, or an object of pairs, means.
 * @param base the text of the key that stands in the place of the first part, if one does
 */
export function textOfParts(input: unknown, base?: string): string {
  const segments = segmentsOfParts(partsOf(input), input, base === undefined ? 0 : 1)
  const above = base === undefined ? 0 : ancestorTexts(base).length + 1
  assertSegmentCount(above + segments.length, input)
  let text = base
  for (const segment of segments) text = text === undefined ? segment : text + SEPARATOR + segment
  if (text === undefined) throw emptyKey()
  return text
}

/** What an array begins with. What cannot be read here is reported by {@link textOfParts}. */
export function firstPartOf(input: unknown): unknown {
  try {
    return Array.isArray(input) ? input[0] : undefined
  } catch {
    return undefined
  }
}

/** The texts of all keys above the key of this text, outermost first. */
export function ancestorTexts(text: string): string[] {
  const prefixes: string[] = []
  for (let end = text.indexOf(SEPARATOR); end !== -1; end = text.indexOf(SEPARATOR, end + SEPARATOR.length))
    prefixes.push(text.slice(0, end))
  return prefixes
}

function partsOf(input: unknown): readonly unknown[] {
  try {
    if (Array.isArray(input)) return input
    if (isPairs(input)) return [input]
  } catch (cause) {
    throw notAKey(input, cause)
  }
  throw notAKey(input)
}

function notAKey(input: unknown, cause?: unknown): InvalidKeyError {
  const message = `The key is ${describeValue(input)}. Use a string, an array of parts, or an object of pairs.`
  return new InvalidKeyError(message, { cause })
}

function emptyKey(): InvalidKeyError {
  return new InvalidKeyError('The key is empty. Give it at least one part.')
}

import { InvalidKeyError } from '../errors.js'
import { DIGEST_ADVICE, MAX_PATH_LENGTH } from './bounds.js'
import { describeValue } from './describe-value.js'
import { isPairs, segmentsOfParts } from './parts.js'
import { cachedPathText, cachePathText } from './path-text-cache.js'
import { isOrdinaryPath, normalizeSegment } from './segment.js'
import { assertSegmentCount, COUNTING_LIMIT, MAX_SEGMENTS } from './segment-count.js'

/** Separator of two segments. No segment contains it, or begins or ends with a colon. */
export const SEPARATOR = '::'

// A path of this length has neither too many segments (33 take more characters) nor too long ones.
const SHORT_PATH = MAX_SEGMENTS + (MAX_SEGMENTS - 1) * SEPARATOR.length

/** The text of the key of a path. */
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
 * The text of the key of an array of parts or an object of pairs.
 * @param base the text of the key that is the first part, if one is
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

/** The first part of an array. An array that cannot be read is reported by {@link textOfParts}. */
export function firstPartOf(input: unknown): unknown {
  try {
    return Array.isArray(input) ? input[0] : undefined
  } catch {
    return undefined
  }
}

/** The texts of all keys above a key, outermost first. */
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

import { types } from 'node:util'
import { InvalidKeyError } from '../errors.js'
import { describeValue } from './describe-value.js'
import { assertNoSymbolNames, assertUsablePrimaryKey, primaryKeyOf, resolveKeyPart } from './identity.js'
import { KeyPartError } from './key-part-error.js'
import { hasMethod, isObject, isPlainObject } from './object-checks.js'
import { isPrimaryKeyName, warnAboutRow } from './row-warning.js'
import { dateSegment, digestSegment, scalarSegment, stringSegment } from './segment.js'
import { COUNTING_LIMIT } from './segment-count.js'
import { structureFingerprint } from './structure-fingerprint.js'
import { scalarOf } from './value-object.js'

/** In the place of an index: the error concerns the whole key. */
const WHOLE = -1

/**
 * The segments of a list of parts, from the part at `first` on: one for each part, but two for each pair
 * of a plain object.
 * @param key the input, for the message
 * @throws {InvalidKeyError} if a part cannot be in a key, with the reason
 */
export function segmentsOfParts(parts: readonly unknown[], key: unknown, first: number): string[] {
  const segments: string[] = []
  let index = first
  try {
    if (parts.length > COUNTING_LIMIT) {
      index = WHOLE
      throw KeyPartError.withMessage(
        `has more than ${COUNTING_LIMIT} parts.`,
        'A nested array or object counts as one.',
      )
    }
    for (; index < parts.length; index++) {
      const part = parts[index]
      if (isObject(part)) {
        addObject(part, segments, parts === key)
        if (segments.length > COUNTING_LIMIT) break
      } else segments.push(scalarSegment(part))
    }
  } catch (thrown) {
    throw invalidPart(
      KeyPartError.from(thrown),
      key,
      parts === key && index !== WHOLE ? `part ${index + 1} of the key` : 'the key',
    )
  }
  return segments
}

/** Whether a value is a plain object whose pairs are parts. One with a `toJSON` is a value instead. */
export function isPairs(value: unknown): value is object {
  return isObject(value) && !Array.isArray(value) && isPlainObject(value) && !hasMethod(value, 'toJSON')
}

function addObject(object: object, segments: string[], isInList: boolean): void {
  const part = resolveKeyPart(object)
  // The pairs that a cacheKeyPart() returns are meant, so they cause no warning.
  if (isPairs(part)) addPairs(part, segments, isInList && part === object)
  else segments.push(oneSegment(part))
}

function addPairs(pairs: object, segments: string[], mayBeRow: boolean): void {
  assertNoSymbolNames(pairs)
  const names = Object.keys(pairs)
  if (names.length > COUNTING_LIMIT)
    throw new KeyPartError(`an object of ${names.length} pairs`, 'A nested array or object counts as one.')
  // Code unit order: the same in every process, whatever its locale.
  for (const name of names.sort()) {
    try {
      const value: unknown = pairs[name as keyof typeof pairs]
      if (value === undefined) continue
      if (mayBeRow && isPrimaryKeyName(name)) warnAboutRow(pairs, names, name)
      segments.push(stringSegment(name), oneSegment(isObject(value) ? resolveKeyPart(value) : value))
    } catch (thrown) {
      const error = KeyPartError.from(thrown)
      error.pairName = name
      throw error
    }
  }
}

/** The segment of a value that is always one segment, whatever it holds. */
function oneSegment(value: unknown): string {
  if (!isObject(value)) return scalarSegment(value)
  if (types.isDate(value)) return dateSegment(value)
  const key = primaryKeyOf(value)
  const scalar = isObject(key) ? scalarOf(key, value) : (key ?? scalarOf(value))
  if (scalar !== undefined) return scalarSegment(scalar)
  assertUsablePrimaryKey(value)
  return digestSegment(structureFingerprint(value))
}

function invalidPart(error: KeyPartError, key: unknown, part: string): InvalidKeyError {
  const place =
    error.pairName === undefined ? part : `the value of ${describeValue(error.pairName)} in ${part}`
  const sentence = `${place} ${describeValue(key, 2)} ${error.message}`
  const message = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)} ${error.advice}`.trimEnd()
  return new InvalidKeyError(message, { cause: error.cause })
}

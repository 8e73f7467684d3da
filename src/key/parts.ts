import { types } from 'node:util'
import { InvalidKeyError } from '../errors.js'
import { hasMethod, isPlain, ownPart, primaryKey, refuseSymbols } from './identity.js'
import { dateSegment, digestSegment, scalarSegment, stringSegment } from './segment.js'
import { show } from './show.js'
import { structureFingerprint } from './structure.js'
import { Unfit } from './unfit.js'

/**
 * The segments that a list of parts makes, from the part at `first` on. One part makes one segment,
 * but a plain object makes two for each of its pairs.
 * @param key what the user wrote, for the message
 * @throws {InvalidKeyError} saying which part cannot be in a key, and why
 */
export function segmentsOfParts(parts: readonly unknown[], key: unknown, first: number): string[] {
  const segments: string[] = []
  let index = first
  try {
    for (; index < parts.length; index++) {
      const part = parts[index]
      if (isObject(part)) addObject(part, segments)
      else segments.push(scalarSegment(part))
    }
  } catch (thrown) {
    throw invalidPart(Unfit.from(thrown), key, index + 1)
  }
  return segments
}

/** Is it a plain object whose pairs are parts? One with a `toJSON` is a value of its own. */
export function isPairs(value: unknown): value is object {
  return isObject(value) && !Array.isArray(value) && isPlain(value) && !hasMethod(value, 'toJSON')
}

function addObject(object: object, segments: string[]): void {
  const part = ownPart(object)
  if (isPairs(part)) addPairs(part, segments)
  else segments.push(oneSegment(part))
}

function addPairs(pairs: object, segments: string[]): void {
  refuseSymbols(pairs)
  // Code unit order: the same in every process, whatever its locale.
  for (const name of Object.keys(pairs).sort()) {
    try {
      const value: unknown = pairs[name as keyof typeof pairs]
      segments.push(stringSegment(name), oneSegment(isObject(value) ? ownPart(value) : value))
    } catch (thrown) {
      const unfit = Unfit.from(thrown)
      unfit.pair = name
      throw unfit
    }
  }
}

/** The one segment of a value that keeps to its place, whatever it holds. */
function oneSegment(value: unknown): string {
  if (!isObject(value)) return scalarSegment(value)
  if (types.isDate(value)) return dateSegment(value)
  const id = primaryKey(value)
  return id === undefined ? digestSegment(structureFingerprint(value)) : scalarSegment(id)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function invalidPart(unfit: Unfit, key: unknown, position: number): InvalidKeyError {
  const part = Array.isArray(key) ? `part ${position} of the key` : 'the key'
  const place = unfit.pair === undefined ? part : `the value of ${show(unfit.pair)} in ${part}`
  const sentence = `${place} ${show(key, 2)} ${unfit.message}`
  const message = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)} ${unfit.advice}`.trimEnd()
  return new InvalidKeyError(message, { cause: unfit.cause })
}

import { ConfigurationError } from '../errors.js'
import { CacheKey, type KeyInput } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'

/**
 * What a method of many is given, each item as `take` makes it. A text is refused: its characters would be taken for keys.
 * @throws ConfigurationError
 */
export function manyOf<Given, Taken>(
  given: Iterable<Given>,
  method: string,
  items: string,
  take: (item: Given) => Taken,
): Taken[] {
  const isMany = typeof given === 'object' && given !== null && isIterable(given)
  if (isMany) return Array.from(given, take)
  throw new ConfigurationError(
    `${method}() takes an array, or another iterable, of ${items}: not ${describeValue(given)}.`,
  )
}

/** @throws ConfigurationError, InvalidKeyError */
export function pairOf(pair: readonly [key: KeyInput, value: unknown]): readonly [CacheKey, unknown] {
  if (Array.isArray(pair) && pair.length === 2) return [CacheKey.from(pair[0]), pair[1]]
  throw new ConfigurationError(`setMany() takes pairs [key, value], not ${describeValue(pair)}.`)
}

function isIterable(given: object): boolean {
  try {
    return typeof (given as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function'
  } catch {
    return false
  }
}

import { InvalidKeyError } from '../errors.js'
import { CacheKey, type KeyInput } from './cache-key.js'
import { describeValue } from './describe-value.js'
import { isPairs } from './parts.js'

/**
 * The key of a tree that is to be invalidated. An object whose pairs are all `undefined` adds nothing to a key: a read
 * would miss, but an invalidation would also take everything beside it.
 * @throws {InvalidKeyError} for such an object, and for input that cannot be a key
 */
export function treeKeyOf(input: KeyInput): CacheKey {
  const key = CacheKey.from(input)
  if (!Array.isArray(input)) return key
  for (const [index, part] of input.entries()) {
    if (!isPairs(part)) continue
    const values = Object.values(part)
    if (values.length === 0 || values.some((value) => value !== undefined)) continue
    throw new InvalidKeyError(
      `Part ${index + 1} of the key ${describeValue(input, 2)} has nothing but undefined pairs: with children, everything under "${key.text}" would be invalidated. Give it a value, or leave it out if that is meant.`,
    )
  }
  return key
}

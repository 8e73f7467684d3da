import { InvalidKeyError } from '../errors.js'
import { describeValue } from './describe-value.js'

/** The most segments a key has. A read fetches a generation for each of them, so there is an end to it. */
export const MAX_SEGMENTS = 32

/** Where counting ends: a list of millions is refused as quickly as one of a hundred. */
export const COUNTING_LIMIT = 1_000

/** @throws {InvalidKeyError} for more segments than a key may have */
export function assertSegmentCount(count: number, key: unknown): void {
  if (count <= MAX_SEGMENTS) return
  const counted = count > COUNTING_LIMIT ? `more than ${COUNTING_LIMIT}` : count
  const message = `The key ${describeValue(key, 2)} has ${counted} segments; the most is ${MAX_SEGMENTS}.`
  throw new InvalidKeyError(`${message} A nested array or object counts as one.`)
}

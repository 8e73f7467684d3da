import { InvalidKeyError } from '../errors.js'
import { describeValue } from './describe-value.js'

/** Maximum number of segments of a key. A read fetches a generation for each of them. */
export const MAX_SEGMENTS = 32

/** Number of parts at which counting stops: a list of millions is refused as fast as one of a thousand. */
export const COUNTING_LIMIT = 1_000

/** @throws {InvalidKeyError} for more segments than a key may have */
export function assertSegmentCount(count: number, key: unknown): void {
  if (count <= MAX_SEGMENTS) return
  const counted = count > COUNTING_LIMIT ? `more than ${COUNTING_LIMIT}` : count
  const message = `The key ${describeValue(key, 2)} has ${counted} segments; the most is ${MAX_SEGMENTS}.`
  throw new InvalidKeyError(`${message} A nested array or object counts as one.`)
}

import { InvalidKeyError } from '../errors.js'
import { show } from './show.js'

/** The most segments a key has. A read fetches a generation for each of them, so there is an end to it. */
export const MAX_SEGMENTS = 32

/** Where counting ends: a list of millions is refused as quickly as one of a hundred. */
export const MAX_COUNTED = 1_000

/** @throws {InvalidKeyError} for more segments than a key may have */
export function checkCount(count: number, key: unknown): void {
  if (count <= MAX_SEGMENTS) return
  const counted = count > MAX_COUNTED ? `more than ${MAX_COUNTED}` : count
  const message = `The key ${show(key, 2)} has ${counted} segments; the most is ${MAX_SEGMENTS}.`
  throw new InvalidKeyError(`${message} A nested array or object counts as one.`)
}

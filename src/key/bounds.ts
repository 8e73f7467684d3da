import { KeyPartError } from './key-part-error.js'

/** Maximum number of values in one part. Reading them takes some tenths of a second. */
export const MAX_PART_VALUES = 100_000

/** Maximum number of characters and bytes in one part. */
export const MAX_PART_SIZE = 2 ** 26

/** Maximum number of characters in a path. Longer ones would take too long to unescape. */
export const MAX_PATH_LENGTH = 2 ** 22

/** Largest bigint in a key. The time that writing a bigint takes grows with the square of its length. */
const MAX_BIGINT = 2n ** 32_768n

export const HUGE_BIGINT = 'a bigint of more than 32768 bits'
export const DIGEST_ADVICE = 'Use a digest of it.'

/**
 * A bigint in decimal digits.
 * @throws {KeyPartError} for a bigint of more than some 10,000 digits
 */
export function bigintText(value: bigint): string {
  if (isHugeBigint(value)) throw new KeyPartError(HUGE_BIGINT, DIGEST_ADVICE)
  return String(value)
}

/** Whether a bigint is too large for a key. */
export function isHugeBigint(value: bigint): boolean {
  return value > MAX_BIGINT || value < -MAX_BIGINT
}

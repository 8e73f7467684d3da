import { MAX_VALUE_BYTES } from '../codec/codec.js'
import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'

/** @throws ConfigurationError */
export function checkTtlJitter(share: number): number {
  if (typeof share === 'number' && share >= 0 && share < 1) return share
  throw new ConfigurationError(
    `ttlJitter must be a share from 0 to less than 1, not ${describeValue(share)}.`,
  )
}

/** @throws ConfigurationError */
export function checkMaxValueBytes(bytes: number): number {
  if (bytes <= MAX_VALUE_BYTES) return bytes
  throw new ConfigurationError(
    `maxValueBytes is ${bytes}, more than ${MAX_VALUE_BYTES} (64 MiB): store larger values in parts, or as files.`,
  )
}

/** @throws ConfigurationError */
export function checkCompressionThreshold(bytes: number | false): number | false {
  if (bytes === false || (typeof bytes === 'number' && bytes >= 0)) return bytes
  throw new ConfigurationError(
    `compressionThreshold must be a number of bytes, or false, not ${describeValue(bytes)}.`,
  )
}

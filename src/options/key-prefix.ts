import { ConfigurationError } from '../errors.js'
import { isKeyPrefix } from '../store/redis/names.js'
import { shown } from './environment.js'

/**
 * The key prefix, `keyedcache` by default.
 * @throws ConfigurationError for one that is not allowed, or is missing where it is required
 */
export function resolveKeyPrefix(prefix: string | undefined, isRequired: boolean): string {
  if (prefix === undefined || prefix === '') {
    if (!isRequired) return 'keyedcache'
    throw new ConfigurationError(
      "In production a Redis needs a key prefix, so that applications and sites never meet: write keyPrefix: 'shop' or set KEYEDCACHE_PREFIX=shop.",
    )
  }
  if (isKeyPrefix(prefix)) return prefix
  throw new ConfigurationError(
    `keyPrefix may contain letters, digits, "_", "-", "." and single colons between them, at most 100 characters: not '${shown(prefix)}'.`,
  )
}

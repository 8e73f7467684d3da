import { ConfigurationError } from '../errors.js'
import { isKeyPrefix } from '../store/redis/names.js'
import { type Environment, shown } from './environment.js'

/**
 * The key prefix: the option, else `KEYEDCACHE_PREFIX`, else `keyedcache`. An empty variable counts as not set.
 * @throws ConfigurationError for one that is not allowed, or is missing where it is required
 */
export function resolveKeyPrefix(
  option: string | undefined,
  { KEYEDCACHE_PREFIX }: Environment,
  isRequired: boolean,
): string {
  if (option !== undefined) return checkKeyPrefix(option, 'keyPrefix')
  if (KEYEDCACHE_PREFIX) return checkKeyPrefix(KEYEDCACHE_PREFIX, 'KEYEDCACHE_PREFIX')
  if (!isRequired) return 'keyedcache'
  throw new ConfigurationError(
    "In production a Redis needs a key prefix, so that applications and sites never meet: write keyPrefix: 'shop' or set KEYEDCACHE_PREFIX=shop.",
  )
}

/** `from` is the name of the option or variable in the error. */
function checkKeyPrefix(prefix: string, from: string): string {
  if (isKeyPrefix(prefix)) return prefix
  if (prefix === '') {
    throw new ConfigurationError(
      `${from} is an empty string: write a name like 'shop', or leave it out for the default.`,
    )
  }
  const trimmed = prefix.replace(/:+$/, '')
  const instead = isKeyPrefix(trimmed) ? `, not at the end: write '${trimmed}'` : `: not '${shown(prefix)}'`
  throw new ConfigurationError(
    `${from} may contain letters, digits, "_", "-", "." and single colons between them, at most 100 characters${instead}.`,
  )
}

/** What every error of this package carries beside its message. */
interface ErrorDetails {
  /** The text of the key that the operation was about. */
  key?: string | undefined
  cause?: unknown
}

/**
 * The base of every error that keyedcache throws. `code` is stable and has an
 * entry in `docs/errors.md`; the message is for people and may change.
 */
export abstract class KeyedCacheError extends Error {
  abstract readonly code: string
  /** The text of the key that the operation was about, where there is one. */
  readonly key: string | undefined

  constructor(message: string, { key, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.key = key
  }
}

/** `getOrThrow` found nothing: the key is not cached. */
export class NotCachedError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_NOT_CACHED'
  declare readonly key: string

  constructor(key: string) {
    super(`Nothing is cached under "${key}".`, { key })
  }
}

/** What was given as a key cannot be one; the message says which part and why. */
export class InvalidKeyError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_INVALID_KEY'
}

/** A value holds something that cannot be stored; `path` says where. */
export class UnserializableValueError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_UNSERIALIZABLE_VALUE'
  /** Where in the value, as an expression: `value.items[3].price`. */
  readonly path: string

  constructor(path: string, what: string, key?: string) {
    super(`${path} is ${what}, which cannot be stored${key === undefined ? '' : ` under "${key}"`}.`, { key })
    this.path = path
  }
}

/** An option, an environment variable or a TTL is wrong; the message says what to write. */
export class ConfigurationError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_CONFIGURATION'
}

/** The store did not answer in time, or answered with an error. */
export class CacheNotRespondingError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_NOT_RESPONDING'
}

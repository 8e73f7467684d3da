/** Properties that an error has beside its message. */
export interface ErrorDetails {
  /** The text of the key that the operation was about. */
  key?: string | undefined
  cause?: unknown
}

/**
 * Base class of all errors of keyedcache. The `code` is stable and listed in `docs/errors.md`; the message is for
 * people and may change.
 * @example if (error instanceof KeyedCacheError && error.code === 'ERR_KEYEDCACHE_NOT_CACHED') …
 */
export abstract class KeyedCacheError extends Error {
  /** Stable identifier: `ERR_KEYEDCACHE_…`. */
  abstract readonly code: string
  /** The text of the key that the operation was about; `undefined` where it was about no single key. */
  readonly key: string | undefined

  constructor(message: string, { key, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.key = key
  }
}

/** The key is not cached. Thrown by `getOrThrow`, also while the store fails. */
export class NotCachedError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_NOT_CACHED'
  declare readonly key: string

  constructor(key: string) {
    super(`Nothing is cached under "${key}". Compute the value and set it, or use getOrSet.`, { key })
  }
}

/** A value cannot be used as a key. The message names the part and the reason. */
export class InvalidKeyError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_INVALID_KEY'
}

/** A value contains something that cannot be stored, at `path`. Thrown by `set`, and by `getOrSet` with `strictValues`. */
export class UnserializableValueError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_UNSERIALIZABLE_VALUE'
  /** Place in the value, as an expression: `value.items[3].price`. */
  readonly path: string

  constructor(path: string, what: string, key?: string) {
    super(`${path} is ${what}, which cannot be stored${key === undefined ? '' : ` under "${key}"`}.`, { key })
    this.path = path
  }
}

/** A value is larger than `maxValueBytes`, or would take too much memory when it is read. */
export class ValueTooLargeError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_VALUE_TOO_LARGE'
  /** Minimum size of the value in bytes: serialised before compression, or in memory where it exceeds that limit. */
  readonly bytes: number
  /** Maximum size in bytes: `maxValueBytes`, or the memory that a value of that size may take. */
  readonly maxBytes: number

  constructor(bytes: number, maxBytes: number, measured: 'serialised' | 'in memory', key?: string) {
    const limit =
      measured === 'serialised' ? `maxValueBytes (${maxBytes})` : `maxValueBytes allows (${maxBytes})`
    super(
      `The value is too large to be stored${key === undefined ? '' : ` under "${key}"`}: at least ${bytes} bytes ${measured}, more than ${limit}. Store it in parts, or raise maxValueBytes.`,
      { key },
    )
    this.bytes = bytes
    this.maxBytes = maxBytes
  }
}

/** An option, an environment variable or a TTL is wrong. The message says what to write. */
export class ConfigurationError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_CONFIGURATION'
}

/** The store did not answer in time, or answered with an error (`cause`). */
export class CacheNotRespondingError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_NOT_RESPONDING'
}

/** The cache was closed while a caller waited for a value, or while a factory computed one. Also the `reason` of that factory's `signal`. */
export class CacheClosedError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_CLOSED'
  declare readonly key: string

  constructor(key: string) {
    super(`The cache was closed while "${key}" was being computed: close it after the last request.`, { key })
  }
}

/** A computation needs its own result, directly or through other computations. */
export class ComputeCycleError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_COMPUTE_CYCLE'
  declare readonly key: string
  /** Texts of the keys, each of which needs the next one. The last key is the first one again. */
  readonly chain: readonly string[]

  constructor(chain: readonly string[]) {
    super(
      `A computation needs its own result: ${chain.map((key) => `"${key}"`).join(' needs ')}. Compute what they share under a key of its own.`,
      { key: chain.at(-1) },
    )
    this.chain = chain
  }
}

/** A computation takes longer than `hardTimeout`. It continues, and its value may still be stored. */
export class ComputeTimeoutError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_COMPUTE_TIMEOUT'
  declare readonly key: string

  constructor(key: string, timeoutMs: number) {
    super(
      `Computing "${key}" takes longer than its hardTimeout of ${timeoutMs} ms. It continues, and its value may still be stored.`,
      { key },
    )
  }
}

/**
 * A computation failed less than `errorTtl` ago, in this or another process, and is not repeated yet. `cause` has the
 * name, message and code of the original error.
 */
export class ComputeFailedError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_COMPUTE_FAILED'
  declare readonly key: string

  constructor(key: string, cause: Error) {
    super(`Computing "${key}" failed less than its errorTtl ago: ${cause.message}`, { key, cause })
  }
}

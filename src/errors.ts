/** The properties of an error beside its message. */
export interface ErrorDetails {
  /** The text of the key that was concerned. */
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

/** A value is larger than the option `maxValueBytes` allows, or reading it would take too much memory. */
export class ValueTooLargeError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_VALUE_TOO_LARGE'
  /** Bytes that it takes, at least: serialised, before compression; or in memory, where that is the limit it exceeds. */
  readonly bytes: number
  /** Maximum of those bytes: `maxValueBytes`, or the memory that goes with it. */
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

/** An option, an environment variable or a TTL is wrong; the message says what to write. */
export class ConfigurationError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_CONFIGURATION'
}

/** The store did not answer in time, or answered with an error. */
export class CacheNotRespondingError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_NOT_RESPONDING'
}

/** The cache was closed while a caller waited for a value, or while a factory computed one. */
export class CacheClosedError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_CLOSED'
  declare readonly key: string

  constructor(key: string) {
    super(`The cache was closed. "${key}" was still being computed.`, { key })
  }
}

/** Computing a value needs that very value, directly or through others; `chain` names the keys. */
export class ComputeCycleError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_COMPUTE_CYCLE'
  declare readonly key: string
  /** The texts of the keys, each needing the next; the last is the first again. */
  readonly chain: readonly string[]

  constructor(chain: readonly string[]) {
    super(`Computing ${chain.map((key) => `"${key}"`).join(' needs ')}: nobody could ever finish that.`, {
      key: chain.at(-1),
    })
    this.chain = chain
  }
}

/** Computing a value took longer than `hardTimeout`. It goes on, and its value may still be stored. */
export class ComputeTimeoutError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_COMPUTE_TIMEOUT'
  declare readonly key: string

  constructor(key: string, timeoutMs: number) {
    super(`Computing "${key}" takes longer than ${timeoutMs} ms.`, { key })
  }
}

/**
 * Computing a value failed a moment ago, maybe in another process, and `errorTtl`
 * keeps it from being tried again; `cause` has the name, message and code of what was thrown.
 */
export class ComputeFailedError extends KeyedCacheError {
  readonly code = 'ERR_KEYEDCACHE_COMPUTE_FAILED'
  declare readonly key: string

  constructor(key: string, cause: Error) {
    super(`Computing "${key}" failed a moment ago: ${cause.message}`, { key, cause })
  }
}

import { ElapsedClock } from '../elapsed-clock.js'
import { CacheNotRespondingError } from '../errors.js'
import { type StoreFailureMessage, storeFailures } from '../events.js'

/** Where warnings go; `console` is one. */
export interface Logger {
  warn(message: string): void
}

/** Told of each failure that is absorbed. */
export type StoreFailureListener = (
  operation: string,
  key: string | undefined,
  error: CacheNotRespondingError,
) => void

/** The same trouble is logged once in so long. */
const QUIET_MS = 10_000

/**
 * The one place where a store failure becomes an event and a fallback. Only
 * `CacheNotRespondingError` is absorbed: everything else is a mistake that must
 * be seen.
 */
export class Failsafe {
  readonly #throwing: boolean
  readonly #logger: Logger
  readonly #onStoreFailure: StoreFailureListener
  readonly #clock = new ElapsedClock()
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(throwing: boolean, logger: Logger, onStoreFailure: StoreFailureListener) {
    this.#throwing = throwing
    this.#logger = logger
    this.#onStoreFailure = onStoreFailure
  }

  /** Reports the failure of an operation and gives what it answers instead. */
  absorb<T>(operation: string, key: string | undefined, error: unknown, fallback: T): T {
    if (!(error instanceof CacheNotRespondingError)) throw error
    this.#onStoreFailure(operation, key, error)
    if (storeFailures.hasSubscribers)
      storeFailures.publish({ operation, key, error } satisfies StoreFailureMessage)
    this.#log(operation, key, error)
    if (this.#throwing) throw error
    return fallback
  }

  #log(operation: string, key: string | undefined, error: CacheNotRespondingError): void {
    const now = this.#clock.now()
    if (now - this.#loggedAt < QUIET_MS) {
      this.#unlogged++
      return
    }
    const more = this.#unlogged > 0 ? ` (and ${this.#unlogged} more since the last warning)` : ''
    this.#logger.warn(
      `keyedcache: ${operation}${key === undefined ? '' : ` of "${key}"`} failed. ${error.message}${more}`,
    )
    this.#loggedAt = now
    this.#unlogged = 0
  }
}

import { type StoreFailureMessage, storeFailures } from '../channels.js'
import { ElapsedClock } from '../elapsed-clock.js'
import { CacheNotRespondingError } from '../errors.js'
import type { Logger } from '../logger.js'

/** Called for each store failure. */
export type StoreFailureListener = (
  operation: StoreFailureMessage['operation'],
  key: string | undefined,
  error: CacheNotRespondingError,
) => void

/** Minimum time between two warnings, in milliseconds. Failed invalidations have warnings of their own: see `PendingWarnings`. */
const QUIET_MS = 10_000

/**
 * Turns store failures into events, warnings and fallbacks. Only `CacheNotRespondingError` is absorbed: every other error
 * is a mistake that must be seen.
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

  /** Reports the failure of an operation and returns its fallback. */
  absorb<T>(
    operation: StoreFailureMessage['operation'],
    key: string | undefined,
    error: unknown,
    fallback: T,
  ): T {
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

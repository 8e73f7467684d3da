import { type StoreFailureMessage, storeFailures } from '../channels.js'
import { CacheNotRespondingError } from '../errors.js'
import { LimitedWarnings } from '../limited-warnings.js'
import type { Logger } from '../logger.js'

/** Called for each store failure. */
export type StoreFailureListener = (
  operation: StoreFailureMessage['operation'],
  key: string | undefined,
  error: CacheNotRespondingError,
) => void

/** Consequence for the caller of each operation that fails, as the warning states it. */
const CONSEQUENCES: Readonly<Record<string, string>> = {
  get: 'it counts as a miss',
  has: 'it counts as a miss',
  getOrSet: 'the value is computed',
  set: 'the value is not stored',
  delete: 'the delete is pending',
  expire: 'a delete is pending in its place',
  clear: 'the clear is pending',
}

/**
 * Turns store failures into events, warnings and fallbacks. Only `CacheNotRespondingError` is absorbed: every other error
 * is a mistake that must be seen.
 */
export class Failsafe {
  readonly #throwing: boolean
  readonly #warnings: LimitedWarnings
  readonly #onStoreFailure: StoreFailureListener

  constructor(throwing: boolean, logger: Logger, onStoreFailure: StoreFailureListener) {
    this.#throwing = throwing
    // Pending invalidations have warnings of their own: see `PendingWarnings`.
    this.#warnings = new LimitedWarnings((message) => logger.warn(message))
    this.#onStoreFailure = onStoreFailure
  }

  /**
   * Reports the failure of an operation and returns its fallback. `consequence` is what the caller gets, where that is not
   * the usual fallback of the operation.
   */
  absorb<T>(
    operation: StoreFailureMessage['operation'],
    key: string | undefined,
    error: unknown,
    fallback: T,
    consequence = CONSEQUENCES[operation],
  ): T {
    if (!(error instanceof CacheNotRespondingError)) throw error
    this.#onStoreFailure(operation, key, error)
    if (storeFailures.hasSubscribers)
      storeFailures.publish({ operation, key, error } satisfies StoreFailureMessage)
    this.#warnings.log(() => {
      const of = key === undefined ? '' : ` of "${key}"`
      const then = this.#throwing || consequence === undefined ? '' : `; ${consequence}`
      return `keyedcache: the store failed in ${operation}${of}${then}. ${error.message}`
    })
    if (this.#throwing) throw error
    return fallback
  }
}

import { ElapsedClock } from '../elapsed-clock.js'
import { CacheNotRespondingError } from '../errors.js'
import { type TroubleMessage, troubles } from '../events.js'

/** Where warnings go; `console` is one. */
export interface Logger {
  warn(message: string): void
}

/** Told of each failure that is absorbed. */
export type TroubleListener = (
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
  readonly #onTrouble: TroubleListener
  readonly #clock = new ElapsedClock()
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(throwing: boolean, logger: Logger, onTrouble: TroubleListener) {
    this.#throwing = throwing
    this.#logger = logger
    this.#onTrouble = onTrouble
  }

  /** Reports the failure of an operation and gives what it answers instead. */
  absorb<T>(operation: string, key: string | undefined, error: unknown, fallback: T): T {
    if (!(error instanceof CacheNotRespondingError)) throw error
    this.#onTrouble(operation, key, error)
    if (troubles.hasSubscribers) troubles.publish({ operation, key, error } satisfies TroubleMessage)
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

// The machine's own timers, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setTimeout } from 'node:timers'
import { detached } from '../background.js'
import type { Logger } from '../logger.js'

/** When a summary is logged, in milliseconds. */
export interface Pauses {
  /** From the first failure: invalidations that fail together, or are soon confirmed, make one warning. */
  readonly firstMs: number
  /** From one summary to the next. */
  readonly betweenMs: number
}

const PAUSES: Pauses = { firstMs: 1_000, betweenMs: 10_000 }

/** Maximum number of names in a warning, and of characters of each. */
const MAX_NAMES = 5
const MAX_NAME = 200

/**
 * Warnings about pending invalidations. Failures of reads are logged now and then; of invalidations every one is
 * reported, in summaries, because other processes may read old values until it is repeated.
 */
export class PendingWarnings {
  readonly #logger: Logger
  readonly #pending: () => readonly string[]
  readonly #pauses: Pauses
  #timer: NodeJS.Timeout | undefined
  #loggedAt = Number.NEGATIVE_INFINITY

  /** `pending` gives the names of what is pending, oldest first. */
  constructor(logger: Logger, pending: () => readonly string[], pauses = PAUSES) {
    this.#logger = logger
    this.#pending = pending
    this.#pauses = pauses
  }

  /** An invalidation has become pending. */
  added(): void {
    const { firstMs, betweenMs } = this.#pauses
    const delayMs = Math.max(firstMs, this.#loggedAt + betweenMs - performance.now())
    this.#timer ??= detached(() => setTimeout(() => this.#summarise(), delayMs)).unref()
  }

  /** The store has confirmed this many. */
  repeated(count: number): void {
    this.#warn(
      `the store is back; ${amount(count, 'pending invalidation was', 'pending invalidations were')} repeated.`,
    )
  }

  /** Nothing more will be repeated. */
  close(): void {
    clearTimeout(this.#timer)
    const names = this.#pending()
    if (names.length === 0) return
    this.#warn(
      `the cache was closed with ${amount(names.length, 'invalidation', 'invalidations')} that the store has not confirmed: ${listed(names)}. Other processes may read the old values until they expire.`,
    )
  }

  #summarise(): void {
    this.#timer = undefined
    const names = this.#pending()
    if (names.length === 0) return
    this.#loggedAt = performance.now()
    this.#warn(
      `${amount(names.length, 'invalidation is', 'invalidations are')} pending, because the store has not confirmed ${names.length === 1 ? 'it' : 'them'}: ${listed(names)}. This process treats the keys as not cached and repeats the deletes; other processes may read the old values until then.`,
    )
  }

  #warn(message: string): void {
    this.#logger.warn(`keyedcache: ${message}`)
  }
}

/** The last names. */
function listed(names: readonly string[]): string {
  const last = names.slice(-MAX_NAMES).map(shortened)
  const more = names.length - last.length
  return last.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** A long name without its middle: its end says whether everything below is meant. */
function shortened(name: string): string {
  if (name.length <= MAX_NAME) return name
  const half = MAX_NAME / 2
  return `${name.slice(0, half)}…${name.slice(-half)}`.toWellFormed()
}

function amount(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

import { ElapsedClock } from './elapsed-clock.js'

/** Minimum time between two warnings, in milliseconds. */
const QUIET_MS = 10_000

/** Warnings of one kind: at most one in ten seconds, with the number of those that were left out since the last one. */
export class LimitedWarnings {
  readonly #warn: (message: string) => void
  readonly #clock = new ElapsedClock()
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  /** Logs a message, or counts it. */
  log(message: () => string): void {
    const now = this.#clock.now()
    if (now - this.#loggedAt < QUIET_MS) {
      this.#unlogged++
      return
    }
    const more = this.#unlogged > 0 ? ` (and ${this.#unlogged} more since the last warning)` : ''
    this.#warn(message() + more)
    this.#loggedAt = now
    this.#unlogged = 0
  }
}

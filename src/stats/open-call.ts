import type { CallLog } from '../tiers/call-log.js'
import type { ComputeOutcome, ReadOutcome } from '../tiers/outcome.js'

/** A `getOrSet` under way in a logged request: it collects its result and adds it to the log when it ends. */
export class OpenCall {
  readonly #log: CallLog
  readonly #key: string
  readonly #startedAt = performance.now()
  #read: ReadOutcome | undefined
  #outcome: Exclude<ComputeOutcome, 'failed'> | undefined
  #stored: boolean | undefined

  constructor(log: CallLog, key: string) {
    this.#log = log
    this.#key = key
  }

  /** Notes the result of the read that is counted. */
  read(outcome: ReadOutcome): void {
    this.#read = outcome
  }

  became(outcome: Exclude<ComputeOutcome, 'failed'>): void {
    this.#outcome = outcome
  }

  stored(isStored: boolean): void {
    if (this.#outcome === 'computed') this.#stored = isStored
  }

  end(failed: boolean): void {
    const read = this.#read
    this.#log.add(
      {
        operation: 'getOrSet',
        key: this.#key,
        outcome: failed ? 'failed' : (this.#outcome ?? (read?.hit ? 'hit' : 'miss')),
        ...(read && (read.hit ? { tier: read.tier } : { reason: read.reason })),
        ...(this.#stored !== undefined && { stored: this.#stored }),
      },
      this.#startedAt,
    )
  }
}

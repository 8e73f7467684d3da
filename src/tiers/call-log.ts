import type { CallOutcome, MissReason, Tier } from './outcome.js'

/** One call of the cache, for the request log. */
export interface LoggedCall {
  readonly operation: 'get' | 'getOrSet' | 'has' | 'set' | 'delete' | 'expire' | 'clear'
  /** The key's text; empty for `clear`. */
  readonly key: string
  readonly outcome: CallOutcome
  /** The tier that returned a hit. */
  readonly tier?: Tier | undefined
  /** Why it missed, or was skipped. */
  readonly reason?: MissReason | undefined
  /** Whether a delete or an `expire` included everything below the key. */
  readonly children?: boolean | undefined
  /** Whether a computed value was stored. */
  readonly stored?: boolean | undefined
}

/** Collects the calls of one request. */
export interface CallLog {
  /** Adds a call that has just ended; `startedAt` is by `performance.now()`. */
  add(call: LoggedCall, startedAt: number): void
  /** Discards the request. */
  leaveOut(): void
}

import type { MissReason, Tier } from './outcome.js'

/** What one call of the cache came to. */
export interface LoggedCall {
  readonly operation: 'get' | 'getOrSet' | 'has' | 'set' | 'delete' | 'expire' | 'clear'
  /** The key's text; empty for `clear`. */
  readonly key: string
  readonly outcome: string
  /** Which tier answered a hit. */
  readonly tier?: Tier | undefined
  /** Why it missed, or was skipped. */
  readonly reason?: MissReason | undefined
  /** Whether a delete or an `expire` took everything below along. */
  readonly children?: boolean | undefined
  /** Of what was computed: whether it was stored. */
  readonly stored?: boolean | undefined
}

/** Takes down what a request asks of the cache. */
export interface CallLog {
  /** A call that has just ended; `left` is when it began, by `performance.now()`. */
  add(call: LoggedCall, left: number): void
  /** The request is not to be taken down after all. */
  leaveOut(): void
}

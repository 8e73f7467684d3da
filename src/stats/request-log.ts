import type { CallLog, LoggedCall } from '../tiers/call-log.js'
import { cacheMsOf } from './cache-time.js'
import { type CallRecord, cut, MAX_CALLS, type RequestRecord } from './request-record.js'

/** How a request ended. */
export interface RequestEnd {
  readonly route: string
  readonly status: number
  readonly aborted: boolean
}

/** Numbers of a request's calls so far. */
export interface CallSummary {
  readonly calls: number
  readonly hits: number
  readonly misses: number
  /** Misses while caching was off, for everyone or for this request. */
  readonly disabled: number
  /** Misses because the store failed. */
  readonly storeDown: number
  readonly computed: number
  /** Misses that got the value of another caller's computation. */
  readonly waited: number
  /** Stored values. */
  readonly stored: number
  /** Sets, deletes, soft expiries and clears. */
  readonly writes: number
  /** Time spent in calls of the cache, in milliseconds: concurrent calls count once. */
  readonly cacheMs: number
}

/** Records the calls of one request. */
export class RequestLog implements CallLog {
  readonly #at = Date.now()
  readonly #startedAt = performance.now()
  readonly #counts = {
    calls: 0,
    hits: 0,
    misses: 0,
    disabled: 0,
    storeDown: 0,
    computed: 0,
    waited: 0,
    stored: 0,
    writes: 0,
  }
  #calls: CallRecord[] = []
  #isOver = false

  add(call: LoggedCall, startedAt: number): void {
    if (this.#isOver) return
    this.#count(call)
    if (this.#calls.length === MAX_CALLS) return
    const afterMs = rounded(startedAt - this.#startedAt)
    const durationMs = rounded(performance.now() - startedAt)
    this.#calls.push({ ...call, key: cut(call.key), afterMs, durationMs })
  }

  get isEmpty(): boolean {
    return this.#counts.calls === 0
  }

  get summary(): CallSummary {
    return { ...this.#counts, cacheMs: cacheMsOf(this.#calls) }
  }

  /** Ends the request and returns its record; nothing if it made no calls, or was left out. */
  end({ route, status, aborted }: RequestEnd): Omit<RequestRecord, 'process'> | undefined {
    if (this.#isOver || this.isEmpty) return undefined
    // Calls were added in the order in which they ended.
    const calls = this.#calls.sort((one, other) => one.afterMs - other.afterMs)
    const moreCalls = this.#counts.calls - calls.length
    const durationMs = rounded(performance.now() - this.#startedAt)
    this.leaveOut()
    return {
      at: this.#at,
      route: cut(route),
      status,
      ...(aborted && { aborted }),
      durationMs,
      calls,
      moreCalls,
    }
  }

  leaveOut(): void {
    this.#isOver = true
    this.#calls = []
    this.#counts.calls = 0
  }

  #count({ operation, outcome, tier, reason, stored }: LoggedCall): void {
    const counts = this.#counts
    counts.calls++
    if (operation === 'get' || operation === 'getOrSet') {
      if (tier !== undefined) counts.hits++
      if (reason !== undefined) counts.misses++
      if (reason === 'disabled' || reason === 'bypassed') counts.disabled++
      if (reason === 'store-down') counts.storeDown++
      if (outcome === 'computed') counts.computed++
      if (outcome === 'waited') counts.waited++
      if (stored) counts.stored++
    } else if (operation !== 'has') {
      counts.writes++
      if (outcome === 'stored') counts.stored++
    }
  }
}

/** Rounds to microseconds; two readings of a clock may give a difference just below zero. */
function rounded(ms: number): number {
  return Math.max(0, Math.round(ms * 1_000) / 1_000)
}

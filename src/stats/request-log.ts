import type { CallLog, LoggedCall } from '../tiers/call-log.js'
import type { ReadOutcome } from '../tiers/outcome.js'
import { isAmount, isDate } from './amounts.js'
import { busyMs } from './busy.js'

/** One call of the cache within a request. */
export interface CallRecord {
  /** `get`, `getOrSet` (cached functions too), `has`, `set`, `delete`, `expire` or `clear`. */
  readonly operation: string
  /** The key's text, of a long one the beginning; empty for `clear`. */
  readonly key: string
  /**
   * Of `get` and `has`: `hit`, `miss`. Of `getOrSet` also `stale` (served by its grace), `computed`, `waited` (it got
   * what somebody else has computed) and `failed`. Of `set`: `stored`, `refused` (a fill that was fenced), `skipped`
   * (it was done without the cache). Of `delete` and `clear`: `deleted`, `absent`; of `expire`: `expired`, `absent`. Of all
   * these `failed`: not surely done.
   */
  readonly outcome: string
  readonly tier?: string | undefined
  /** Why it missed, or was skipped. */
  readonly reason?: string | undefined
  /** Whether a delete or an `expire` took everything below along. */
  readonly children?: boolean | undefined
  /** Of what was computed: whether it was stored. */
  readonly stored?: boolean | undefined
  /** Milliseconds after the request began. */
  readonly afterMs: number
  readonly durationMs: number
}

/** One request and what it asked of the cache, in order. */
export interface RequestRecord {
  /** Milliseconds since the epoch, on its process's clock. */
  readonly at: number
  /** `host:pid` */
  readonly process: string
  /** `GET /products/123` */
  readonly route: string
  readonly status: number
  /** Whether its client had gone before the response ended. */
  readonly aborted?: boolean | undefined
  readonly durationMs: number
  readonly calls: readonly CallRecord[]
  /** Calls beyond the first hundred, that were not kept. */
  readonly moreCalls: number
}

/** How a request ended. */
export interface RequestEnd {
  readonly route: string
  readonly status: number
  readonly aborted: boolean
}

/** What a request came to, so far. */
export interface CallSummary {
  readonly calls: number
  readonly hits: number
  readonly misses: number
  /** Of the misses, those while caching was off, for all or for this request. */
  readonly disabled: number
  /** Of the misses, those that the store did not answer. */
  readonly storeDown: number
  readonly computed: number
  /** Of the misses, those that got what somebody else has computed. */
  readonly waited: number
  /** Values that were stored. */
  readonly stored: number
  /** Sets, deletes, soft expiries and clears. */
  readonly writes: number
  /** How long it was waiting for the cache: calls at one time count once. */
  readonly busyMs: number
}

/** So many calls of a request are kept, and so much of a text. */
export const MAX_CALLS = 100
const MAX_TEXT = 200

/** Takes down one request: its calls from its beginning until it ends. */
export class RequestLog implements CallLog {
  readonly #at = Date.now()
  readonly #began = performance.now()
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

  add(call: LoggedCall, left: number): void {
    if (this.#isOver) return
    this.#count(call)
    if (this.#calls.length === MAX_CALLS) return
    const afterMs = rounded(left - this.#began)
    const durationMs = rounded(performance.now() - left)
    this.#calls.push({ ...call, key: cut(call.key), afterMs, durationMs })
  }

  get isEmpty(): boolean {
    return this.#counts.calls === 0
  }

  get summary(): CallSummary {
    return { ...this.#counts, busyMs: busyMs(this.#calls) }
  }

  /** The request is over; nothing when it has asked nothing, or was left out. */
  end({ route, status, aborted }: RequestEnd): Omit<RequestRecord, 'process'> | undefined {
    if (this.#isOver || this.isEmpty) return undefined
    // Each was added when it had ended.
    const calls = this.#calls.sort((one, other) => one.afterMs - other.afterMs)
    const moreCalls = this.#counts.calls - calls.length
    const durationMs = rounded(performance.now() - this.#began)
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

/** One `getOrSet` of a request that is taken down: what becomes of it is noted as it happens. */
export class OpenCall {
  readonly #log: CallLog
  readonly #key: string
  readonly #left = performance.now()
  #read: ReadOutcome | undefined
  #became: 'stale' | 'computed' | 'waited' | undefined
  #stored: boolean | undefined

  constructor(log: CallLog, key: string) {
    this.#log = log
    this.#key = key
  }

  /** What the read that is counted came to. */
  read(outcome: ReadOutcome): void {
    this.#read = outcome
  }

  became(what: 'stale' | 'computed' | 'waited'): void {
    this.#became = what
  }

  stored(isStored: boolean): void {
    if (this.#became === 'computed') this.#stored = isStored
  }

  end(failed: boolean): void {
    const read = this.#read
    this.#log.add(
      {
        operation: 'getOrSet',
        key: this.#key,
        outcome: failed ? 'failed' : (this.#became ?? (read?.hit ? 'hit' : 'miss')),
        ...(read && (read.hit ? { tier: read.tier } : { reason: read.reason })),
        ...(this.#stored !== undefined && { stored: this.#stored }),
      },
      this.#left,
    )
  }
}

/** Requests that processes have told, newest first. One that is damaged, or from elsewhere, is left out. */
export function recordsOf(items: readonly string[]): RequestRecord[] {
  return items.flatMap((item) => requestOf(parse(item)) ?? []).sort((one, other) => other.at - one.at)
}

function parse(item: string): unknown {
  try {
    return JSON.parse(item)
  } catch {
    return undefined
  }
}

/** A request with nothing but what is known of one: anybody can write it. */
function requestOf(given: unknown): RequestRecord | undefined {
  if (!isObject(given)) return undefined
  const { at, process, route, status, aborted, durationMs, calls, moreCalls } = given
  if (!isDate(at) || !isText(process) || !isText(route) || !isAmount(status)) return undefined
  if (!isAmount(durationMs) || !isAmount(moreCalls)) return undefined
  if (!Array.isArray(calls) || calls.length > MAX_CALLS) return undefined
  const known = calls.map(callOf).filter((call) => call !== undefined)
  if (known.length !== calls.length) return undefined
  const whether = typeof aborted === 'boolean' ? { aborted } : {}
  return { at, process, route, status, ...whether, durationMs, calls: known, moreCalls }
}

function callOf(given: unknown): CallRecord | undefined {
  if (!isObject(given)) return undefined
  const { operation, key, outcome, tier, reason, children, stored, afterMs, durationMs } = given
  if (!isText(operation) || !isText(key) || !isText(outcome)) return undefined
  if (!isAmount(afterMs) || !isAmount(durationMs)) return undefined
  if (tier !== undefined && !isText(tier)) return undefined
  if (reason !== undefined && !isText(reason)) return undefined
  return {
    ...{ operation, key, outcome, afterMs, durationMs },
    ...(tier !== undefined && { tier }),
    ...(reason !== undefined && { reason }),
    ...(typeof children === 'boolean' && { children }),
    ...(typeof stored === 'boolean' && { stored }),
  }
}

function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null
}

function isText(given: unknown): given is string {
  return typeof given === 'string' && given.length <= 10 * MAX_TEXT
}

/** To the microsecond, and never before its beginning: a clock that is read twice may have been rounded. */
function rounded(ms: number): number {
  return Math.max(0, Math.round(ms * 1_000) / 1_000)
}

/** The beginning of a long text, at most so many characters with the sign that it goes on. */
function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1).toWellFormed()}…` : text
}

/** Whether it is the beginning of a text only. */
export function isCut(text: string): boolean {
  return text.length === MAX_TEXT && text.endsWith('…')
}

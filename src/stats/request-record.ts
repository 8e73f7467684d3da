import type { LoggedCall } from '../tiers/call-log.js'
import type { CallOutcome, MissReason, Tier } from '../tiers/outcome.js'
import { isAmount, isDate, isText, isUntrustedObject, parseJson } from './untrusted.js'

/** A known name, or a name that only a newer version knows. */
type OrNewer<Name extends string> = Name | (string & Record<never, never>)

/** One call of the cache within a request. */
export interface CallRecord {
  /** Method that was called; cached functions are `getOrSet`. */
  readonly operation: OrNewer<LoggedCall['operation']>
  /** Text of the key, its first 200 characters; empty for `clear`. */
  readonly key: string
  /**
   * Result of the call, by its operation:
   * - `get`, `has`: `hit`, `miss`
   * - `getOrSet`: `hit`, `miss` (another caller's value was found after it), `stale` (served within its grace),
   *   `computed`, `waited` (got the value of another caller's computation), `failed`
   * - `set`: `stored`, `refused` (invalidated since it was found missing), `skipped` (caching was off), `failed`
   * - `delete`: `deleted`, `absent`, `failed`
   * - `expire`: `expired`, `absent`, `failed`
   * - `clear`: `deleted`, `failed`
   *
   * `failed` of a write or an invalidation: the store did not confirm it.
   */
  readonly outcome: OrNewer<CallOutcome>
  /** Tier that returned a hit. */
  readonly tier?: OrNewer<Tier> | undefined
  /** Why it missed, or was skipped. */
  readonly reason?: OrNewer<MissReason> | undefined
  /** Whether a delete or a soft expiry included everything below the key. */
  readonly children?: boolean | undefined
  /** Whether a computed value was stored. */
  readonly stored?: boolean | undefined
  /** Milliseconds from the beginning of the request to that of the call. */
  readonly afterMs: number
  /** Duration of the call, in milliseconds. */
  readonly durationMs: number
}

/** One sampled request with its calls of the cache. */
export interface RequestRecord {
  /** Beginning of the request, in milliseconds since the epoch, on the clock of its process. */
  readonly at: number
  /** `host:pid` */
  readonly process: string
  /** `GET /products/123`; its first 200 characters. */
  readonly route: string
  /** HTTP status of the response. */
  readonly status: number
  /** Whether the client disconnected before the response ended. */
  readonly aborted?: boolean | undefined
  /** Duration of the request, in milliseconds. */
  readonly durationMs: number
  /** The first hundred calls, in the order of their beginnings. */
  readonly calls: readonly CallRecord[]
  /** Number of further calls. */
  readonly moreCalls: number
}

/** Maximum number of calls in a record. */
export const MAX_CALLS = 100

/** Maximum length of a text in a record. */
const MAX_TEXT = 200
/** Maximum length of a text that is read back: another version's maximum may be larger. */
const MAX_READ = 10 * MAX_TEXT

/** Shortens a text to its maximum length, with an ellipsis. */
export function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1).toWellFormed()}…` : text
}

/** Whether a text was shortened. */
export function isCut(text: string): boolean {
  return text.length === MAX_TEXT && text.endsWith('…')
}

/**
 * Reads requests from JSON, newest first by the clocks of their processes. Invalid items and unknown fields are left
 * out: anyone with access to the store can write them.
 */
export function recordsOf(items: readonly string[]): RequestRecord[] {
  return items.flatMap((item) => requestOf(parseJson(item)) ?? []).sort((one, other) => other.at - one.at)
}

function requestOf(given: unknown): RequestRecord | undefined {
  if (!isUntrustedObject(given)) return undefined
  const { at, process, route, status, aborted, durationMs, calls, moreCalls } = given
  if (!isDate(at) || !isText(process, MAX_READ) || !isText(route, MAX_READ) || !isAmount(status))
    return undefined
  if (!isAmount(durationMs) || !isAmount(moreCalls)) return undefined
  if (!Array.isArray(calls) || calls.length > MAX_CALLS) return undefined
  const known = calls.map(callOf).filter((call) => call !== undefined)
  if (known.length !== calls.length) return undefined
  return {
    ...{ at, process, route, status },
    ...(typeof aborted === 'boolean' && { aborted }),
    ...{ durationMs, calls: known, moreCalls },
  }
}

function callOf(given: unknown): CallRecord | undefined {
  if (!isUntrustedObject(given)) return undefined
  const { operation, key, outcome, tier, reason, children, stored, afterMs, durationMs } = given
  if (!isText(operation, MAX_READ) || !isText(key, MAX_READ) || !isText(outcome, MAX_READ)) return undefined
  if (!isAmount(afterMs) || !isAmount(durationMs)) return undefined
  if (tier !== undefined && !isText(tier, MAX_READ)) return undefined
  if (reason !== undefined && !isText(reason, MAX_READ)) return undefined
  return {
    ...{ operation, key, outcome, afterMs, durationMs },
    ...(tier !== undefined && { tier }),
    ...(reason !== undefined && { reason }),
    ...(typeof children === 'boolean' && { children }),
    ...(typeof stored === 'boolean' && { stored }),
  }
}

import { ConfigurationError } from './errors.js'
import { show as showAny } from './key/show.js'

/** The longest that anything may take or live: ten years. */
const LONGEST_MS = 10 * 365 * 86_400_000

/** Timers reach no further: 2^31 - 1 ms, some 24 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** A number of seconds, or a number with its unit: `'500ms' '10s' '5m' '1h' '30d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Whole milliseconds of a duration; `name` is what the error calls it.
 * @throws ConfigurationError when it is not a positive duration of at most ten years.
 */
export function parseDuration(duration: Duration, name: string): number {
  return parse(duration, name, { unitMs: 1_000, unit: 'seconds', longestMs: LONGEST_MS })
}

/**
 * The same for a TTL.
 * @throws ConfigurationError also when it is longer than the longest.
 */
export function parseTtl(ttl: Duration, maxTtlMs: number, name = 'ttl'): number {
  const ms = parseDuration(ttl, name)
  if (ms <= maxTtlMs) return ms
  throw new ConfigurationError(
    `${name} is ${ms / 1_000} s, but no entry may live longer than ${maxTtlMs / 1_000} s: raise maxTtl if that is meant.`,
  )
}

/**
 * Milliseconds of a TTL that was computed for one value: `maxTtlMs` at most, 0 for one that is over, and `NaN` for
 * what is no duration.
 */
export function readTtl(ttl: unknown, maxTtlMs: number): number {
  const ms = typeof ttl === 'number' ? ttl * 1_000 : parseText(ttl)
  return ms > 0 ? Math.min(maxTtlMs, Math.max(1, Math.round(ms))) : ms <= 0 ? 0 : Number.NaN
}

/**
 * Milliseconds of a time that is waited for: a bare number is milliseconds, as in `setTimeout`.
 * @throws ConfigurationError when it is not a positive duration of at most 24 days.
 */
export function parseTimeout(timeout: Duration, name: string): number {
  return parse(timeout, name, { unitMs: 1, unit: 'milliseconds', longestMs: LONGEST_TIMEOUT_MS })
}

function parse(
  duration: Duration,
  name: string,
  { unitMs, unit, longestMs }: { unitMs: number; unit: string; longestMs: number },
): number {
  const ms = typeof duration === 'number' ? duration * unitMs : parseText(duration)
  if (ms > 0 && ms <= longestMs) return Math.max(1, Math.round(ms))
  if (ms > longestMs && Number.isFinite(ms)) {
    throw new ConfigurationError(`${name} is ${show(duration)}, longer than ${formatDuration(longestMs)}.`)
  }
  throw new ConfigurationError(
    `${name} must be a positive number of ${unit} or a text like '500ms', '10s', '5m', '1h' or '30d', not ${show(duration)}.`,
  )
}

function parseText(text: unknown): number {
  const match = typeof text === 'string' ? /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : Number.NaN
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : showAny(value)
}

/** A duration for people: `850 ms`, `12 s`, `5 min`, `3 h`, `30 d`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} d`
}

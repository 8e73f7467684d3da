import { ConfigurationError } from './errors.js'
import { describeValue as showAny } from './key/describe-value.js'

/** Maximum TTL: ten years. */
const LONGEST_MS = 10 * 365 * 86_400_000

/** Maximum delay of a timer: 2^31 - 1 ms, some 24 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

const SECONDS = ' A number is seconds.'

/** A duration with its unit: `500ms`, `10s`, `5m`, `1h`, `30d`. */
export type DurationText = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/**
 * Lifetime of an entry: a number of seconds, as in Redis, or a text with its unit.
 * @example 300, '500ms', '10s', '5m', '1h', '30d'
 */
export type Ttl = number | DurationText

/**
 * Time to wait: a number of milliseconds, as in `setTimeout`, or a text with its unit.
 * @example 250, '250ms', '10s', '5m'
 */
export type Timeout = number | DurationText

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Returns the whole milliseconds of a TTL that has no maximum but ten years; `name` is its name in the error.
 * @throws ConfigurationError for anything but a positive duration of at most ten years
 */
export function parseDuration(duration: Ttl, name: string): number {
  return parse(duration, name, { unitMs: 1_000, unit: 'seconds', longestMs: LONGEST_MS })
}

/**
 * Returns the whole milliseconds of a TTL.
 * @throws ConfigurationError for anything but a positive duration of at most `maxTtlMs`
 */
export function parseTtl(ttl: Ttl, maxTtlMs: number, name = 'ttl'): number {
  const ms = parseDuration(ttl, name)
  if (ms <= maxTtlMs) return ms
  throw new ConfigurationError(
    `${name} is ${ms / 1_000} s, but no entry may live longer than ${maxTtlMs / 1_000} s: raise maxTtl if that is meant.${typeof ttl === 'number' ? SECONDS : ''}`,
  )
}

/**
 * Returns the milliseconds of a TTL that was computed for one value: at most `maxTtlMs`, 0 for a TTL that is not
 * positive, and `NaN` for anything but a duration.
 */
export function readTtl(ttl: unknown, maxTtlMs: number): number {
  const ms = typeof ttl === 'number' ? ttl * 1_000 : parseText(ttl)
  return ms > 0 ? Math.min(maxTtlMs, Math.max(1, Math.round(ms))) : ms <= 0 ? 0 : Number.NaN
}

/**
 * Returns the milliseconds of a timeout.
 * @throws ConfigurationError for anything but a positive duration of at most 24 days
 */
export function parseTimeout(timeout: Timeout, name: string): number {
  return parse(timeout, name, { unitMs: 1, unit: 'milliseconds', longestMs: LONGEST_TIMEOUT_MS })
}

function parse(
  duration: Ttl | Timeout,
  name: string,
  { unitMs, unit, longestMs }: { unitMs: number; unit: string; longestMs: number },
): number {
  const ms = typeof duration === 'number' ? duration * unitMs : parseText(duration)
  if (ms > 0 && ms <= longestMs) return Math.max(1, Math.round(ms))
  if (ms > longestMs && Number.isFinite(ms)) {
    const hint = typeof duration === 'number' && unitMs === 1_000 ? SECONDS : ''
    throw new ConfigurationError(
      `${name} is ${show(duration)}, longer than ${formatDuration(longestMs)}.${hint}`,
    )
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

/** Formats a duration for people: `850 ms`, `12 s`, `5 min`, `3 h`, `30 d`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} d`
}

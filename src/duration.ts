import { ConfigurationError } from './errors.js'

/** A number of seconds, or a number with its unit: `'500ms' '10s' '5m' '1h' '30d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Whole milliseconds of a duration; `name` is what the error calls it.
 * @throws ConfigurationError when it is not a positive, finite duration.
 */
export function parseDuration(duration: Duration, name: string): number {
  const ms = typeof duration === 'number' ? duration * 1_000 : parseText(duration)
  if (Number.isFinite(ms) && ms > 0) return Math.max(1, Math.round(ms))
  throw new ConfigurationError(
    `${name} must be a positive number of seconds or a text like '500ms', '10s', '5m', '1h' or '30d', not ${show(duration)}.`,
  )
}

function parseText(text: unknown): number {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : Number.NaN
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : String(value)
}

/** A duration for people: `850 ms`, `12 s`, `5 min`, `3 h`, `30 d`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} d`
}

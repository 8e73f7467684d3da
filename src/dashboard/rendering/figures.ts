import { formatDuration } from '../../duration.js'

/** Shown where nothing was measured. Never "0", which would be a measurement. */
const NONE = '–'

export function whole(count: number): string {
  // Not a formatter made once: that takes 25 ms, in every process that loads this.
  return count.toLocaleString('en')
}

/** A number and its noun: `1 key`, `1,000 keys`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`
}

/** An amount in its unit; "–" for 0, where nothing was measured. */
export function nonZero(amount: number, format: (amount: number) => string): string {
  return amount === 0 ? NONE : format(amount)
}

/** `3 keys`, `at least 5,000 keys` */
export function keys(count: { readonly keys: number; readonly more: boolean }): string {
  return `${count.more ? 'at least ' : ''}${countOf(count.keys, 'key')}`
}

/** Estimated time to recompute some keys, from their last compute times; `undefined` where there are none. */
export function recomputing({
  keys: all,
  more,
  computed,
  computingMs,
}: {
  readonly keys: number
  readonly more: boolean
  readonly computed: number
  readonly computingMs: number
}): string | undefined {
  if (all === 0) return undefined
  if (computed === 0) {
    return `Recompute time unknown: ${all === 1 ? 'the value was' : 'the values were'} set, not computed.`
  }
  const estimate = `${more ? 'At least' : 'About'} ${latency(computingMs)} to recompute`
  if (computed === all) return `${estimate}, based on the last compute time${all === 1 ? '' : 's'}.`
  const others = all - computed === 1 ? 'the other was' : 'the others were'
  return `${estimate}, based on ${whole(computed)} of ${whole(all)} keys; ${others} set, not computed.`
}

/** A share in percent; "–" of a total of 0. Rounding never makes 100 % of less than all, or 0 % of more than none. */
export function share(part: number, of: number): string {
  if (of === 0) return NONE
  const percent = (part / of) * 100
  const rounded = Number(percent.toFixed(1))
  if (rounded === 100 && part < of) return '99.9 %'
  if (rounded === 0 && part > 0) return '0.1 %'
  return `${rounded.toFixed(1)} %`
}

/** Duration of one operation, rounded; "–" for `undefined`. */
export function latency(ms: number | undefined): string {
  if (ms === undefined) return NONE
  if (ms < 1) return `${whole(Math.max(1, Math.round(ms * 1_000)))} µs`
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(1)} KiB`
  if (bytes < 1_024 ** 3) return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`
  return `${(bytes / 1_024 ** 3).toFixed(1)} GiB`
}

/** A point in time as pages show it. */
export interface Moment {
  /** `12 s ago` */
  readonly relative: string
  /** For `<time datetime>`. */
  readonly iso: string
  /** `2026-01-31 12:00:00 UTC` */
  readonly absolute: string
}

export function past(at: number, now: number): Moment {
  return { relative: `${formatDuration(Math.max(0, now - at))} ago`, ...written(at) }
}

export function future(inMs: number, now: number): Moment {
  return { relative: `in ${formatDuration(inMs)}`, ...written(now + inMs) }
}

function written(at: number): { iso: string; absolute: string } {
  const date = new Date(at)
  const iso = Number.isNaN(date.getTime()) ? '' : date.toISOString()
  return { iso, absolute: iso && `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` }
}

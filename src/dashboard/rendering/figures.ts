import { formatDuration } from '../../duration.js'

/** What there is no figure for. Never "0": nothing was measured. */
const NONE = '–'

export function whole(count: number): string {
  // Not a formatter made once: that takes 25 ms, in every process that loads this.
  return count.toLocaleString('en')
}

/** `3 keys`, `at least 5,000 keys` */
export function keys(count: { readonly keys: number; readonly more: boolean }): string {
  return `${count.more ? 'at least ' : ''}${whole(count.keys)} ${count.keys === 1 ? 'key' : 'keys'}`
}

/** What it takes to compute it all again, as far as is known: how long each took when it was computed. */
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
  const it = all === 1 ? 'it' : 'all of it'
  if (computed === 0) {
    const what = all === 1 ? 'it was' : 'they were'
    return `How long computing ${it} again would take is not known: ${what} set, which does not tell.`
  }
  const about = `${more ? 'At least' : 'About'} ${latency(computingMs)} to compute ${it} again`
  if (computed === all) return `${about}, going by how long it took the last time.`
  const others =
    all - computed === 1 ? 'the other was set and does not tell' : 'the others were set and do not tell'
  return `${about}, going by the ${whole(computed)} of ${whole(all)} that were computed; ${others}.`
}

/** `1 event`, `1,000 events` */
export function events(count: number): string {
  return `${whole(count)} ${count === 1 ? 'event' : 'events'}`
}

/** A share in per cent; "–" of nothing. Only all is 100 %, only none is 0 %. */
export function share(part: number, of: number): string {
  if (of === 0) return NONE
  const percent = (part / of) * 100
  const rounded = Number(percent.toFixed(1))
  if (rounded === 100 && part < of) return '99.9 %'
  if (rounded === 0 && part > 0) return '0.1 %'
  return `${rounded.toFixed(1)} %`
}

/** How long one operation took, about; "–" of nothing. */
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

/** A moment as pages show it. */
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

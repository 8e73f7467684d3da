import { type HistoryBucket, RESOLUTIONS, type Resolution } from '../statistics.js'
import { countsOf, type Pair } from './hashes.js'

/** Number of buckets in one hash. */
const BUCKETS = 60

/** Between the index of a bucket, or the name of a family, and the name of a metric: neither holds it. */
export const SEPARATOR = '\0'

/** A field of a page: index of a bucket and name of a metric. */
const FIELD = /^(\d{1,2})\0([^\0]+)$/

/** Where a page is written now: its number, the prefix of its fields, and how long it is kept. */
export function currentPage(resolution: Resolution, now: number) {
  const { stepMs, spanMs } = RESOLUTIONS[resolution]
  const pageMs = stepMs * BUCKETS
  const page = Math.floor(now / pageMs)
  return {
    page,
    prefix: Math.floor((now - page * pageMs) / stepMs) + SEPARATOR,
    lifeMs: spanMs + pageMs,
  }
}

/** Numbers of the pages that hold the history until now. */
export function pagesUntil(now: number, resolution: Resolution): number[] {
  const { stepMs, spanMs } = RESOLUTIONS[resolution]
  const pageMs = stepMs * BUCKETS
  const first = Math.floor((now - spanMs) / pageMs)
  const last = Math.floor(now / pageMs)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** Buckets of a history, oldest first. */
export function bucketsOf(
  pages: ReadonlyMap<number, readonly Pair[]>,
  resolution: Resolution,
  now: number,
): HistoryBucket[] {
  const { stepMs, spanMs } = RESOLUTIONS[resolution]
  const buckets = new Map<number, Map<string, number>>()
  for (const [page, pairs] of pages) {
    for (const [field, count] of countsOf(pairs)) {
      const [, index, name] = FIELD.exec(field) ?? []
      if (index === undefined || name === undefined || Number(index) >= BUCKETS) continue
      const at = page * stepMs * BUCKETS + Number(index) * stepMs
      if (at < now - spanMs || at > now) continue
      const counts = buckets.get(at) ?? new Map<string, number>()
      buckets.set(at, counts.set(name, count))
    }
  }
  return [...buckets].sort(([one], [other]) => one - other).map(([at, counts]) => ({ at, counts }))
}

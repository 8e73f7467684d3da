import type { CallSummary } from '../stats/request-log.js'
import type { Header } from './outgoing-headers.js'

/** Header of a request that bypasses the cache and is not in the request log. */
export const BYPASSED: Header = ['Cache-Status', 'keyedcache; fwd=bypass']

/** Headers with a summary of a request's cache calls, which browsers show in their developer tools. */
export function staffHeaders(summary: CallSummary): Header[] {
  const status = cacheStatus(summary)
  return [
    ['Server-Timing', serverTiming(summary)],
    ...(status === undefined ? [] : ([['Cache-Status', status]] as const)),
  ]
}

/**
 * Value of `Server-Timing`: how long the request waited for the cache, and what it got, as in
 * `cache;dur=1.9;desc="3 hits, 1 miss"`.
 * @see https://www.w3.org/TR/server-timing/
 */
export function serverTiming({ cacheMs, calls, hits, misses, computed, writes }: CallSummary): string {
  const parts = [
    ...(hits + misses === 0 ? [] : [amount(hits, 'hit', 'hits'), amount(misses, 'miss', 'misses')]),
    ...(computed === 0 ? [] : [`${computed} computed`]),
    ...(writes === 0 ? [] : [amount(writes, 'write', 'writes')]),
  ]
  const desc = parts.length === 0 ? amount(calls, 'call', 'calls') : parts.join(', ')
  return `cache;dur=${Number(cacheMs.toFixed(2))};desc="${desc}"`
}

/**
 * Value of `Cache-Status` for all reads of a request together: a hit only if each was one. `undefined` without reads.
 * @see https://www.rfc-editor.org/rfc/rfc9211
 */
export function cacheStatus(summary: CallSummary): string | undefined {
  const { hits, misses, disabled, storeDown, waited, stored } = summary
  if (hits + misses === 0) return undefined
  if (misses === 0) return 'keyedcache; hit'
  return [
    'keyedcache',
    disabled === misses ? 'fwd=bypass' : 'fwd=miss',
    ...(stored > 0 ? ['stored'] : []),
    // All misses waited for a computation elsewhere.
    ...(waited === misses ? ['collapsed'] : []),
    ...(storeDown > 0 ? ['detail=store-down'] : []),
  ].join('; ')
}

function amount(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

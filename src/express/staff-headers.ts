import type { CallSummary } from '../stats/request-log.js'
import type { Header } from './outgoing-headers.js'

/** What is told of a request without the cache where its calls are not taken down. */
export const BYPASSED: Header = ['Cache-Status', 'keyedcache; fwd=bypass']

/** What staff are told of their own request, where their browser shows it. */
export function staffHeaders(summary: CallSummary): Header[] {
  const status = cacheStatus(summary)
  return [
    ['Server-Timing', serverTiming(summary)],
    ...(status === undefined ? [] : ([['Cache-Status', status]] as const)),
  ]
}

/**
 * How long the request has waited for the cache, and what it got: `cache;dur=1.9;desc="3 hits, 1 miss"`
 * @see https://www.w3.org/TR/server-timing/
 */
export function serverTiming({ cacheMs, calls, hits, misses, computed, writes }: CallSummary): string {
  const said = [
    ...(hits + misses === 0 ? [] : [amount(hits, 'hit', 'hits'), amount(misses, 'miss', 'misses')]),
    ...(computed === 0 ? [] : [`${computed} computed`]),
    ...(writes === 0 ? [] : [amount(writes, 'write', 'writes')]),
  ]
  const desc = said.length === 0 ? amount(calls, 'call', 'calls') : said.join(', ')
  return `cache;dur=${Number(cacheMs.toFixed(2))};desc="${desc}"`
}

/**
 * What the reads came to together: a hit only if all of them were. Nothing where nothing was read.
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
    // Each got what somebody else was computing.
    ...(waited === misses ? ['collapsed'] : []),
    ...(storeDown > 0 ? ['detail=store-down'] : []),
  ].join('; ')
}

function amount(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

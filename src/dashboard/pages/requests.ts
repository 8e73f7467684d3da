import { internalsOf } from '../../cache.js'
import { isLocalPath } from '../../local-path.js'
import { cacheMsOf } from '../../stats/cache-time.js'
import { isCut } from '../../stats/request-record.js'
import { MAX_REQUESTS } from '../../store/statistics.js'
import { latency, past, share, whole } from '../figures.js'
import { type KnownCall, type KnownRequest, keptRequests, knownRequests } from '../known-requests.js'
import { contains } from '../mask-key.js'
import type { Json, Page, PageRequest } from '../page-request.js'
import { REASONS } from '../reasons.js'
import { MASKED } from '../secrets.js'
import { wordsFor } from '../words-for.js'
import { linked } from './linked.js'

/** How many are shown at the most. */
const LIMITS: readonly number[] = [20, 50, 100, MAX_REQUESTS]
const LIMIT = 50

/** Calls that one page lists: with more it would take long to make, all at once. Each request has its share of them. */
const MAX_LISTED_CALLS = 2_500

interface Filter {
  readonly q: string
  readonly limit: number
}

/** Recent requests with what they asked of the cache. */
export async function requestsPage(visit: PageRequest): Promise<Page> {
  const { cache, links } = visit
  const filter = askedFilter(visit)
  const known = await knownRequests(visit)
  const matching = (known ?? []).filter((request) => matches(request, filter))
  const chosen = matching.slice(0, filter.limit)
  const most = listedCalls(chosen)
  return {
    view: 'requests',
    title: 'Requests',
    live: true,
    data: {
      ...filter,
      limits: [...new Set([...LIMITS, filter.limit])].sort((one, other) => one - other),
      scope: internalsOf(cache).statisticsScope,
      process: cache.processStats().process,
      sampled: sampledOf(internalsOf(cache).requestLogShare),
      state: stateOf(known, matching, internalsOf(cache).requestLogShare),
      kept: amount(known?.length ?? 0, 'request', 'requests'),
      matching: whole(matching.length),
      rows: chosen.map((request) => row(request, most, visit)),
      all: links.requests(),
      bypass: links.bypass(),
    },
  }
}

/** `GET /api/requests`: the same. Times in milliseconds, `at` since the epoch. */
export async function requestsJson(visit: PageRequest): Promise<Json> {
  const { cache, now } = visit
  const filter = askedFilter(visit)
  const kept = await keptRequests(visit)
  const matching = kept.filter((request) => matches(request, filter))
  return {
    json: {
      scope: internalsOf(cache).statisticsScope,
      now,
      sample: internalsOf(cache).requestLogShare,
      kept: kept.length,
      matching: matching.length,
      requests: matching.slice(0, filter.limit).map(({ calls, ...request }) => ({
        ...request,
        cacheMs: cacheMsOf(calls),
        calls: calls.map((call) => ({ ...call, key: call.key.text })),
      })),
    },
  }
}

function askedFilter({ parameters }: PageRequest): Filter {
  return { q: parameters.text('q'), limit: Math.min(parameters.count('limit') || LIMIT, MAX_REQUESTS) }
}

/** By what is shown: a text that is masked is not found either. */
function matches({ route, calls }: KnownRequest, { q }: Filter): boolean {
  const wanted = q.toLowerCase()
  return route.toLowerCase().includes(wanted) || calls.some(({ key }) => contains(key, wanted))
}

function sampledOf(sample: number) {
  if (sample === 0) return 'none'
  if (sample === 1) return 'all'
  const oneIn = Math.round(1 / sample)
  return Math.abs(oneIn * sample - 1) < 0.01 ? `1 in ${whole(oneIn)}` : share(sample, 1)
}

function stateOf(
  known: readonly KnownRequest[] | undefined,
  matching: readonly KnownRequest[],
  sample: number,
): 'down' | 'off' | 'nothing yet' | 'no match' | 'found' {
  if (known === undefined) return 'down'
  if (known.length === 0) return sample === 0 ? 'off' : 'nothing yet'
  return matching.length === 0 ? 'no match' : 'found'
}

/** How many calls of each request are listed. */
function listedCalls(requests: readonly KnownRequest[]): number {
  const all = requests.reduce((sum, { calls }) => sum + calls.length, 0)
  return all <= MAX_LISTED_CALLS ? all : Math.floor(MAX_LISTED_CALLS / requests.length)
}

function row(request: KnownRequest, most: number, visit: PageRequest) {
  const { at, process, route, status, aborted, durationMs, calls, moreCalls } = request
  const busy = Math.min(cacheMsOf(calls), durationMs)
  return {
    at: past(at, visit.now),
    ...{ process, route, status, aborted },
    isBad: aborted || status >= 500,
    bypass: bypassOf(request, visit),
    duration: latency(durationMs),
    calls: amount(calls.length + moreCalls, 'call', 'calls'),
    busy: latency(busy),
    share: share(busy, durationMs),
    more: moreCalls > 0 ? whole(moreCalls) : undefined,
    kept: whole(calls.length),
    unlisted: calls.length > most ? whole(calls.length - most) : undefined,
    rows: calls.slice(0, most).map((call, index) => ({
      order: index + 1,
      after: latency(call.afterMs),
      operation: operationOf(call),
      key: call.operation === 'clear' ? undefined : linked(call.key, visit),
      ...cameTo(call),
      took: latency(call.durationMs),
    })),
    repeated: repeatedOf(calls, visit).slice(0, most),
    computedCount: calls.filter(({ outcome }) => outcome === 'computed').length,
    computed: calls
      .filter(({ outcome }) => outcome === 'computed')
      .slice(0, most)
      .map(({ key, durationMs: ms }) => ({ ...linked(key, visit), took: latency(ms) })),
  }
}

/** The way to see a page without the cache, where its whole path is known. */
function bypassOf({ route }: KnownRequest, { links }: PageRequest): string | undefined {
  const [method, path = ''] = route.split(' ')
  const isWhole = isLocalPath(path) && !isCut(route) && !path.includes(MASKED)
  return method === 'GET' && isWhole ? links.bypass({ path }) : undefined
}

/** Keys that were read several times: from the request's memory it costs nothing, from the store it does. */
function repeatedOf(calls: readonly KnownCall[], visit: PageRequest) {
  const reads = new Map<string, KnownCall[]>()
  for (const call of calls) {
    const text = call.key.key?.text
    if (text === undefined || !(call.operation === 'get' || call.operation === 'getOrSet')) continue
    reads.set(text, [...(reads.get(text) ?? []), call])
  }
  return [...reads.values()]
    .filter(({ length }) => length > 1)
    .map((ofKey) => {
      const fromMemory = ofKey.filter(({ tier }) => tier === 'request').length
      return {
        ...linked((ofKey[0] as KnownCall).key, visit),
        times: whole(ofKey.length),
        fromMemory: whole(fromMemory),
        fromStore: whole(ofKey.length - fromMemory),
      }
    })
}

function operationOf({ operation, children }: KnownCall): string {
  return children ? `${operation} with children` : operation
}

const CAME_TO: Readonly<Record<string, string>> = {
  'get hit': 'hit',
  'get miss': 'miss',
  'has hit': 'cached',
  'has miss': 'not cached',
  'getOrSet hit': 'hit',
  'getOrSet stale': 'served stale, by its grace',
  'getOrSet computed': 'computed',
  'getOrSet waited': 'waited for somebody else’s computation',
  'getOrSet miss': 'missing at first, then found: somebody else had computed it',
  'getOrSet failed': 'failed',
  'set stored': 'stored',
  'set refused': 'not stored: invalidated since this request found it missing',
  'set skipped': 'not stored',
  'delete deleted': 'deleted',
  'delete absent': 'nothing was there',
  'expire expired': 'let expire',
  'expire absent': 'nothing was there',
  'clear deleted': 'deleted',
}

const TIERS: Readonly<Record<string, string>> = {
  request: 'from request memory',
  process: 'from process memory',
  store: 'from the store',
}

/** In words. A newer version's process may have told something that is not known here: that stays as it is. */
function cameTo({ operation, outcome, tier, reason, stored }: KnownCall) {
  const isBad = outcome === 'failed'
  const words = wordsFor(CAME_TO, `${operation} ${outcome}`) ?? (isBad ? 'not surely done' : outcome)
  return {
    outcome: words,
    isBad,
    detail: [
      ...(tier === undefined ? [] : [wordsFor(TIERS, tier) ?? tier]),
      ...(reason === undefined ? [] : [wordsFor(REASONS, reason) ?? reason]),
      ...(stored === undefined ? [] : [stored ? 'stored since' : 'not stored']),
    ].join('; '),
  }
}

function amount(count: number, one: string, many: string): string {
  return `${whole(count)} ${count === 1 ? one : many}`
}

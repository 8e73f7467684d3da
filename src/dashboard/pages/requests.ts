import { internalsOf } from '../../cache.js'
import { isLocalPath } from '../../local-path.js'
import { cacheMsOf } from '../../stats/cache-time.js'
import { isCut } from '../../stats/request-record.js'
import { MAX_REQUESTS } from '../../store/statistics.js'
import type { Json, Page } from '../handler-result.js'
import { containsText } from '../masking/mask-key.js'
import { MASKED } from '../masking/secret-names.js'
import type { PageRequest } from '../page-request.js'
import {
  type MaskedCall,
  type MaskedRequest,
  readMaskedRequests,
  readRequestsIfUp,
} from '../reading/masked-requests.js'
import { countOf, latency, past, share, whole } from '../rendering/figures.js'
import { labelOf } from '../rendering/label-of.js'
import { REASONS } from '../rendering/reasons.js'
import { linked } from './parts/linked.js'

/** Choices for the maximum number of requests. */
const LIMITS: readonly number[] = [20, 50, 100, MAX_REQUESTS]
const LIMIT = 50

/** Maximum number of calls on a page, which is rendered in one turn. The requests share it evenly. */
const MAX_LISTED_CALLS = 2_500

interface RequestFilter {
  readonly q: string
  readonly limit: number
}

/** `GET /requests`: recent requests with their cache calls. */
export async function requestsPage(request: PageRequest): Promise<Page> {
  const { cache, links } = request
  const filter = filterOf(request)
  const logged = await readRequestsIfUp(request)
  const matching = (logged ?? []).filter((record) => matches(record, filter))
  const chosen = matching.slice(0, filter.limit)
  const maxCalls = callsPerRequest(chosen)
  return {
    view: 'requests',
    title: 'Requests',
    live: true,
    data: {
      ...filter,
      limits: [...new Set([...LIMITS, filter.limit])].sort((one, other) => one - other),
      covers: internalsOf(cache).statisticsScope === 'all processes' ? 'all' : 'one',
      process: cache.processStats().process,
      sampled: sampledOf(internalsOf(cache).requestLogShare),
      state: stateOf(logged, matching, internalsOf(cache).requestLogShare),
      recorded: countOf(logged?.length ?? 0, 'request'),
      matching: whole(matching.length),
      rows: chosen.map((record) => row(record, maxCalls, request)),
      all: links.requests(),
      bypass: links.bypass(),
    },
  }
}

/** `GET /api/requests`. Times in milliseconds, `at` since the epoch. */
export async function requestsJson(request: PageRequest): Promise<Json> {
  const { cache, now } = request
  const filter = filterOf(request)
  const logged = await readMaskedRequests(request)
  const matching = logged.filter((record) => matches(record, filter))
  return {
    json: {
      scope: internalsOf(cache).statisticsScope,
      now,
      sample: internalsOf(cache).requestLogShare,
      recorded: logged.length,
      matching: matching.length,
      requests: matching.slice(0, filter.limit).map(({ calls, ...record }) => ({
        ...record,
        cacheMs: cacheMsOf(calls),
        calls: calls.map((call) => ({ ...call, key: call.key.text })),
      })),
    },
  }
}

function filterOf({ parameters }: PageRequest): RequestFilter {
  return { q: parameters.text('q'), limit: Math.min(parameters.count('limit') || LIMIT, MAX_REQUESTS) }
}

/** Compares only what is shown, so that a search does not reveal a masked text. */
function matches({ route, calls }: MaskedRequest, { q }: RequestFilter): boolean {
  const wanted = q.toLowerCase()
  return route.toLowerCase().includes(wanted) || calls.some(({ key }) => containsText(key, wanted))
}

/** Share of requests that this process logs: `none`, `all`, or a text. */
function sampledOf(sample: number) {
  if (sample === 0) return 'none'
  if (sample === 1) return 'all'
  const oneIn = Math.round(1 / sample)
  return Math.abs(oneIn * sample - 1) < 0.01 ? `1 in ${whole(oneIn)}` : share(sample, 1)
}

function stateOf(
  logged: readonly MaskedRequest[] | undefined,
  matching: readonly MaskedRequest[],
  sample: number,
): 'down' | 'off' | 'nothing yet' | 'no match' | 'found' {
  if (logged === undefined) return 'down'
  if (logged.length === 0) return sample === 0 ? 'off' : 'nothing yet'
  return matching.length === 0 ? 'no match' : 'found'
}

/** Maximum number of calls listed for each request. */
function callsPerRequest(requests: readonly MaskedRequest[]): number {
  const all = requests.reduce((sum, { calls }) => sum + calls.length, 0)
  return all <= MAX_LISTED_CALLS ? all : Math.floor(MAX_LISTED_CALLS / requests.length)
}

function row(record: MaskedRequest, maxCalls: number, request: PageRequest) {
  const { at, process, route, status, aborted, durationMs, calls, moreCalls } = record
  const busy = Math.min(cacheMsOf(calls), durationMs)
  return {
    at: past(at, request.now),
    ...{ process, route, status, aborted },
    isBad: aborted || status >= 500,
    bypass: bypassOf(record, request),
    duration: latency(durationMs),
    calls: countOf(calls.length + moreCalls, 'call'),
    busy: latency(busy),
    share: share(busy, durationMs),
    unrecorded: moreCalls > 0 ? whole(moreCalls) : undefined,
    recorded: whole(calls.length),
    unlisted: calls.length > maxCalls ? whole(calls.length - maxCalls) : undefined,
    rows: calls.slice(0, maxCalls).map((call, index) => ({
      order: index + 1,
      start: latency(call.afterMs),
      operation: operationOf(call),
      key: call.operation === 'clear' ? undefined : linked(call.key, request),
      ...resultOf(call),
      duration: latency(call.durationMs),
    })),
    repeated: repeatedOf(calls, request).slice(0, maxCalls),
    computedCount: calls.filter(({ outcome }) => outcome === 'computed').length,
    computed: calls
      .filter(({ outcome }) => outcome === 'computed')
      .slice(0, maxCalls)
      .map(({ key, durationMs: ms }) => ({ ...linked(key, request), duration: latency(ms) })),
  }
}

/** The link to bypass the cache on a page; only where the log has its whole path. */
function bypassOf({ route }: MaskedRequest, { links }: PageRequest): string | undefined {
  const [method, path = ''] = route.split(' ')
  const isWhole = isLocalPath(path) && !isCut(route) && !path.includes(MASKED)
  return method === 'GET' && isWhole ? links.bypass({ path }) : undefined
}

/** Keys that a request read more than once. Only reads from request memory are free. */
function repeatedOf(calls: readonly MaskedCall[], request: PageRequest) {
  const reads = new Map<string, MaskedCall[]>()
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
        ...linked((ofKey[0] as MaskedCall).key, request),
        times: whole(ofKey.length),
        fromMemory: whole(fromMemory),
      }
    })
}

function operationOf({ operation, children }: MaskedCall): string {
  return children ? `${operation} with children` : operation
}

/** Results of calls, as phrases for table cells. */
const RESULTS: Readonly<Record<string, string>> = {
  'get hit': 'hit',
  'get miss': 'miss',
  'has hit': 'cached',
  'has miss': 'not cached',
  'getOrSet hit': 'hit',
  'getOrSet stale': 'served stale (grace)',
  'getOrSet computed': 'computed',
  'getOrSet waited': 'waited for another computation',
  'getOrSet miss': 'miss, then found: computed elsewhere',
  'getOrSet failed': 'failed',
  'set stored': 'stored',
  'set refused': 'not stored: invalidated after the miss',
  'set skipped': 'not stored',
  'delete deleted': 'deleted',
  'delete absent': 'not cached',
  'expire expired': 'marked stale',
  'expire absent': 'not cached',
  'clear deleted': 'deleted',
}

const TIERS: Readonly<Record<string, string>> = {
  request: 'from request memory',
  process: 'from process memory',
  store: 'from the store',
}

/** The labels of a call's result. A name from a newer version's process is shown as it is. */
function resultOf({ operation, outcome, tier, reason, stored }: MaskedCall) {
  const isBad = outcome === 'failed'
  const result = labelOf(RESULTS, `${operation} ${outcome}`) ?? (isBad ? 'unconfirmed' : outcome)
  return {
    result,
    isBad,
    detail: [
      ...(tier === undefined ? [] : [labelOf(TIERS, tier) ?? tier]),
      ...(reason === undefined ? [] : [labelOf(REASONS, reason) ?? reason]),
      ...(stored === undefined ? [] : [stored ? 'stored' : 'not stored']),
    ].join('; '),
  }
}

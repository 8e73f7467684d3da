import { internalsOf } from '../../cache.js'
import { formatDuration } from '../../duration.js'
import type { CacheEvent } from '../../stats/cache-event.js'
import { MAX_EVENTS } from '../../store/statistics.js'
import type { Json, Page } from '../handler-result.js'
import { badRequest } from '../http/http-error.js'
import { containsText, type MaskedKey } from '../masking/mask-key.js'
import type { PageRequest } from '../page-request.js'
import {
  type MaskedEvent,
  type MaskedEvents,
  readEventsIfUp,
  readMaskedEvents,
} from '../reading/masked-events.js'
import { countOf, past, whole } from '../rendering/figures.js'

const TYPES: Readonly<Record<CacheEvent['type'] | 'all', string>> = {
  all: 'All',
  delete: 'Deletes',
  expire: 'Soft expiries',
  clear: 'Clears',
  'store-failure': 'Store failures',
}

/** Choices for the maximum number of rows. */
const LIMITS: readonly number[] = [50, 100, 200, MAX_EVENTS]
const LIMIT = 100

interface EventFilter {
  readonly type: keyof typeof TYPES
  readonly q: string
  readonly limit: number
}

/** `GET /events`: invalidations with their origin, and store failures. */
export async function eventsPage(request: PageRequest): Promise<Page> {
  const { cache, links } = request
  const filter = filterOf(request)
  const { type, q, limit } = filter
  const log = await readEventsIfUp(request)
  const matching = log ? log.events.filter((event) => matches(event, filter)) : []
  return {
    view: 'events',
    title: 'Events',
    live: true,
    data: {
      ...{ type, q, limit },
      scope: internalsOf(cache).statisticsScope,
      covers: internalsOf(cache).statisticsScope === 'all processes' ? 'all' : 'one',
      process: cache.processStats().process,
      state: stateOf(log, matching),
      types: Object.entries(TYPES).map(([name, label]) => ({
        label,
        href: links.events({ ...filter, type: name === 'all' ? '' : name }),
        isChosen: name === type,
      })),
      limits: [...new Set([...LIMITS, limit])].sort((one, other) => one - other),
      rows: matching.slice(0, limit).map((event) => eventRow(event, request)),
      matching: whole(matching.length),
      recorded: countOf(log?.recorded ?? 0, 'event'),
      leftOut: log?.leftOut ? whole(log.leftOut) : undefined,
      all: links.events(),
    },
  }
}

/** `GET /api/events`. Times in milliseconds since the epoch. */
export async function eventsJson(request: PageRequest): Promise<Json> {
  const filter = filterOf(request)
  const { recorded, leftOut, events: all } = await readMaskedEvents(request)
  const matching = all.filter((event) => matches(event, filter))
  return {
    json: {
      scope: internalsOf(request.cache).statisticsScope,
      now: request.now,
      recorded,
      leftOut,
      matching: matching.length,
      events: matching.slice(0, filter.limit).map((event) => ({ ...event, key: event.key.text })),
    },
  }
}

/** @throws HttpError */
function filterOf({ parameters }: PageRequest): EventFilter {
  const type = parameters.text('type') || 'all'
  if (!Object.hasOwn(TYPES, type)) {
    throw badRequest(`The parameter “type” must be one of ${Object.keys(TYPES).join(', ')}.`)
  }
  const limit = Math.min(parameters.count('limit') || LIMIT, MAX_EVENTS)
  return { type: type as EventFilter['type'], q: parameters.text('q'), limit }
}

/** Compares only what is shown, so that a search does not reveal a masked text. */
function matches(event: MaskedEvent, { type, q }: EventFilter): boolean {
  if (type !== 'all' && event.type !== type) return false
  const { key, route, user, process } = event
  const wanted = q.toLowerCase()
  return (
    wanted === '' ||
    containsText(key, wanted) ||
    [route, user, process].some((text) => text?.toLowerCase().includes(wanted))
  )
}

function stateOf(log: MaskedEvents | undefined, matching: readonly MaskedEvent[]) {
  if (log === undefined) return 'down'
  if (log.recorded === 0) return 'nothing yet'
  return matching.length === 0 ? 'no match' : 'found'
}

/** An event as a table row. */
export function eventRow(event: MaskedEvent, { links, now }: Pick<PageRequest, 'links' | 'now'>) {
  const { at, key, outcome, process, route, user, message, leftOut } = event
  return {
    at: past(at, now),
    name: nameOf(event),
    key: key.text === '' ? undefined : { text: key.text, href: hrefOf(key, links) },
    isOfAll: event.type === 'clear',
    outcome: outcomeOf(event),
    isBad: outcome === 'failed',
    leftOut: leftOut ? whole(leftOut) : undefined,
    ...{ process, route, user, message },
  }
}

/** Links to the key, or to the keys above its masked part. */
function hrefOf({ key, under }: MaskedKey, links: PageRequest['links']): string {
  return key ? links.key(key.text) : links.keys({ under })
}

function nameOf({ type, children, operation }: MaskedEvent): string {
  if (type === 'clear') return 'Deleted everything'
  if (type === 'store-failure') return `Store failure in ${operation ?? 'an operation'}`
  const name = type === 'expire' ? 'Marked stale' : 'Deleted'
  return children ? `${name} with children` : name
}

function outcomeOf({ type, outcome, at, until = at, count = 1 }: MaskedEvent): string {
  if (type === 'store-failure') {
    const within = until > at ? ` within ${formatDuration(until - at)}` : ''
    return count > 1 ? `failed ${whole(count)} times${within}` : 'failed'
  }
  return { deleted: 'done', expired: 'done', absent: 'not cached', failed: 'unconfirmed' }[outcome]
}

import { internalsOf } from '../../cache.js'
import { formatDuration } from '../../duration.js'
import type { CacheEvent } from '../../stats/cache-event.js'
import { MAX_EVENTS } from '../../store/statistics.js'
import { events, past, whole } from '../figures.js'
import { type KnownEvent, type KnownEvents, keptEvents, knownEvents } from '../known-events.js'
import { contains, type ShownKey } from '../mask-key.js'
import type { Json, Page, PageRequest } from '../page-request.js'
import { badRequest } from '../refusal.js'

const TYPES: Readonly<Record<CacheEvent['type'] | 'all', string>> = {
  all: 'All',
  delete: 'Deletes',
  expire: 'Soft expiries',
  clear: 'Clears',
  'store-failure': 'Troubles',
}

/** How many are shown at the most. */
const LIMITS: readonly number[] = [50, 100, 200, MAX_EVENTS]
const LIMIT = 100

interface Filter {
  readonly type: keyof typeof TYPES
  readonly q: string
  readonly limit: number
}

/** What was invalidated by whom, and what the store did not surely carry out. */
export async function eventsPage(visit: PageRequest): Promise<Page> {
  const { cache, links } = visit
  const filter = askedFilter(visit)
  const { type, q, limit } = filter
  const known = await knownEvents(visit)
  const matching = known ? known.events.filter((event) => matches(event, filter)) : []
  return {
    view: 'events',
    title: 'Events',
    live: true,
    data: {
      ...{ type, q, limit },
      scope: internalsOf(cache).statisticsScope,
      process: cache.processStats().process,
      state: stateOf(known, matching),
      types: Object.entries(TYPES).map(([name, label]) => ({
        label,
        href: links.events({ ...filter, type: name === 'all' ? '' : name }),
        isChosen: name === type,
      })),
      limits: [...new Set([...LIMITS, limit])].sort((one, other) => one - other),
      rows: matching.slice(0, limit).map((event) => eventRow(event, visit)),
      matching: whole(matching.length),
      kept: events(known?.kept ?? 0),
      leftOut: known?.leftOut ? whole(known.leftOut) : undefined,
      all: links.events(),
    },
  }
}

/** `GET /api/events`: the same. Times in milliseconds since the epoch. */
export async function eventsJson(visit: PageRequest): Promise<Json> {
  const filter = askedFilter(visit)
  const { kept, leftOut, events: all } = await keptEvents(visit)
  const matching = all.filter((event) => matches(event, filter))
  return {
    json: {
      scope: internalsOf(visit.cache).statisticsScope,
      now: visit.now,
      kept,
      leftOut,
      matching: matching.length,
      events: matching.slice(0, filter.limit).map((event) => ({ ...event, key: event.key.text })),
    },
  }
}

/** @throws Refusal */
function askedFilter({ parameters }: PageRequest): Filter {
  const type = parameters.text('type') || 'all'
  if (!Object.hasOwn(TYPES, type)) {
    throw badRequest(`The parameter “type” must be one of ${Object.keys(TYPES).join(', ')}.`)
  }
  const limit = Math.min(parameters.count('limit') || LIMIT, MAX_EVENTS)
  return { type: type as Filter['type'], q: parameters.text('q'), limit }
}

/** By what is shown: a text that is masked is not found either. */
function matches(event: KnownEvent, { type, q }: Filter): boolean {
  if (type !== 'all' && event.type !== type) return false
  const { key, route, user, process } = event
  const wanted = q.toLowerCase()
  return (
    wanted === '' ||
    contains(key, wanted) ||
    [route, user, process].some((text) => text?.toLowerCase().includes(wanted))
  )
}

function stateOf(known: KnownEvents | undefined, matching: readonly KnownEvent[]) {
  if (known === undefined) return 'down'
  if (known.kept === 0) return 'nothing yet'
  return matching.length === 0 ? 'no match' : 'found'
}

/** An event as pages show it. */
export function eventRow(event: KnownEvent, { links, now }: Pick<PageRequest, 'links' | 'now'>) {
  const { at, key, outcome, process, route, user, message, leftOut } = event
  return {
    at: past(at, now),
    what: whatOf(event),
    key: key.text === '' ? undefined : { text: key.text, href: hrefOf(key, links) },
    isOfAll: event.type === 'clear',
    outcome: outcomeOf(event),
    isBad: outcome === 'failed',
    leftOut: leftOut ? whole(leftOut) : undefined,
    ...{ process, route, user, message },
  }
}

/** To the key, or where a part of it is masked, to what lies above that. */
function hrefOf({ key, under }: ShownKey, links: PageRequest['links']): string {
  return key ? links.key(key.text) : links.keys({ under })
}

function whatOf({ type, children, operation }: KnownEvent): string {
  if (type === 'clear') return 'Everything deleted'
  if (type === 'store-failure') return `Trouble with ${operation ?? 'an operation'}`
  const what = type === 'expire' ? 'Let expire' : 'Deleted'
  return children ? `${what} with everything below` : what
}

function outcomeOf({ type, outcome, at, until = at, count = 1 }: KnownEvent): string {
  if (type === 'store-failure') {
    const within = until > at ? ` within ${formatDuration(until - at)}` : ''
    return count > 1 ? `failed ${whole(count)} times${within}` : 'failed'
  }
  return { deleted: 'done', expired: 'done', absent: 'nothing was there', failed: 'not surely done' }[outcome]
}

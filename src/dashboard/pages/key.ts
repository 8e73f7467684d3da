import { UnbuiltValue } from '../../codec/unbuilt.js'
import { formatDuration } from '../../duration.js'
import { describeUnknown, type Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { CacheEvent } from '../../stats/cache-event.js'
import type { Json, Page } from '../handler-result.js'
import { HttpError } from '../http/http-error.js'
import type { PageRequest } from '../page-request.js'
import { readEventsIfUp } from '../reading/masked-events.js'
import { countOf, future, past, size, whole } from '../rendering/figures.js'
import { yieldAfterSlice } from '../scheduling/time-slices.js'
import { beginningText, truncated, valueText } from '../value-text.js'
import { eventRow } from './events.js'
import { crumbsOf } from './parts/crumbs.js'
import { inspect } from './parts/inspect.js'
import { requestedKey } from './parts/requested-key.js'

/** Maximum number of characters of a value on its page; the download has all of them. */
const SHOWN = 20_000

/** Maximum size in bytes of a value that is decoded for its page: a larger one would block the event loop. */
const BUILT = 1024 * 1024

/** Maximum number of a key's events on its page. */
const EVENTS = 10

/** The headline of each state, and its color. */
const STATES: Readonly<Record<Inspection['state'], { readonly headline: string; readonly tone: string }>> = {
  fresh: { headline: 'Cached', tone: 'good' },
  stale: { headline: 'Stale', tone: 'warn' },
  computing: { headline: 'Computing', tone: 'plain' },
  missing: { headline: 'Not cached', tone: 'warn' },
  unknown: { headline: 'Unknown', tone: 'bad' },
}

/** `GET /keys/…`: the state, value, events and generations of one key. */
export async function keyPage(request: PageRequest): Promise<Page> {
  const { cache, links, now, readOnly } = request
  const key = requestedKey(request)
  const [found, last] = await Promise.all([inspect(request, key, BUILT), lastEvents(key, request)])
  return {
    view: 'key',
    title: key.text,
    live: true,
    data: {
      text: key.text,
      unescaped: unescapedOf(key),
      crumbs: crumbsOf(key.parent, request),
      last: key.segments.at(-1),
      ...STATES[found.state],
      isCached: found.state === 'fresh' || found.state === 'stale',
      enabled: cache.enabled,
      why: found.why,
      facts: {
        remainingMs: Math.round(found.ttlMs ?? 0),
        expires: found.ttlMs ? future(found.ttlMs, now) : undefined,
        size: found.bytes === undefined ? undefined : size(found.bytes),
        written: found.writtenAt === undefined ? undefined : past(found.writtenAt, now),
        by: found.writtenBy,
        isInProcessMemory: found.tier === 'process',
        computing: found.computingMs === undefined ? undefined : formatDuration(found.computingMs),
        deleted: found.provenance && { ...found.provenance, at: past(found.provenance.at, now) },
      },
      value: await shownValue(found, request),
      generations: found.generations.map(({ of, id }, depth) => ({ of, id, prefix: depth === 0 })),
      events: last,
      belowHref: links.keys({ under: key.text }),
      deleteHref: readOnly ? undefined : links.delete({ key: key.text }),
    },
  }
}

/** `GET /api/key?key=…`. Times in milliseconds; `now`, `at` and `writtenAt` since the epoch. */
export async function keyJson(request: PageRequest): Promise<Json> {
  const key = requestedKey(request)
  const [found, log] = await Promise.all([
    inspect(request, key, BUILT),
    readEventsIfUp(request, concerns(key)),
  ])
  if (found.state === 'unknown' || log === undefined) throw new HttpError(503, describeUnknown(key).why)
  const { value: _, ...about } = found
  const { kind, text, isWhole, isDamaged } = await shownValue(found, request)
  return {
    json: {
      now: request.now,
      ...about,
      value: { kind, text, isWhole, isDamaged: isDamaged || undefined },
      events: log.events.slice(0, EVENTS).map((event) => ({ ...event, key: event.key.text })),
    },
  }
}

/** The key's parts without escapes; `undefined` where nothing is escaped. */
function unescapedOf(key: CacheKey): string | undefined {
  const unescaped = key.parts.map(String).join(' › ')
  return unescaped === key.segments.join(' › ') ? undefined : unescaped
}

/** Matches invalidations of a key, alone or with the children of a key above it. */
function concerns(key: CacheKey): (event: CacheEvent) => boolean {
  const above = new Set(key.ancestors)
  return ({ type, key: of, children = false }) =>
    type === 'clear' ||
    ((type === 'delete' || type === 'expire') && (of === key.text || (children && above.has(of))))
}

/** A key's last invalidations; `undefined` while the store is down. */
async function lastEvents(key: CacheKey, request: PageRequest) {
  const log = await readEventsIfUp(request, concerns(key))
  if (log === undefined) return undefined
  return {
    rows: log.events.slice(0, EVENTS).map((event) => eventRow(event, request)),
    more: Math.max(0, log.events.length - EVENTS),
    recorded: countOf(log.recorded, 'recorded event'),
    leftOut: log.leftOut ? whole(log.leftOut) : undefined,
  }
}

interface ShownValue {
  /** `none`: the key is not cached. `hidden`: the dashboard hides values. `masked`: the key looks like a secret's name. */
  readonly kind: 'none' | 'hidden' | 'masked' | 'shown'
  readonly text?: string
  readonly isWhole?: boolean
  /** Whether the text ends where the stored bytes are damaged. */
  readonly isDamaged?: boolean
  /** Number of characters shown, as text. */
  readonly limit?: string
  readonly download?: string
}

async function shownValue(
  { state, value, key }: Inspection,
  { hideValues, secrets, links }: PageRequest,
): Promise<ShownValue> {
  if (state !== 'fresh' && state !== 'stale') return { kind: 'none' }
  if (hideValues) return { kind: 'hidden' }
  if (secrets.inKey(key)) return { kind: 'masked' }
  const beginning = value instanceof UnbuiltValue ? await value.beginning(yieldAfterSlice) : undefined
  const longest = { longest: 2 * SHOWN }
  const pieces = beginning ? beginningText(beginning, secrets, longest) : valueText(value, secrets, longest)
  const { text, whole: isAll } = await truncated(pieces, SHOWN, yieldAfterSlice)
  return {
    kind: 'shown',
    text,
    isWhole: isAll && beginning === undefined,
    isDamaged: isAll && beginning?.isDamaged === true,
    limit: whole(isAll ? text.length : SHOWN),
    download: links.download(key.text),
  }
}

import { UnbuiltValue } from '../../codec/unbuilt.js'
import { formatDuration } from '../../duration.js'
import type { Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { CacheEvent } from '../../stats/cache-event.js'
import { events, future, past, size, whole } from '../figures.js'
import { knownEvents } from '../known-events.js'
import type { Json, Page, PageRequest } from '../page-request.js'
import { Refusal } from '../refusal.js'
import { shareTurn } from '../turns.js'
import { beginningText, truncated, valueText } from '../value-text.js'
import { askedKey } from './asked-key.js'
import { crumbsOf } from './crumbs.js'
import { eventRow } from './events.js'
import { inspect } from './inspect.js'

/** So many characters of a value are shown; the download has all of them. */
const SHOWN = 20_000

/** Maximum size of a value that is built for its page: a larger one would hold up the event loop. In bytes. */
const BUILT = 1024 * 1024

/** So many of a key's last events are shown. */
const EVENTS = 10

/** Everything known about one key. */
export async function keyPage(visit: PageRequest): Promise<Page> {
  const { cache, links, now, readOnly } = visit
  const key = askedKey(visit)
  const [found, last] = await Promise.all([inspect(visit, key, BUILT), lastEvents(key, visit)])
  return {
    view: 'key',
    title: key.text,
    live: true,
    data: {
      text: key.text,
      readable: key.parts.map(String).join(' › '),
      crumbs: crumbsOf(key.parent, visit),
      last: key.segments.at(-1),
      state: found.state,
      enabled: cache.enabled,
      why: found.why,
      facts: {
        remainingMs: found.ttlMs === undefined ? undefined : Math.round(found.ttlMs),
        expires: found.ttlMs === undefined ? undefined : future(found.ttlMs, now),
        size: found.bytes === undefined ? undefined : size(found.bytes),
        written: found.writtenAt === undefined ? undefined : past(found.writtenAt, now),
        by: found.writtenBy,
        isRemembered: found.tier === 'process',
        computing: found.computingMs === undefined ? undefined : formatDuration(found.computingMs),
        deleted: found.provenance && { ...found.provenance, at: past(found.provenance.at, now) },
      },
      value: await shownValue(found, visit),
      generations: found.generations.map(({ of, id }, depth) => ({ of, id, prefix: depth === 0 })),
      events: last,
      belowHref: links.keys({ under: key.text }),
      deleteHref: readOnly ? undefined : links.delete({ key: key.text }),
    },
  }
}

/** `GET /api/key?key=…`: the same. Times in milliseconds, those since the epoch being called `at` and `writtenAt`. */
export async function keyJson(visit: PageRequest): Promise<Json> {
  const key = askedKey(visit)
  const [found, known] = await Promise.all([inspect(visit, key, BUILT), knownEvents(visit, concerns(key))])
  if (found.state === 'unknown' || known === undefined) throw new Refusal(503, found.why)
  const { value: _, ...about } = found
  const { kind, text, isWhole, isDamaged } = await shownValue(found, visit)
  return {
    json: {
      now: visit.now,
      ...about,
      value: { kind, text, isWhole, isDamaged: isDamaged || undefined },
      events: known.events.slice(0, EVENTS).map((event) => ({ ...event, key: event.key.text })),
    },
  }
}

/** Whether an event is an invalidation of a key, or of what lies above it. */
function concerns(key: CacheKey): (event: CacheEvent) => boolean {
  const above = new Set(key.ancestors)
  return ({ type, key: of, children = false }) =>
    type === 'clear' ||
    ((type === 'delete' || type === 'expire') && (of === key.text || (children && above.has(of))))
}

/** The last of them; `undefined` while the store does not answer. */
async function lastEvents(key: CacheKey, visit: PageRequest) {
  const known = await knownEvents(visit, concerns(key))
  if (known === undefined) return undefined
  return {
    rows: known.events.slice(0, EVENTS).map((event) => eventRow(event, visit)),
    more: Math.max(0, known.events.length - EVENTS),
    kept: events(known.kept),
    leftOut: known.leftOut ? whole(known.leftOut) : undefined,
  }
}

interface ShownValue {
  /** `none`: there is none; `hidden`: the dashboard shows no values; `masked`: its key looks secret. */
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
  const beginning = value instanceof UnbuiltValue ? await value.beginning(shareTurn) : undefined
  const longest = { longest: 2 * SHOWN }
  const pieces = beginning ? beginningText(beginning, secrets, longest) : valueText(value, secrets, longest)
  const { text, whole: isAll } = await truncated(pieces, SHOWN, shareTurn)
  return {
    kind: 'shown',
    text,
    isWhole: isAll && beginning === undefined,
    isDamaged: isAll && beginning?.isDamaged === true,
    limit: whole(isAll ? text.length : SHOWN),
    download: links.download(key.text),
  }
}

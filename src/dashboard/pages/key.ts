import { UnbuiltValue } from '../../codec/unbuilt.js'
import { formatDuration } from '../../duration.js'
import type { Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { CacheEvent } from '../../stats/events.js'
import { Refusal } from '../http/refusal.js'
import { maskedText } from '../masking/mask-text.js'
import type { Json, Page, PageRequest } from '../page-request.js'
import { readEventsIfUp } from '../reading/masked-events.js'
import { events, future, past, size, whole } from '../rendering/figures.js'
import { shareTurn } from '../scheduling/turns.js'
import { truncated, valueText } from '../value-text.js'
import { crumbsOf } from './crumbs.js'
import { eventRow } from './events.js'
import { inspect } from './inspect.js'
import { requestedKey } from './requested-key.js'

/** So many characters of a value are shown; the download has all of them. */
const SHOWN = 20_000

/** Maximum size of a value that is built for its page: a larger one would hold up the event loop. In bytes. */
const BUILT = 1024 * 1024

/** So many of a key's last events are shown. */
const EVENTS = 10

/** Everything known about one key. */
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
      readable: key.parts.map(String).join(' › '),
      crumbs: crumbsOf(key.parent, request),
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
      value: await shownValue(found, request),
      generations: found.generations.map(({ of, id }, depth) => ({ of, id, prefix: depth === 0 })),
      events: last,
      belowHref: links.keys({ under: key.text }),
      deleteHref: readOnly ? undefined : links.delete({ key: key.text }),
    },
  }
}

/** `GET /api/key?key=…`: the same. Times in milliseconds, those since the epoch being called `at` and `writtenAt`. */
export async function keyJson(request: PageRequest): Promise<Json> {
  const key = requestedKey(request)
  const [found, known] = await Promise.all([
    inspect(request, key, BUILT),
    readEventsIfUp(request, concerns(key)),
  ])
  if (found.state === 'unknown' || known === undefined) throw new Refusal(503, found.why)
  const { value: _, ...about } = found
  const { kind, text, isWhole } = await shownValue(found, request)
  return {
    json: {
      now: request.now,
      ...about,
      value: { kind, text, isWhole },
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
async function lastEvents(key: CacheKey, request: PageRequest) {
  const known = await readEventsIfUp(request, concerns(key))
  if (known === undefined) return undefined
  return {
    rows: known.events.slice(0, EVENTS).map((event) => eventRow(event, request)),
    more: Math.max(0, known.events.length - EVENTS),
    kept: events(known.kept),
    leftOut: known.leftOut ? whole(known.leftOut) : undefined,
  }
}

interface ShownValue {
  /**
   * `none`: there is none; `hidden`: the dashboard shows no values; `masked`: its key looks secret; `large`: it would
   * have to be built to be shown, and `text` is its size.
   */
  readonly kind: 'none' | 'hidden' | 'masked' | 'shown' | 'large'
  readonly text?: string
  readonly isWhole?: boolean
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
  const more = { limit: whole(SHOWN), download: links.download(key.text) }
  if (value instanceof UnbuiltValue) {
    const beginning = await value.beginning(2 * SHOWN)
    if (beginning === undefined) return { kind: 'large', text: size(value.bytes), isWhole: false, ...more }
    const { text } = await truncated(maskedText(beginning, secrets), SHOWN, shareTurn)
    return { kind: 'shown', text, isWhole: false, ...more }
  }
  const pieces = valueText(value, secrets, { longest: 2 * SHOWN })
  const { text, whole: isWhole } = await truncated(pieces, SHOWN, shareTurn)
  return { kind: 'shown', text, isWhole, ...more }
}

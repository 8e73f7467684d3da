import { formatDuration } from '../../duration.js'
import type { Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import { events, future, past, size, whole } from '../figures.js'
import { knownEvents } from '../known-events.js'
import { truncated, valueText } from '../value-text.js'
import type { Page, Visit } from '../visit.js'
import { askedKey } from './asked-key.js'
import { eventRow } from './events.js'
import { inspect } from './inspect.js'
import { crumbsOf } from './keys.js'

/** So many characters of a value are shown; the download has all of them. */
const SHOWN = 20_000

/** So many of a key's last events are shown. */
const EVENTS = 10

/** Everything known about one key. */
export async function keyPage(visit: Visit): Promise<Page> {
  const { cache, links, now, readOnly } = visit
  const key = askedKey(visit)
  const [found, last] = await Promise.all([inspect(visit, key), lastEvents(key, visit)])
  return {
    view: 'key',
    title: key.text,
    data: {
      text: key.text,
      readable: key.parts.map(String).join(' › '),
      crumbs: crumbsOf(key.parent, visit),
      last: key.segments.at(-1),
      state: found.state,
      enabled: cache.enabled,
      why: found.why,
      facts: {
        expires: found.ttlMs === undefined ? undefined : future(found.ttlMs, now),
        size: found.bytes === undefined ? undefined : size(found.bytes),
        written: found.writtenAt === undefined ? undefined : past(found.writtenAt, now),
        by: found.writtenBy,
        computing: found.computingMs === undefined ? undefined : formatDuration(found.computingMs),
        deleted: found.provenance && { ...found.provenance, at: past(found.provenance.at, now) },
      },
      value: shownValue(found, visit),
      generations: found.generations.map(({ of, id }, depth) => ({ of, id, prefix: depth === 0 })),
      events: last,
      belowHref: links.keys({ under: key.text }),
      deleteHref: readOnly ? undefined : links.delete({ key: key.text }),
    },
  }
}

/** The last invalidations of a key or of what lies above it; `undefined` while the store does not answer. */
async function lastEvents(key: CacheKey, visit: Visit) {
  const above = new Set(key.ancestors)
  const known = await knownEvents(
    visit,
    ({ type, key: of, children = false }) =>
      type === 'clear' ||
      ((type === 'delete' || type === 'expire') && (of === key.text || (children && above.has(of)))),
  )
  if (known === undefined) return undefined
  return {
    rows: known.events.slice(0, EVENTS).map((event) => eventRow(event, visit)),
    more: Math.max(0, known.events.length - EVENTS),
    kept: events(known.kept),
    leftOut: known.leftOut ? whole(known.leftOut) : undefined,
  }
}

function shownValue({ state, value, key }: Inspection, { hideValues, secrets, links }: Visit) {
  if (state !== 'fresh' && state !== 'stale') return { kind: 'none' }
  if (hideValues) return { kind: 'hidden' }
  if (secrets.inKey(key)) return { kind: 'masked' }
  const { text, whole: isWhole } = truncated(valueText(value, secrets, { longest: 2 * SHOWN }), SHOWN)
  return { kind: 'shown', text, isWhole, limit: whole(SHOWN), download: links.download(key.text) }
}

import { formatDuration } from '../../duration.js'
import type { Inspection } from '../../inspection.js'
import { future, past, size, whole } from '../figures.js'
import { truncated, valueText } from '../value-text.js'
import type { Page, Visit } from '../visit.js'
import { askedKey } from './asked-key.js'
import { inspect } from './inspect.js'
import { crumbsOf } from './keys.js'

/** So many characters of a value are shown; the download has all of them. */
const SHOWN = 20_000

/** Everything known about one key. */
export async function keyPage(visit: Visit): Promise<Page> {
  const { cache, links, now, readOnly } = visit
  const key = askedKey(visit)
  const found = await inspect(cache, key)
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
      belowHref: links.keys({ under: key.text }),
      deleteHref: readOnly ? undefined : links.delete({ key: key.text }),
    },
  }
}

function shownValue({ state, value, key }: Inspection, { hideValues, secrets, links }: Visit) {
  if (state !== 'fresh' && state !== 'stale') return { kind: 'none' }
  if (hideValues) return { kind: 'hidden' }
  if (secrets.inKey(key)) return { kind: 'masked' }
  const { text, whole: isWhole } = truncated(valueText(value, secrets, { longest: 2 * SHOWN }), SHOWN)
  return { kind: 'shown', text, isWhole, limit: whole(SHOWN), download: links.download(key.text) }
}

import type { KeyedCache } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { ListedEntry } from '../../store/store.js'
import { future, past, size, whole } from '../figures.js'
import { Refusal } from '../refusal.js'
import { type Scan, scan } from '../scan.js'
import type { Page, Visit } from '../visit.js'
import { toKey } from './asked-key.js'

const PAGE = 100

/** The live keys, a page at a time. */
export async function keysPage(visit: Visit): Promise<Page> {
  const { cache, parameters, links } = visit
  const under = parameters.text('under') === '' ? undefined : toKey(parameters.text('under'))
  const q = parameters.text('q')
  const cursor = parameters.text('cursor') || undefined
  const found = await look(cache, under, q, cursor)
  const seen = parameters.count('seen') + (found?.scanned ?? 0)
  const filter = { under: under?.text, q }
  return {
    view: 'keys',
    title: under === undefined ? 'Keys' : `Keys under ${under.text}`,
    // A cursor says how far a scan has come: what it leads to later is another part of the keys.
    live: cursor === undefined,
    data: {
      under: under?.text,
      q,
      crumbs: crumbsOf(under, visit),
      state: found === undefined ? 'down' : stateOf(found, cache, filter, cursor),
      enabled: cache.enabled,
      rows: found ? found.entries.map((entry) => row(entry, visit)) : [],
      found: whole(found?.entries.length ?? 0),
      scanned: whole(Math.min(seen, found?.total ?? 0)),
      total: whole(found?.total ?? 0),
      first: cursor === undefined ? undefined : links.keys(filter),
      next: found?.cursor === undefined ? undefined : links.keys({ ...filter, cursor: found.cursor, seen }),
      deleteHref: under === undefined || visit.readOnly ? undefined : links.delete({ key: under.text }),
      underHref: under === undefined ? undefined : links.key(under.text),
    },
  }
}

async function look(
  cache: KeyedCache,
  under: CacheKey | undefined,
  q: string,
  cursor: string | undefined,
): Promise<Scan | undefined> {
  const wanted = q.toLowerCase()
  const matches =
    wanted === ''
      ? undefined
      : (key: CacheKey) => textsOf(key).some((text) => text.toLowerCase().includes(wanted))
  try {
    return await scan(cache, { under, cursor, enough: PAGE, matches })
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    if (cursor !== undefined && (await answers(cache))) {
      throw new Refusal(400, 'There is no such page of the listing.', 'Start again from its first page.')
    }
    return undefined
  }
}

/** A key as it is written, and as it reads. */
export function textsOf(key: CacheKey): string[] {
  return [key.text, key.parts.map(String).join('::')]
}

async function answers(cache: KeyedCache): Promise<boolean> {
  try {
    await cache.check()
    return true
  } catch {
    return false
  }
}

function stateOf(
  { entries, cursor }: Scan,
  { enabled }: KeyedCache,
  { under, q }: { readonly under: string | undefined; readonly q: string },
  start: string | undefined,
): 'found' | 'nothing yet' | 'off' | 'no match' {
  if (entries.length > 0) return 'found'
  if (under !== undefined || q !== '' || cursor !== undefined || start !== undefined) return 'no match'
  return enabled ? 'nothing yet' : 'off'
}

function row({ key, bytes, ttlMs, writtenAt, writtenBy }: ListedEntry, { links, now }: Visit) {
  return {
    text: key.text,
    href: links.key(key.text),
    size: size(bytes),
    expires: ttlMs > 0 ? future(ttlMs, now) : undefined,
    written: past(writtenAt, now),
    by: writtenBy,
  }
}

/** The way down to a key, a step for each of its segments. */
export function crumbsOf(key: CacheKey | undefined, { links }: Visit) {
  if (key === undefined) return []
  const texts = [...key.ancestors, key.text]
  return key.segments.map((segment, depth) => ({ segment, href: links.keys({ under: texts[depth] }) }))
}

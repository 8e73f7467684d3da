import type { KeyedCache } from '../../cache.js'
import type { Json, Page, StreamedPage } from '../handler-result.js'
import type { PageRequest } from '../page-request.js'
import { branchesOf } from '../reading/branches.js'
import { type KeyScan, scan } from '../reading/scan.js'
import { whole } from '../rendering/figures.js'
import { crumbsOf } from './parts/crumbs.js'
import { type KeyFilter, keyFilterOf, unlessStoreDown } from './parts/key-filter.js'
import { keyRow, keyRowJson } from './parts/key-row.js'
import { searchPage } from './parts/search.js'

const PAGE = 100

/** `GET /keys`: the live keys, a page at a time, or with `whole` the full search. */
export async function keysPage(request: PageRequest): Promise<Page | StreamedPage> {
  const { cache, parameters, links } = request
  const filter = keyFilterOf(request)
  if (parameters.yes('whole')) return searchPage(request, filter)
  const { under, q, cursor } = filter
  const found = await scanIfUp(request, filter)
  const seen = parameters.count('seen') + (found?.scanned ?? 0)
  const same = { under: under?.text, q }
  const isSearch = under !== undefined || q !== ''
  return {
    view: 'keys',
    title: under === undefined ? 'Keys' : `Keys under ${under.text}`,
    // A cursor leads to other keys each time, so its page is not refreshed.
    live: cursor === undefined,
    data: {
      ...same,
      crumbs: crumbsOf(under, request),
      state: found === undefined ? 'down' : stateOf(found, cache, filter),
      enabled: cache.enabled,
      rows: found ? found.entries.map((entry) => keyRow(entry, request)) : [],
      branches: found ? shownBranches(found, filter, request) : [],
      found: whole(found?.entries.length ?? 0),
      scanned: whole(Math.min(seen, found?.total ?? 0)),
      total: whole(found?.total ?? 0),
      first: cursor === undefined ? undefined : links.keys(same),
      next: found?.cursor === undefined ? undefined : links.keys({ ...same, cursor: found.cursor, seen }),
      all: isSearch && found?.cursor !== undefined ? links.keys({ ...same, whole: 'yes' }) : undefined,
      deleteHref: under === undefined || request.readOnly ? undefined : links.delete({ key: under.text }),
      underHref: under === undefined ? undefined : links.key(under.text),
    },
  }
}

/** `GET /api/keys`: a page of live keys, masked as on the page. */
export async function keysJson(request: PageRequest): Promise<Json> {
  const filter = keyFilterOf(request)
  try {
    const { entries, scanned, total, cursor = null } = await scanPage(request, filter)
    const keys = entries.map((entry) => keyRowJson(entry, request))
    return { json: { now: request.now, keys, scanned, total, cursor } }
  } catch (error) {
    await unlessStoreDown(error, request, filter)
    throw error
  }
}

/** A page of live keys; `undefined` while the store is down. */
async function scanIfUp(request: PageRequest, filter: KeyFilter): Promise<KeyScan | undefined> {
  try {
    return await scanPage(request, filter)
  } catch (error) {
    await unlessStoreDown(error, request, filter)
    return undefined
  }
}

function shownBranches({ entries }: KeyScan, { under }: KeyFilter, { secrets, links }: PageRequest) {
  const keys = entries.map(({ key }) => key)
  return branchesOf(keys, under, secrets).map((branch) => ({
    segment: branch.segment,
    keys: whole(branch.keys),
    href: links.keys({ under: branch.under }),
  }))
}

function scanPage({ cache }: PageRequest, { under, cursor, matches }: KeyFilter): Promise<KeyScan> {
  return scan(cache, { under, cursor, enough: PAGE, matches })
}

function stateOf(
  { entries, cursor }: KeyScan,
  { enabled }: KeyedCache,
  { under, q, cursor: start }: KeyFilter,
): 'found' | 'nothing yet' | 'off' | 'no match' {
  if (entries.length > 0) return 'found'
  if (under !== undefined || q !== '' || cursor !== undefined || start !== undefined) return 'no match'
  return enabled ? 'nothing yet' : 'off'
}

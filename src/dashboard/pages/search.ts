import { CacheNotRespondingError } from '../../errors.js'
import { Refusal } from '../http/refusal.js'
import type { PageRequest, Part, StreamedPage } from '../page-request.js'
import { type FullScan, scanAll } from '../reading/full-scan.js'
import { whole } from '../rendering/figures.js'
import { Places } from '../scheduling/places.js'
import { crumbsOf } from './crumbs.js'
import { type KeyFilter, unlessStoreDown } from './key-filter.js'
import { keyRow } from './key-row.js'

/** So many rows a page has, about; a link goes on from there. */
const ENOUGH = 1_000

/** Maximum number of searches at one time in this process, and of those that wait; and the longest wait. */
const searches = new Places(2, 16)
const MAX_WAIT_MS = 60_000
const RETRY_AFTER_S = 10

/** A search through all names, sent while it goes on; it ends when whoever asked goes away. */
export async function searchPage(request: PageRequest, filter: KeyFilter): Promise<StreamedPage> {
  await refuseForeign(request, filter)
  if (searches.isFull) throw busy()
  const { under } = filter
  return {
    view: 'keys',
    title: under === undefined ? 'All keys' : `All keys under ${under.text}`,
    parts: (signal) => searching(request, filter, signal),
  }
}

/** Once a page has begun it is too late to refuse its cursor. */
async function refuseForeign(request: PageRequest, filter: KeyFilter): Promise<void> {
  const { cursor } = filter
  if (cursor === undefined) return
  const look = request.cache.list({ cursor, scan: 1, matches: () => false })
  await look.catch((error: unknown) => unlessStoreDown(error, request, filter))
}

async function* searching(
  request: PageRequest,
  filter: KeyFilter,
  signal: AbortSignal,
): AsyncGenerator<Part> {
  const { cache, links, parameters } = request
  const { under, q, cursor, matches } = filter
  const same = { under: under?.text, q }
  const before = parameters.count('seen')
  const progress = ({ found, scanned, total }: FullScan) => {
    const seen = Math.min(before + scanned, total)
    return { found: whole(found), seen, all: total, scanned: whole(seen), total: whole(total) }
  }
  const first = links.keys(same)
  let last: FullScan = { entries: [], found: 0, scanned: 0, total: 0, cursor }
  let state: 'down' | 'busy' | undefined
  const mustWait = !searches.isFree
  // Before anything is awaited: no other search can come in between the check and this.
  const place = searches.take(AbortSignal.any([signal, AbortSignal.timeout(MAX_WAIT_MS)]))
  try {
    yield {
      view: 'search/start',
      data: { ...same, crumbs: crumbsOf(under, request), enabled: cache.enabled, stop: first },
    }
    if (mustWait) yield { view: 'search/wait', data: {} }
    if ((await place) === undefined) state = 'busy'
    else {
      for await (last of scanAll(cache, { under, cursor, matches, enough: ENOUGH, signal })) {
        const rows = last.entries.map((entry) => keyRow(entry, request))
        yield { view: 'search/step', data: { rows, ...progress(last) } }
      }
    }
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    state = 'down'
  } finally {
    const leave = await place
    leave?.()
  }
  const seen = before + last.scanned
  yield {
    view: 'search/end',
    data: {
      ...progress(last),
      state: state ?? stateOf(last),
      isContinued: cursor !== undefined,
      next:
        last.cursor === undefined
          ? undefined
          : links.keys({ ...same, whole: 'yes', cursor: last.cursor, seen }),
      first,
    },
  }
}

function busy(): Refusal {
  const message = 'Too many searches through all names are under way in this process.'
  const hint = 'Try again in a few seconds, or look through the keys page by page.'
  return new Refusal(503, message, hint, undefined, RETRY_AFTER_S)
}

function stateOf({ cursor, found }: FullScan): 'more' | 'found' | 'no match' {
  if (cursor !== undefined) return 'more'
  return found > 0 ? 'found' : 'no match'
}

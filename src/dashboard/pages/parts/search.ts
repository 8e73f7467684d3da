import { CacheNotRespondingError } from '../../../errors.js'
import type { Part, StreamedPage } from '../../handler-result.js'
import { HttpError } from '../../http/http-error.js'
import type { PageRequest } from '../../page-request.js'
import { type ScanProgress, scanAll } from '../../reading/full-scan.js'
import { whole } from '../../rendering/figures.js'
import { Semaphore } from '../../scheduling/semaphore.js'
import { crumbsOf } from './crumbs.js'
import { type KeyFilter, unlessStoreDown } from './key-filter.js'
import { keyRow } from './key-row.js'

/** Approximate number of rows on a page; a link continues from there. */
const ENOUGH = 1_000

/** Concurrent searches in this process, searches that wait for a slot, and the longest wait. */
const searches = new Semaphore(2, 16)
const MAX_WAIT_MS = 60_000
const RETRY_AFTER_S = 10

/** A search of all names in the store. The page is sent while it runs, and the search ends when the client disconnects. */
export async function searchPage(request: PageRequest, filter: KeyFilter): Promise<StreamedPage> {
  await refuseForeign(request, filter)
  if (searches.isFull) throw busy()
  const { under } = filter
  return {
    view: 'keys',
    title: under === undefined ? 'Full search' : `Full search under ${under.text}`,
    parts: (signal) => searching(request, filter, signal),
  }
}

/** Refuses an invalid cursor with its own status, which is impossible once the page has begun. */
async function refuseForeign(request: PageRequest, filter: KeyFilter): Promise<void> {
  const { cursor } = filter
  if (cursor === undefined) return
  const probe = request.cache.list({ cursor, scan: 1, matches: () => false })
  await probe.catch((error: unknown) => unlessStoreDown(error, request, filter))
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
  const progress = ({ found, scanned, total }: ScanProgress) => {
    const seen = Math.min(before + scanned, total)
    return { found: whole(found), seen, all: total, scanned: whole(seen), total: whole(total) }
  }
  const first = links.keys(same)
  let last: ScanProgress = { entries: [], found: 0, scanned: 0, total: 0, cursor }
  let state: 'down' | 'busy' | undefined
  const mustWait = !searches.isFree
  // Before the first await, so that no other search takes the slot after the check.
  const place = searches.acquire(AbortSignal.any([signal, AbortSignal.timeout(MAX_WAIT_MS)]))
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

function busy(): HttpError {
  const message = 'Too many full searches are in progress in this process.'
  const hint = 'Try again in a few seconds, or list the keys page by page.'
  return new HttpError(503, message, hint, undefined, RETRY_AFTER_S)
}

function stateOf({ cursor, found }: ScanProgress): 'more' | 'found' | 'no match' {
  if (cursor !== undefined) return 'more'
  return found > 0 ? 'found' : 'no match'
}

import type { DeleteOutcome } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import { keys } from '../figures.js'
import { query } from '../links.js'
import type { Answer, Page, Visit } from '../visit.js'
import { asStaff, countOrUnknown } from './changing.js'

/** Asks for the prefix, typed in full: the only way to delete everything. */
export async function clearForm(visit: Visit): Promise<Page> {
  return formPage(visit)
}

export async function clearNow(visit: Visit): Promise<Answer> {
  const { cache, parameters, receipts, links } = visit
  const what = cache.keyPrefix
  if (parameters.text('prefix') !== what) {
    const error = `Nothing was deleted: that is not the prefix. Type ${what}, exactly so.`
    return { ...(await formPage(visit, error)), status: 400 }
  }
  const counted = await countOrUnknown(cache)
  const { outcome, at, user } = await asStaff(visit, 'clear', undefined, true, tryClear)
  if (outcome === 'failed') {
    return { view: 'not-done', title: 'Not deleted', status: 503, data: { what, again: links.clear() } }
  }
  const receipt = receipts.add({ action: 'clear', what, children: true, found: true, counted, at, user })
  return { to: `done${query({ receipt })}` }
}

async function formPage({ cache }: Visit, error?: string): Promise<Page> {
  const counted = await countOrUnknown(cache)
  return { view: 'clear', title: 'Delete everything', data: { counted: counted && keys(counted), error } }
}

async function tryClear(cache: Visit['cache']): Promise<DeleteOutcome> {
  try {
    return (await cache.clear()) ? 'deleted' : 'failed'
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return 'failed'
    throw error
  }
}

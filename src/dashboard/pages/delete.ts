import type { DeleteOutcome } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import { keys } from '../figures.js'
import { query } from '../links.js'
import type { Answer, Page, Visit } from '../visit.js'
import { askedKey } from './asked-key.js'
import { asStaff, countOrUnknown } from './changing.js'
import { inspect } from './inspect.js'

/** Asks what to delete, then shows what that would take away. */
export async function deleteForm(visit: Visit): Promise<Page> {
  const { parameters } = visit
  const children = parameters.yes('children')
  const asked = parameters.text('key')
  if (!parameters.yes('preview')) return formPage(asked, children)
  if (asked === '') return formPage(asked, children, NO_KEY)
  const key = askedKey(visit)
  return {
    view: 'delete-preview',
    title: 'Delete: preview',
    data: {
      key: key.text,
      children,
      change: visit.links.delete({ key: key.text }),
      ...(await preview(visit, key, children)),
    },
  }
}

/** Deletes. Without a key there is nothing to do, and nothing is what happens. */
export async function deleteNow(visit: Visit): Promise<Answer> {
  const { cache, parameters, receipts } = visit
  const children = parameters.yes('children')
  if (parameters.text('key') === '') return { ...formPage('', children, NO_KEY), status: 400 }
  const key = askedKey(visit)
  const counted = children ? await countOrUnknown(cache, key) : undefined
  const { outcome, at, user } = await asStaff(visit, 'delete', key.text, children, (own) =>
    tryDelete(own, key, children),
  )
  if (outcome === 'failed') {
    return {
      view: 'not-done',
      title: 'Not deleted',
      status: 503,
      data: { what: key.text, again: visit.links.delete({ key: key.text }) },
    }
  }
  const found = outcome === 'deleted'
  const receipt = receipts.add({ action: 'delete', what: key.text, children, found, counted, at, user })
  return { to: `done${query({ receipt, key: key.text })}` }
}

const NO_KEY = 'Give a key: without one, nothing is deleted. To delete everything there is a page of its own.'

function formPage(key: string, children: boolean, error?: string): Page {
  return { view: 'delete', title: 'Delete', data: { key, children, error } }
}

async function preview({ cache, links }: Visit, key: CacheKey, children: boolean) {
  const [found, counted] = await Promise.all([
    inspect(cache, key),
    children ? countOrUnknown(cache, key) : undefined,
  ])
  return {
    state: found.state,
    why: found.why,
    counted: counted && keys(counted),
    samples: (counted?.samples ?? []).map((text) => ({ text, href: links.key(text) })),
  }
}

async function tryDelete(cache: Visit['cache'], key: CacheKey, children: boolean): Promise<DeleteOutcome> {
  try {
    return await cache.deleteOutcome(key, { children })
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return 'failed'
    throw error
  }
}

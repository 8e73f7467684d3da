import type { CacheKey } from '../../key/cache-key.js'
import { keys } from '../figures.js'
import { maskKey } from '../mask-key.js'
import type { Page, Visit } from '../visit.js'
import { askedKey } from './asked-key.js'
import { changeAsStaff, countOrUnknown } from './changing.js'
import { inspect } from './inspect.js'
import { linked } from './linked.js'
import { resultPage } from './result.js'

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
export async function deleteNow(visit: Visit): Promise<Page> {
  const children = visit.parameters.yes('children')
  if (visit.parameters.text('key') === '') return { ...formPage('', children, NO_KEY), status: 400 }
  const key = askedKey(visit)
  const change = await changeAsStaff(visit, { key, children }, (own) => own.deleteOutcome(key, { children }))
  return resultPage(visit, change)
}

const NO_KEY = 'Give a key: without one, nothing is deleted. To delete everything there is a page of its own.'

function formPage(key: string, children: boolean, error?: string): Page {
  return { view: 'delete', title: 'Delete', data: { key, children, error } }
}

async function preview(visit: Visit, key: CacheKey, children: boolean) {
  const { cache, secrets } = visit
  const [found, counted] = await Promise.all([
    inspect(visit, key),
    children ? countOrUnknown(cache, key) : undefined,
  ])
  return {
    state: found.state,
    why: found.why,
    counted: counted && keys(counted),
    samples: (counted?.samples ?? []).map((sample) => linked(maskKey(sample, secrets), visit)),
  }
}

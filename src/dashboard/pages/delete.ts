import { internalsOf } from '../../cache.js'
import type { Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import { keys, recomputing } from '../figures.js'
import { maskKey } from '../mask-key.js'
import type { Page, PageRequest } from '../page-request.js'
import type { Count } from '../scan.js'
import { askedKey } from './asked-key.js'
import { changeAsStaff, countOrUnknown } from './changing.js'
import { inspect } from './inspect.js'
import { linked } from './linked.js'
import { resultPage } from './result.js'

/** Whether what is there goes, or stays as stale: the first is the default. */
const WAYS = ['delete', 'expire'] as const
type Way = (typeof WAYS)[number]

/** Asks what to delete, or to let expire, then shows what that would take away. */
export async function deleteForm(visit: PageRequest): Promise<Page> {
  const { parameters } = visit
  const children = parameters.yes('children')
  const how = parameters.oneOf('how', WAYS)
  const asked = parameters.text('key')
  if (!parameters.yes('preview')) return formPage({ key: asked, children, how })
  if (asked === '') return formPage({ key: asked, children, how }, NO_KEY)
  const key = askedKey(visit)
  return {
    view: 'delete-preview',
    title: how === 'expire' ? 'Let expire: preview' : 'Delete: preview',
    data: {
      key: key.text,
      children,
      how,
      change: visit.links.delete({ key: key.text, ...(how === 'expire' && { how }) }),
      ...(await preview(visit, key, children)),
    },
  }
}

/** Deletes, or lets expire. Without a key there is nothing to do, and nothing is what happens. */
export async function deleteNow(visit: PageRequest): Promise<Page> {
  const { parameters } = visit
  const children = parameters.yes('children')
  const how = parameters.oneOf('how', WAYS)
  if (parameters.text('key') === '') return { ...formPage({ key: '', children, how }, NO_KEY), status: 400 }
  const key = askedKey(visit)
  const change = await changeAsStaff(visit, { action: how, key, children }, (own) =>
    how === 'expire'
      ? internalsOf(own).expireOutcome(key, { children })
      : internalsOf(own).deleteOutcome(key, { children }),
  )
  return resultPage(visit, change)
}

const NO_KEY = 'Give a key: without one, nothing is deleted. To delete everything there is a page of its own.'

interface Choice {
  readonly key: string
  readonly children: boolean
  readonly how: Way
}

function formPage(choice: Choice, error?: string): Page {
  return { view: 'delete', title: 'Delete', data: { ...choice, error } }
}

/** The one key, as counted. */
function alone({ state, computingMs = 0 }: Inspection): Omit<Count, 'samples'> {
  const isThere = state === 'fresh' || state === 'stale'
  return { keys: isThere ? 1 : 0, more: false, computed: computingMs > 0 ? 1 : 0, computingMs }
}

async function preview(visit: PageRequest, key: CacheKey, children: boolean) {
  const { cache, secrets } = visit
  const [found, counted] = await Promise.all([
    inspect(visit, key),
    children ? countOrUnknown(cache, key) : undefined,
  ])
  return {
    state: found.state,
    why: found.why,
    counted: counted && keys(counted),
    cost: children ? counted && recomputing(counted) : recomputing(alone(found)),
    samples: (counted?.samples ?? []).map((sample) => linked(maskKey(sample, secrets), visit)),
  }
}

import { internalsOf } from '../../cache.js'
import type { Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { Page } from '../handler-result.js'
import { maskKey } from '../masking/mask-key.js'
import type { PageRequest } from '../page-request.js'
import type { Count } from '../reading/count.js'
import { keys, recomputing } from '../rendering/figures.js'
import { changeAsStaff, countOrUnknown } from './parts/changing.js'
import { inspect } from './parts/inspect.js'
import { linked } from './parts/linked.js'
import { requestedKey } from './parts/requested-key.js'
import { resultPage } from './parts/result.js'

/** The actions of the form; the first is the default. */
const ACTIONS = ['delete', 'expire'] as const
type Action = (typeof ACTIONS)[number]

const BUTTONS = {
  delete: { alone: 'Delete this key', withChildren: 'Delete with children' },
  expire: { alone: 'Mark this key stale', withChildren: 'Mark stale with children' },
} as const

/** The form, or with `preview` the keys that the change would affect. */
export async function deleteForm(request: PageRequest): Promise<Page> {
  const { parameters } = request
  const children = parameters.yes('children')
  const how = parameters.oneOf('how', ACTIONS)
  const text = parameters.text('key')
  if (!parameters.yes('preview')) return formPage({ key: text, children, how })
  if (text === '') return formPage({ key: text, children, how }, NO_KEY)
  const key = requestedKey(request)
  return {
    view: 'delete-preview',
    title: how === 'expire' ? 'Preview: mark stale' : 'Preview: delete',
    data: {
      key: key.text,
      children,
      how,
      button: BUTTONS[how][children ? 'withChildren' : 'alone'],
      change: request.links.delete({ key: key.text, ...(how === 'expire' && { how }) }),
      ...(await preview(request, key, children)),
    },
  }
}

/** Deletes keys or marks them stale. A request without a key changes nothing. */
export async function deleteNow(request: PageRequest): Promise<Page> {
  const { parameters } = request
  const children = parameters.yes('children')
  const how = parameters.oneOf('how', ACTIONS)
  if (parameters.text('key') === '') return { ...formPage({ key: '', children, how }, NO_KEY), status: 400 }
  const key = requestedKey(request)
  const change = await changeAsStaff(request, { action: how, key, children }, (own) =>
    how === 'expire'
      ? internalsOf(own).expireOutcome(key, { children })
      : internalsOf(own).deleteOutcome(key, { children }),
  )
  return resultPage(request, change)
}

const NO_KEY = 'Enter a key. To delete everything, use the link below the form.'

interface Choice {
  readonly key: string
  readonly children: boolean
  readonly how: Action
}

function formPage(choice: Choice, error?: string): Page {
  return { view: 'delete', title: 'Delete', data: { ...choice, error } }
}

/** The count for one key alone. */
function alone({ state, computingMs = 0 }: Inspection): Omit<Count, 'samples'> {
  const isThere = state === 'fresh' || state === 'stale'
  return { keys: isThere ? 1 : 0, more: false, computed: computingMs > 0 ? 1 : 0, computingMs }
}

async function preview(request: PageRequest, key: CacheKey, children: boolean) {
  const { cache, secrets } = request
  const [found, below] = await Promise.all([
    inspect(request, key),
    children ? countOrUnknown(cache, key) : undefined,
  ])
  const affected = children ? below : alone(found)
  return {
    isDown: found.state === 'unknown',
    isNotCached: !children && alone(found).keys === 0,
    affected: affected && keys(affected),
    why: children ? undefined : found.why,
    cost: affected && recomputing(affected),
    samples: (below?.samples ?? []).map((sample) => linked(maskKey(sample, secrets), request)),
  }
}

import type { Page } from '../../handler-result.js'
import type { PageRequest } from '../../page-request.js'
import { keys, past } from '../../rendering/figures.js'
import { type Change, countOrUnknown } from './changing.js'
import { inspect } from './inspect.js'

/**
 * The outcome of a change, and the current state in the store. That state can differ: another request may have written
 * since, and an unconfirmed change may have reached the store.
 */
export async function resultPage(request: PageRequest, change: Change): Promise<Page> {
  const { cache, links, now } = request
  const { action, key, children, outcome, before, at, user } = change
  const [found, after] = await Promise.all([key && inspect(request, key), countOrUnknown(cache, key)])
  const isUnconfirmed = outcome === 'failed'
  const title = isUnconfirmed ? 'Unconfirmed' : headline(change)
  return {
    view: 'result',
    title,
    status: isUnconfirmed ? 503 : 200,
    data: {
      action,
      outcome,
      children,
      isUnconfirmed,
      at: past(at, now),
      user: user ?? 'Unknown user',
      key: key && { text: key.text, href: links.key(key.text) },
      state: found && (found.state === 'fresh' ? `Cached. ${found.why}` : found.why),
      before: before ? keys(before) : 'unknown',
      isCounted: key === undefined || children,
      after: after ? keys(after) : 'unknown',
      keysHref: links.keys({ under: key?.parent?.text }),
      againHref: key
        ? links.delete({ key: key.text, ...(action === 'expire' && { how: action }) })
        : links.clear(),
    },
  }
}

function headline({ key, outcome, children }: Change): string {
  if (key === undefined) return 'Deleted everything'
  if (outcome === 'absent') return 'Not cached'
  const done = outcome === 'expired' ? 'Marked stale' : 'Deleted'
  return children ? `${done} with children` : done
}

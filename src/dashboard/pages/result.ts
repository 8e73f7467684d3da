import type { Page, PageRequest } from '../page-request.js'
import { keys, past } from '../rendering/figures.js'
import { type Change, countOrUnknown } from './changing.js'
import { inspect } from './inspect.js'

/**
 * What came of a change, and what the store says now: somebody may have been
 * quicker than this page, and a change that failed may have happened all the same.
 */
export async function resultPage(request: PageRequest, change: Change): Promise<Page> {
  const { cache, links, now } = request
  const { action, key, children, outcome, before, at, user } = change
  const [found, after] = await Promise.all([key && inspect(request, key), countOrUnknown(cache, key)])
  const failed = outcome === 'failed'
  return {
    view: 'result',
    title: failed ? `Not surely ${action === 'expire' ? 'expired' : 'deleted'}` : 'Result',
    status: failed ? 503 : 200,
    data: {
      action,
      outcome,
      children,
      before: before && keys(before),
      at: past(at, now),
      user,
      key: key && { text: key.text, href: links.key(key.text) },
      found: found && { state: found.state, why: found.why },
      after: after && keys(after),
      keysHref: links.keys({ under: key?.parent?.text }),
      againHref: key
        ? links.delete({ key: key.text, ...(action === 'expire' && { how: action }) })
        : links.clear(),
    },
  }
}

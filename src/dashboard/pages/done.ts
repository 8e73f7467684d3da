import { keys, past } from '../figures.js'
import type { Page, Visit } from '../visit.js'
import { toKey } from './asked-key.js'
import { countOrUnknown } from './changing.js'
import { inspect } from './inspect.js'

/**
 * What came of a change. It asks the store how things are now, since the action
 * may be another process's, or somebody else may have been quicker.
 */
export async function done(visit: Visit): Promise<Page> {
  const { cache, parameters, receipts, links, now } = visit
  const receipt = receipts.get(parameters.text('receipt'))
  const text = receipt ? (receipt.action === 'delete' ? receipt.what : '') : parameters.text('key')
  const key = text === '' ? undefined : toKey(text)
  const counted = key === undefined || receipt?.children ? await countOrUnknown(cache, key) : undefined
  return {
    view: 'done',
    title: 'Result',
    data: {
      receipt: receipt && {
        ...receipt,
        at: past(receipt.at, now),
        counted: receipt.counted && keys(receipt.counted),
      },
      key: key && { text: key.text, href: links.key(key.text), ...(await stateOf(visit, key)) },
      counted: counted && keys(counted),
      keysHref: links.keys({ under: key?.parent?.text }),
    },
  }
}

async function stateOf({ cache }: Visit, key: Parameters<typeof inspect>[1]) {
  const { state, why } = await inspect(cache, key)
  return { state, why }
}

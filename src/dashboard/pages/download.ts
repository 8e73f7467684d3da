import { Refusal } from '../http/refusal.js'
import { MASKED } from '../masking/secret-names.js'
import type { Download, PageRequest } from '../page-request.js'
import { valueText } from '../value-text.js'
import { askedKey } from './asked-key.js'
import { inspect } from './inspect.js'

/** A whole value as a text, masked as on its page. */
export async function download(visit: PageRequest): Promise<Download> {
  if (visit.hideValues) throw new Refusal(403, 'This dashboard shows no values.')
  const key = askedKey(visit)
  const { state, value, why } = await inspect(visit, key)
  if (state === 'unknown')
    throw new Refusal(503, 'The store is not responding.', 'Try again when it is back.')
  if (state !== 'fresh' && state !== 'stale') throw new Refusal(404, 'This key is not cached.', why)
  const fileName = `${key.text.replace(/[^\w-]+/g, '_').slice(0, 80)}.txt`
  return { fileName, pieces: visit.secrets.inKey(key) ? [MASKED] : valueText(value, visit.secrets) }
}

import type { Download } from '../handler-result.js'
import { HttpError } from '../http/http-error.js'
import { MASKED } from '../masking/secret-names.js'
import type { PageRequest } from '../page-request.js'
import { valueText } from '../value-text.js'
import { inspect } from './parts/inspect.js'
import { requestedKey } from './parts/requested-key.js'

/** `GET /download`: a whole value as text, masked as on its page. */
export async function download(request: PageRequest): Promise<Download> {
  if (request.hideValues) throw new HttpError(403, 'This dashboard hides values.')
  const key = requestedKey(request)
  const { state, value, why } = await inspect(request, key)
  if (state === 'unknown')
    throw new HttpError(503, 'The value cannot be read now.', 'Try again when the store responds.')
  if (state !== 'fresh' && state !== 'stale') throw new HttpError(404, 'This key is not cached.', why)
  const fileName = `${key.text.replace(/[^\w-]+/g, '_').slice(0, 80)}.txt`
  return { fileName, pieces: request.secrets.inKey(key) ? [MASKED] : valueText(value, request.secrets) }
}

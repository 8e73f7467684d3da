import { InvalidKeyError } from '../../../errors.js'
import { CacheKey } from '../../../key/cache-key.js'
import { badRequest } from '../../http/http-error.js'
import type { PageRequest } from '../../page-request.js'

/** In characters. */
const MAX_KEY = 4_096

/**
 * The key in a request's path or parameters.
 * @throws HttpError for a missing or invalid key
 */
export function requestedKey({ parameters, rest }: PageRequest): CacheKey {
  const text = rest || parameters.text('key')
  if (text === '') throw badRequest('No key was given.')
  if (text.length > MAX_KEY) throw badRequest(`The key is too long (maximum: ${MAX_KEY} characters).`)
  return toKey(text)
}

/** @throws HttpError */
export function toKey(text: string): CacheKey {
  try {
    return CacheKey.from(text)
  } catch (error) {
    if (error instanceof InvalidKeyError) throw badRequest(error.message)
    throw error
  }
}

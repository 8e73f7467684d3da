import { InvalidKeyError } from '../../errors.js'
import { CacheKey } from '../../key/cache-key.js'
import { badRequest } from '../http/refusal.js'
import type { PageRequest } from '../page-request.js'

const MAX_KEY = 4_096

/**
 * The key that a page is asked about.
 * @throws Refusal when there is none, or it cannot be one
 */
export function requestedKey({ parameters, rest }: PageRequest): CacheKey {
  const text = rest || parameters.text('key')
  if (text === '') throw badRequest('Which key? None was given.')
  if (text.length > MAX_KEY) throw badRequest(`No key is that long: ${MAX_KEY} characters are the most.`)
  return toKey(text)
}

/** @throws Refusal */
export function toKey(text: string): CacheKey {
  try {
    return CacheKey.from(text)
  } catch (error) {
    if (error instanceof InvalidKeyError) throw badRequest(error.message)
    throw error
  }
}

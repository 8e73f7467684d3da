import { CacheNotRespondingError } from '../../../errors.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { HttpError } from '../../http/http-error.js'
import { matchesText } from '../../masking/mask-key.js'
import type { PageRequest } from '../../page-request.js'
import { toKey } from './requested-key.js'

/** Which keys a listing contains, and where it continues. */
export interface KeyFilter {
  readonly under: CacheKey | undefined
  /** A text that each key contains as it is shown. */
  readonly q: string
  /** `undefined` where every key matches. */
  readonly matches: ((key: CacheKey) => boolean) | undefined
  readonly cursor: string | undefined
}

/** @throws HttpError */
export function keyFilterOf({ parameters, secrets }: PageRequest): KeyFilter {
  const [under, q] = [parameters.text('under'), parameters.text('q')]
  const wanted = q.toLowerCase()
  return {
    under: under === '' ? undefined : toKey(under),
    q,
    matches: wanted === '' ? undefined : (key) => matchesText(key, wanted, secrets),
    cursor: parameters.text('cursor') || undefined,
  }
}

/**
 * Ignores the failure of a listing while the store is down.
 * @throws HttpError where the store responds, so that the cursor is invalid; or the given error, for any other failure
 */
export async function unlessStoreDown(
  error: unknown,
  { cache }: Pick<PageRequest, 'cache'>,
  { cursor }: KeyFilter,
): Promise<void> {
  if (!(error instanceof CacheNotRespondingError)) throw error
  if (cursor !== undefined && (await responds(cache))) {
    throw new HttpError(
      400,
      'This page of the list does not exist or has expired.',
      'Start again from the first page.',
    )
  }
}

async function responds(cache: PageRequest['cache']): Promise<boolean> {
  try {
    await cache.check()
    return true
  } catch {
    return false
  }
}

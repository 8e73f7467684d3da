import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import { Refusal } from '../http/refusal.js'
import { showsText } from '../masking/mask-key.js'
import type { PageRequest } from '../page-request.js'
import { toKey } from './requested-key.js'

/** Which keys are asked for, and where in the listing to go on. */
export interface KeyFilter {
  readonly under: CacheKey | undefined
  /** A text that they show. */
  readonly q: string
  /** Whether one is: by its text alone. */
  readonly matches: ((key: CacheKey) => boolean) | undefined
  readonly cursor: string | undefined
}

/** @throws Refusal */
export function keyFilterOf({ parameters, secrets }: PageRequest): KeyFilter {
  const [under, q] = [parameters.text('under'), parameters.text('q')]
  const wanted = q.toLowerCase()
  return {
    under: under === '' ? undefined : toKey(under),
    q,
    matches: wanted === '' ? undefined : (key) => showsText(key, wanted, secrets),
    cursor: parameters.text('cursor') || undefined,
  }
}

/**
 * Passes over the failure of a listing while the store does not respond.
 * @throws Refusal where it does, so that the cursor is to blame; and whatever else went wrong
 */
export async function unlessStoreDown(
  error: unknown,
  { cache }: Pick<PageRequest, 'cache'>,
  { cursor }: KeyFilter,
): Promise<void> {
  if (!(error instanceof CacheNotRespondingError)) throw error
  if (cursor !== undefined && (await answers(cache))) {
    throw new Refusal(400, 'There is no such page of the listing.', 'Start again from its first page.')
  }
}

async function answers(cache: PageRequest['cache']): Promise<boolean> {
  try {
    await cache.check()
    return true
  } catch {
    return false
  }
}

import type { DeleteOutcome, KeyedCache } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import { type Count, count } from '../scan.js'
import type { Visit } from '../visit.js'

/** Changes something in the name of whoever asked, and tells the application what came of it. */
export async function asStaff(
  { cache, origin, audit, now: at }: Visit,
  action: 'delete' | 'clear',
  key: string | undefined,
  children: boolean,
  change: (own: KeyedCache) => Promise<DeleteOutcome>,
) {
  const { route, user } = origin()
  const scope = cache.openScope({ fills: false, origin: () => ({ route, user }) })
  try {
    const outcome = await change(cache.bindTo(scope))
    await audit({ action, key, children, outcome, route, user, at })
    return { outcome, at, user }
  } finally {
    scope.end()
  }
}

/** How many live keys there are, as far as a bounded look tells; `undefined` when the store does not answer. */
export async function countOrUnknown(cache: KeyedCache, under?: CacheKey): Promise<Count | undefined> {
  try {
    return await count(cache, under)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return undefined
    throw error
  }
}

import { internalsOf, type KeyedCache } from '../../../cache.js'
import { CacheNotRespondingError } from '../../../errors.js'
import type { CacheKey } from '../../../key/cache-key.js'
import type { AuditEvent } from '../../access/audit.js'
import type { PageRequest } from '../../page-request.js'
import { type Count, count } from '../../reading/count.js'

/** A change and its outcome. */
export interface Change {
  readonly action: AuditEvent['action']
  /** `undefined` when everything was cleared. */
  readonly key: CacheKey | undefined
  readonly children: boolean
  readonly outcome: AuditEvent['outcome']
  /** Live keys just before; `undefined` for one key alone, or where they could not be counted. */
  readonly before: Count | undefined
  readonly at: number
  readonly user: string | undefined
}

/** Makes a change under the route and user of the request, and reports it to the application's audit hook. */
export async function changeAsStaff(
  { cache, origin, audit, now: at }: PageRequest,
  { action, key, children }: Pick<Change, 'action' | 'key' | 'children'>,
  make: (own: KeyedCache) => Promise<Change['outcome']>,
): Promise<Change> {
  const before = children ? await countOrUnknown(cache, key) : undefined
  const { route, user } = origin()
  const scope = internalsOf(cache).openScope({ fills: false, origin: () => ({ route, user }) })
  try {
    const outcome = await ifUp(make(internalsOf(cache).bindTo(scope)), 'failed')
    await audit({ action, key: key?.text, children, outcome, route, user, at })
    return { action, key, children, outcome, before, at, user }
  } finally {
    scope.end()
  }
}

/** Counts live keys with a bounded scan; `undefined` while the store is down. */
export function countOrUnknown(cache: KeyedCache, under?: CacheKey): Promise<Count | undefined> {
  return ifUp(count(cache, under), undefined)
}

async function ifUp<T, const D>(result: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await result
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return otherwise
    throw error
  }
}

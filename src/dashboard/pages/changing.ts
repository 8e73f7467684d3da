import { internalsOf, type KeyedCache } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { AuditEvent } from '../audit.js'
import type { PageRequest } from '../page-request.js'
import { type Count, count } from '../scan.js'

/** A change that was made, or tried. */
export interface Change {
  readonly action: AuditEvent['action']
  /** `undefined` when everything was cleared. */
  readonly key: CacheKey | undefined
  readonly children: boolean
  readonly outcome: AuditEvent['outcome']
  /** Live keys just before; only counted where more than one may go. */
  readonly before: Count | undefined
  readonly at: number
  readonly user: string | undefined
}

/** Changes something in the name of whoever asked, and tells the application what came of it. */
export async function changeAsStaff(
  { cache, origin, audit, now: at }: PageRequest,
  { action, key, children }: Pick<Change, 'action' | 'key' | 'children'>,
  make: (own: KeyedCache) => Promise<Change['outcome']>,
): Promise<Change> {
  const before = children ? await countOrUnknown(cache, key) : undefined
  const { route, user } = origin()
  const scope = internalsOf(cache).openScope({ fills: false, origin: () => ({ route, user }) })
  try {
    const outcome = await unlessDown(make(internalsOf(cache).bindTo(scope)), 'failed')
    await audit({ action, key: key?.text, children, outcome, route, user, at })
    return { action, key, children, outcome, before, at, user }
  } finally {
    scope.end()
  }
}

/** How many live keys there are, as far as a bounded look tells; `undefined` when the store does not answer. */
export function countOrUnknown(cache: KeyedCache, under?: CacheKey): Promise<Count | undefined> {
  return unlessDown(count(cache, under), undefined)
}

/** Whatever else fails is a fault of ours, and no answer. */
async function unlessDown<T, const D>(asked: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return otherwise
    throw error
  }
}

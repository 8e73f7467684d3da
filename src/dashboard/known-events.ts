import { CacheNotRespondingError } from '../errors.js'
import type { CacheEvent } from '../stats/cache-event.js'
import { MAX_EVENTS } from '../store/statistics.js'
import { aLook } from './look.js'
import { maskKey, type ShownKey } from './mask-key.js'
import { maskText } from './masking/text.js'
import type { PageRequest } from './page-request.js'
import type { SecretNames } from './secrets.js'
import { shareTurn } from './turns.js'

/** An event as staff may see it: what looks secret in its texts is masked. */
export type KnownEvent = Omit<CacheEvent, 'key'> & { readonly key: ShownKey }

export interface KnownEvents {
  /** Those that were asked for, newest first. */
  readonly events: readonly KnownEvent[]
  /** How many are kept in all. */
  readonly kept: number
  /** How many invalidations were not kept, of times in which there were too many. */
  readonly leftOut: number
}

/**
 * The events that are kept, all or some.
 * @throws CacheNotRespondingError
 */
export async function keptEvents(
  { cache, secrets }: PageRequest,
  isWanted: (event: CacheEvent) => boolean = () => true,
): Promise<KnownEvents> {
  const all = await aLook(() => cache.events(MAX_EVENTS))
  const events: KnownEvent[] = []
  for (const event of all.filter(isWanted)) {
    await shareTurn()
    events.push(masked(event, secrets))
  }
  const leftOut = all.reduce((sum, event) => sum + (event.leftOut ?? 0), 0)
  return { events, kept: all.length, leftOut }
}

/** The same; `undefined` while the store does not answer. */
export async function knownEvents(
  visit: PageRequest,
  isWanted?: (event: CacheEvent) => boolean,
): Promise<KnownEvents | undefined> {
  try {
    return await keptEvents(visit, isWanted)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return undefined
    throw error
  }
}

function masked(event: CacheEvent, secrets: SecretNames): KnownEvent {
  const { key, route, user, message } = event
  return {
    ...event,
    key: maskKey(key, secrets),
    ...(route !== undefined && { route: maskText(route, secrets) }),
    ...(user !== undefined && { user: maskText(user, secrets) }),
    ...(message !== undefined && { message: maskText(message, secrets) }),
  }
}

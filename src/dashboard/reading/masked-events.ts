import { CacheNotRespondingError } from '../../errors.js'
import type { CacheEvent } from '../../stats/cache-event.js'
import { MAX_EVENTS } from '../../store/statistics.js'
import { type MaskedKey, maskKey } from '../masking/mask-key.js'
import { maskText } from '../masking/mask-text.js'
import type { SecretNames } from '../masking/secret-names.js'
import type { PageRequest } from '../page-request.js'
import { withStoreSlot } from '../scheduling/store-slots.js'
import { yieldAfterSlice } from '../scheduling/time-slices.js'

/** An event with secrets masked in its key and texts. */
export type MaskedEvent = Omit<CacheEvent, 'key'> & { readonly key: MaskedKey }

export interface MaskedEvents {
  /** The wanted events, newest first. */
  readonly events: readonly MaskedEvent[]
  /** Number of recorded events, wanted or not. */
  readonly recorded: number
  /** Number of invalidations that exceeded the limit per second and were not recorded. */
  readonly leftOut: number
}

/**
 * Reads the recorded events, masked.
 * @throws CacheNotRespondingError
 */
export async function readMaskedEvents(
  { cache, secrets }: PageRequest,
  isWanted: (event: CacheEvent) => boolean = () => true,
): Promise<MaskedEvents> {
  const all = await withStoreSlot(() => cache.events(MAX_EVENTS))
  const events: MaskedEvent[] = []
  for (const event of all.filter(isWanted)) {
    await yieldAfterSlice()
    events.push(masked(event, secrets))
  }
  const leftOut = all.reduce((sum, event) => sum + (event.leftOut ?? 0), 0)
  return { events, recorded: all.length, leftOut }
}

/** As `readEvents`, but `undefined` while the store is down. */
export async function readEventsIfUp(
  request: PageRequest,
  isWanted?: (event: CacheEvent) => boolean,
): Promise<MaskedEvents | undefined> {
  try {
    return await readMaskedEvents(request, isWanted)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return undefined
    throw error
  }
}

function masked(event: CacheEvent, secrets: SecretNames): MaskedEvent {
  const { key, route, user, message } = event
  return {
    ...event,
    key: maskKey(key, secrets),
    ...(route !== undefined && { route: maskText(route, secrets) }),
    ...(user !== undefined && { user: maskText(user, secrets) }),
    ...(message !== undefined && { message: maskText(message, secrets) }),
  }
}

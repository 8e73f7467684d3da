import { CacheNotRespondingError } from '../errors.js'
import { outcomeOf } from '../tiers/entry-state.js'
import { type ReadOutcome, STORE_DOWN } from '../tiers/outcome.js'
import type { StoreRead } from '../tiers/store-reader.js'
import type { Policy } from './policy.js'

/** A read of the store, and its outcome for a call. */
export interface ReadWithOutcome extends StoreRead {
  readonly outcome: ReadOutcome
}

/**
 * Waits for a read and adds its outcome, a hit or a miss by the policy of a call. `count` is called once, also where the
 * store's failure is thrown.
 */
export async function withOutcome(
  reading: Promise<StoreRead>,
  policy: Policy,
  count: (outcome: ReadOutcome) => void,
): Promise<ReadWithOutcome> {
  let read: StoreRead
  try {
    read = await reading
  } catch (error) {
    if (error instanceof CacheNotRespondingError) count(STORE_DOWN)
    throw error
  }
  const outcome = outcomeOf(read.entry, policy)
  count(outcome)
  return { reading: read.reading, entry: read.entry, outcome }
}

import { Places } from './places.js'
import { nextTurn } from './turns.js'

/**
 * Maximum number of looks at the store at one time: their answers may all arrive in one turn of the event loop. Not
 * fewer, since while the store is down each takes as long as its deadline.
 */
const slots = new Places(10, Number.POSITIVE_INFINITY)

/** Waits for one of the few looks at the store that all pages of this process share, and takes it. */
export async function withStoreSlot<Found>(take: () => Promise<Found>): Promise<Found> {
  const leave = await slots.take()
  try {
    await nextTurn()
    return await take()
  } finally {
    leave?.()
  }
}

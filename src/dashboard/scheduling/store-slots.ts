import { Semaphore } from './semaphore.js'
import { waitForSlice } from './time-slices.js'

/**
 * Maximum number of concurrent store reads by pages: their replies may all arrive in one turn of the event loop. Fewer
 * would queue pages while the store is down, since each read then takes as long as its deadline.
 */
const slots = new Semaphore(10, Number.POSITIVE_INFINITY)

/** Runs a store read in one of the few slots that all pages of this process share. */
export async function withStoreSlot<Found>(read: () => Promise<Found>): Promise<Found> {
  const release = await slots.acquire()
  try {
    await waitForSlice()
    return await read()
  } finally {
    release?.()
  }
}

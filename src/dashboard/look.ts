import { Places } from './places.js'
import { nextTurn } from './turns.js'

/** Looks at the store that are under way at one time: their answers may all arrive in one turn of the event loop. */
const looks = new Places(4, Number.POSITIVE_INFINITY)

/** Waits for one of the few looks at the store that all pages of this process share, and takes it. */
export async function aLook<Found>(take: () => Promise<Found>): Promise<Found> {
  const leave = await looks.take()
  try {
    await nextTurn()
    return await take()
  } finally {
    leave?.()
  }
}

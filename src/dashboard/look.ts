import type { KeyedCache } from '../cache.js'
import type { ListOptions, ListPage } from '../store/store.js'
import { Places } from './places.js'
import { nextTurn } from './turns.js'

/** Looks at the store that are under way at one time: their answers may all arrive in one turn of the event loop. */
const looks = new Places(4, Number.POSITIVE_INFINITY)

/**
 * One page of live keys for a page of the dashboard. All pages of this process share a few of these looks.
 * @throws CacheNotRespondingError
 */
export async function look(cache: KeyedCache, options: ListOptions): Promise<ListPage> {
  const leave = await looks.take()
  try {
    await nextTurn()
    return await cache.list(options)
  } finally {
    leave?.()
  }
}

import { CacheNotRespondingError } from '../errors.js'
import { withDeadline } from './deadline.js'
import type { Store } from './store.js'
import { wrapStore } from './wrap-store.js'

/**
 * A store each of whose operations ends within `timeoutMs`.
 * It rejects with a `CacheNotRespondingError`, whatever the store itself fails with.
 */
export function storeWithDeadlines(store: Store, timeoutMs: number): Store {
  return wrapStore(store, async (_operation, proceed) => {
    try {
      return await withDeadline(performance.now() + timeoutMs, proceed(), store.description)
    } catch (error) {
      if (error instanceof CacheNotRespondingError) throw error
      throw new CacheNotRespondingError(`${store.description} is not responding: ${String(error)}.`, {
        cause: error,
      })
    }
  })
}

import { CacheNotRespondingError } from '../errors.js'
import { withDeadline } from './deadline.js'
import type { Store } from './store.js'
import { watchWithDeadline } from './watch-with-deadline.js'
import { wrapStore } from './wrap-store.js'

/**
 * A store each of whose operations ends within `timeoutMs`, those of its statistics, its watches and its end included.
 * It rejects with a `CacheNotRespondingError`, whatever the store itself fails with.
 */
export function storeWithDeadlines(store: Store, timeoutMs: number): Store {
  const inTime = async <T>(proceed: () => Promise<T>): Promise<T> => {
    try {
      return await withDeadline(performance.now() + timeoutMs, proceed(), store.description)
    } catch (error) {
      if (error instanceof CacheNotRespondingError) throw error
      throw new CacheNotRespondingError(`${store.description} is not responding: ${String(error)}.`, {
        cause: error,
      })
    }
  }
  return {
    ...wrapStore(store, (_operation, proceed) => inTime(proceed)),
    watch: (key, wake) => watchWithDeadline(store, key, wake, timeoutMs),
    close: () => inTime(async () => store.close()),
  }
}

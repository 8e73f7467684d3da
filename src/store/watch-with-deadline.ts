import { ignore } from '../background.js'
import type { CacheKey } from '../key/cache-key.js'
import { withDeadline } from './deadline.js'
import type { LeaseWatch, Store, WakeWaiter } from './store.js'

/** Watches a key in a store that may fail in any way: then no events arrive, and the waiter polls. */
export function watchWithDeadline(
  store: Store,
  key: CacheKey,
  wake: WakeWaiter,
  timeoutMs: number,
): LeaseWatch {
  const watch = watchOf(store, key, wake)
  return {
    get active() {
      return watch?.active === true
    },
    async activate() {
      const activating = Promise.resolve().then(() => watch?.activate())
      await withDeadline(performance.now() + timeoutMs, activating, store.description).catch(ignore)
    },
    stop() {
      const stopping = async () => watch?.stop()
      stopping().catch(ignore)
    },
  }
}

function watchOf(store: Store, key: CacheKey, wake: WakeWaiter): LeaseWatch | undefined {
  try {
    const watch = store.watch(key, wake)
    // A method that is async by mistake may reject.
    Promise.resolve(watch).catch(ignore)
    return watch
  } catch {
    return undefined
  }
}

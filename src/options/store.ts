import { ConfigurationError } from '../errors.js'
import { aPositiveWholeNumber } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import { MemoryStore, type MemoryStoreOptions } from '../store/memory-store.js'
import type { Store } from '../store/store.js'
import { storeWithDeadlines } from '../store/store-with-deadlines.js'
import { missingMethods } from '../store/wrap-store.js'

/** A store other than Redis: the embedded one (`'memory'`, or with limits `{ memory }`), or an object of your own. */
export type StoreOption = 'memory' | { readonly memory: MemoryStoreOptions } | Store

const STORE = new OptionsReader<{ readonly memory: MemoryStoreOptions }>('option', { memory: true }, 'store')

const LIMITS = new OptionsReader<MemoryStoreOptions>(
  'limit',
  { maxEntries: aPositiveWholeNumber, maxBytes: aPositiveWholeNumber },
  'the memory store',
)

/**
 * Opens the store that the option `store` names. One of the application's own gets a deadline for each operation.
 * @throws ConfigurationError
 */
export function openStore(store: StoreOption, timeoutMs: number): Store {
  if (store === 'memory') return new MemoryStore()
  if (typeof store === 'object' && store !== null && 'read' in store) {
    return storeWithDeadlines(checkStore(store), timeoutMs)
  }
  if (typeof store === 'object' && store !== null && 'memory' in store) {
    const { memory } = STORE.take(store)
    return new MemoryStore(LIMITS.take(memory))
  }
  if (typeof store === 'string' && /^redis/i.test(store)) {
    throw new ConfigurationError(
      "store is for a store other than Redis: for Redis write redis: 'redis://127.0.0.1:6379'.",
    )
  }
  throw new ConfigurationError(
    `store must be 'memory', { memory: { maxEntries, maxBytes } } or an object with the store interface.`,
  )
}

function checkStore(store: Store): Store {
  const missing = missingMethods(store)
  if (missing.length === 0) return store
  throw new ConfigurationError(`store lacks methods of the store interface: ${missing.join(', ')}.`)
}

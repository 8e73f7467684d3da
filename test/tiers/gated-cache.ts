import { createCache } from '../../src/create-cache.js'
import type { CacheOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'

/** A cache over an embedded store whose next operation of a kind can be held back, or fail. */
export function gated(options: CacheOptions = {}) {
  const inner = new MemoryStore()
  const held = new Map<string, Promise<void>>()
  const failing = new Set<string>()
  const store = wrapStore(inner, async (operation, proceed) => {
    const wait = held.get(operation)
    held.delete(operation)
    if (failing.has(operation)) throw new Error('down')
    if (operation !== 'read') {
      await wait
      return await proceed()
    }
    // A read has happened when it is held back: its answer is on the way.
    const answer = await proceed()
    await wait
    return answer
  })
  const gate = (operation: keyof Store) => {
    let release = () => {}
    held.set(
      operation,
      new Promise<void>((resolve) => {
        release = resolve
      }),
    )
    return () => release()
  }
  const cache = createCache({ store, logger: { warn: () => {} }, timeouts: { store: '5s' }, ...options })
  return { cache, gate, failing, store: inner }
}

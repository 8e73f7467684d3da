import type { CacheKey } from '../key/cache-key.js'
import type { WakeWaiter } from './store.js'

/** Waiters of this process by the key whose lease they wait for. */
export class Waiters {
  readonly #waiters = new Map<string, Set<WakeWaiter>>()

  /** Adds a waiter. Returns a function that removes it. */
  add({ text }: CacheKey, wake: WakeWaiter): () => void {
    const waiters = this.#waiters.get(text) ?? new Set()
    this.#waiters.set(text, waiters.add(wake))
    return () => {
      waiters.delete(wake)
      if (waiters.size === 0 && this.#waiters.get(text) === waiters) this.#waiters.delete(text)
    }
  }

  /** Wakes the waiters of a key; `unstored` if its computation has ended with a value that is not stored. */
  wake(text: string, unstored = false): void {
    for (const wake of this.#waiters.get(text) ?? []) wake(unstored)
  }

  /** Wakes the waiters of a key and of all keys below it. */
  wakeWithin(text: string): void {
    const below = `${text}::`
    for (const waiting of this.#waiters.keys())
      if (waiting === text || waiting.startsWith(below)) this.wake(waiting)
  }

  wakeAll(): void {
    for (const waiting of this.#waiters.keys()) this.wake(waiting)
  }
}

import type { CacheKey } from '../key/cache-key.js'
import type { Wake } from './store.js'

/** Who in this process is to be woken by news of which key. */
export class Watchers {
  readonly #waking = new Map<string, Set<Wake>>()

  /** Gives what ends it. */
  add({ text }: CacheKey, wake: Wake): () => void {
    const watchers = this.#waking.get(text) ?? new Set()
    this.#waking.set(text, watchers.add(wake))
    return () => {
      watchers.delete(wake)
      if (watchers.size === 0 && this.#waking.get(text) === watchers) this.#waking.delete(text)
    }
  }

  /** Something happened to this key: `isInVain` where what is waited for has ended with a value that is not stored. */
  wake(text: string, isInVain = false): void {
    for (const wake of this.#waking.get(text) ?? []) wake(isInVain)
  }

  /** Something happened to this key and everything below. */
  wakeWithin(text: string): void {
    const below = `${text}::`
    for (const watched of this.#waking.keys())
      if (watched === text || watched.startsWith(below)) this.wake(watched)
  }

  wakeAll(): void {
    for (const watched of this.#waking.keys()) this.wake(watched)
  }
}

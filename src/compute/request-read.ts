import type { CacheKey } from '../key/cache-key.js'
import type { PendingRead, Slot } from '../tiers/request-memory.js'
import type { RequestScope } from '../tiers/request-scope.js'

/** A request's asking for a key, which ends with a value for its memory or without. */
export class RequestRead {
  readonly #scope: RequestScope
  readonly #pending: PendingRead | undefined
  readonly #done: () => void

  constructor(key: CacheKey, scope: RequestScope) {
    this.#scope = scope
    this.#pending = scope.memory?.beginRead(key)
    this.#done = scope.compute()
  }

  end(found?: Slot): void {
    if (this.#pending) this.#scope.memory?.endRead(this.#pending, found)
    this.#done()
  }

  fail(error: unknown): never {
    this.end()
    throw error
  }
}

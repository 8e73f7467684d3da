import type { CacheKey } from '../key/cache-key.js'
import type { PendingRead, Slot } from '../tiers/request-memory.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Call } from './call.js'
import { type Obtained, slotFor } from './obtained.js'

/** A request's `getOrSet` while it is under way: at its end request memory keeps the value, where that may be. */
export class RequestRead {
  readonly #scope: RequestScope
  readonly #pending: PendingRead | undefined
  readonly #done: () => void

  /** The read of a call, if it is made in a request. */
  static of({ key, scope }: Pick<Call, 'key' | 'scope'>): RequestRead | undefined {
    return scope && new RequestRead(key, scope)
  }

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

/** The value that is being obtained; at its end the request's read ends too. */
export function valueFor(read: RequestRead | undefined, obtaining: Promise<Obtained>): Promise<unknown> {
  return obtaining.then(
    (obtained) => {
      read?.end(slotFor(obtained))
      return obtained.value
    },
    read && ((error: unknown) => read.fail(error)),
  )
}

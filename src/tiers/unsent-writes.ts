import type { CacheKey } from '../key/cache-key.js'
import type { InvalidationOrigin } from '../store/store.js'

/** A soft expiry that was called after a write, which has not been sent yet. */
interface Expiry {
  readonly origin: InvalidationOrigin
  readonly settle: (wasThere: boolean | Promise<boolean>) => void
}

/** A plain `set` whose payload is still being compressed. */
export class UnsentWrite {
  readonly key: CacheKey
  /**
   * Set where a later write or invalidation of this process covers it: then it must not be sent. Resolves once that one
   * was answered, or is pending.
   */
  covered: Promise<void> | undefined
  #expiries: Expiry[] = []

  constructor(key: CacheKey) {
    this.key = key
  }

  /** Adds a soft expiry. Resolves to whether it has marked the value of this write. */
  expire(origin: InvalidationOrigin): Promise<boolean> {
    return new Promise((settle) => this.#expiries.push({ origin, settle }))
  }

  /** To be called when it was just sent, in the same tick: `expire` follows it where it was expired meanwhile. */
  sent(expire: (origin: InvalidationOrigin) => Promise<boolean>): void {
    const last = this.#expiries.at(-1)
    if (last) this.#settle(expire(last.origin))
  }

  /** Ends it, sent or not. */
  end(): void {
    this.#settle(false)
  }

  #settle(wasThere: boolean | Promise<boolean>): void {
    for (const { settle } of this.#expiries) settle(wasThere)
    this.#expiries = []
  }
}

/**
 * The plain writes of this process whose payloads are still being compressed. Calls that come later are sent earlier, and
 * must have the same effect as if they came later:
 *
 * - A `set`, delete or `clear` **covers** the write, which is not sent any more. Its caller waits for the one that covers
 *   it: until then other processes may read the old value, and if that fails, its own pending invalidation is enough.
 * - A soft expiry leaves the write as it is: dropping the new value would leave the old one, which could be served by grace.
 *   It is sent at once, for what is stored already, and once more right behind the write. Its caller waits for both, since
 *   the new value must not be read as fresh after that.
 */
export class UnsentWrites {
  readonly #writes = new Set<UnsentWrite>()

  add(key: CacheKey): UnsentWrite {
    const write = new UnsentWrite(key)
    this.#writes.add(write)
    return write
  }

  /** Removes one whose payload is ready. */
  remove(write: UnsentWrite): void {
    this.#writes.delete(write)
  }

  /**
   * Covers the writes of a key, with `children` also those below it, without a key all. The returned function is to be
   * called once the call that covers them was answered, or is pending.
   */
  cover(key: CacheKey | undefined, children: boolean): (() => void) | undefined {
    const overtaken = this.#within(key, children).filter(({ covered }) => covered === undefined)
    if (overtaken.length === 0) return undefined
    let end: (() => void) | undefined
    const covered = new Promise<void>((resolve) => {
      end = resolve
    })
    for (const write of overtaken) write.covered = covered
    return end
  }

  /** Adds a soft expiry to the writes of a key, with `children` also to those below it. */
  expire(key: CacheKey, children: boolean, origin: InvalidationOrigin): Promise<boolean>[] {
    return this.#within(key, children)
      .filter(({ covered }) => covered === undefined)
      .map((write) => write.expire(origin))
  }

  #within(key: CacheKey | undefined, children: boolean): UnsentWrite[] {
    if (this.#writes.size === 0) return []
    return [...this.#writes].filter(
      (write) => !key || write.key.text === key.text || (children && write.key.isWithin(key)),
    )
  }
}

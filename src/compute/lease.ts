// The machine's own, also while a test has faked the global ones: a server's leases lapse by real time.
import { clearTimeout, setTimeout } from 'node:timers'
import { detached, ignore } from '../background.js'
import type { CacheKey } from '../key/cache-key.js'
import type { CommitOptions, NewEntry, ReleaseOptions, Store, WriteResult } from '../store/store.js'

/**
 * A lease that this process holds: the right to compute a key, renewed for as
 * long as the process lives. One that could not be renewed is lost, which the
 * store will say when something is to be committed under it.
 */
export class HeldLease {
  readonly #store: Store
  readonly #key: CacheKey
  readonly #token: Buffer
  /** How long it lasts unless it is renewed. */
  readonly leaseMs: number
  readonly #began = performance.now()
  /** When the store was last asked for it, or for its renewal, with success. */
  #confirmedAt: number
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  /** `askedAt` is when it was asked for, by `performance.now()`. */
  constructor(store: Store, key: CacheKey, token: Buffer, leaseMs: number, askedAt: number) {
    this.#store = store
    this.#key = key
    this.#token = token
    this.leaseMs = leaseMs
    this.#confirmedAt = askedAt
    this.#schedule()
  }

  /** Whether it was given up, or has ended with a commit. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it was not renewed in time, so that another process may have taken over. */
  get hasLapsed(): boolean {
    return performance.now() - this.#confirmedAt >= this.leaseMs
  }

  /** How long it has been held. */
  get heldMs(): number {
    return performance.now() - this.#began
  }

  /** Writes what was computed, and ends it. */
  async commit(entry: NewEntry, options: CommitOptions): Promise<WriteResult> {
    const result = await this.#store.commit(this.#key, this.#token, entry, options)
    this.#end()
    return result
  }

  /** Gives it up: a waiter may compute. That this fails only costs the waiters the rest of its time. */
  async release(options?: ReleaseOptions): Promise<void> {
    if (this.#isOver) return
    this.#end()
    await this.#store.release(this.#key, this.#token, options).catch(ignore)
  }

  #end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    // Two attempts may fail before it lapses.
    this.#timer = detached(() => setTimeout(() => void this.#renew(), this.leaseMs / 3))
    this.#timer.unref()
  }

  async #renew(): Promise<void> {
    const askedAt = performance.now()
    const stands = await this.#store.renew(this.#key, this.#token, this.leaseMs).then(
      (still) => {
        if (still) this.#confirmedAt = askedAt
        return still
      },
      () => true,
    )
    if (stands && !this.#isOver) this.#schedule()
  }
}

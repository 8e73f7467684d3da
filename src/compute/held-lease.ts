// Node's own, also while a test has faked the global ones: a server's leases lapse by real time.
import { clearTimeout, setTimeout } from 'node:timers'
import { detached, ignore } from '../background.js'
import type { CacheKey } from '../key/cache-key.js'
import type { CommitOptions, NewEntry, ReleaseOptions, Store, WriteResult } from '../store/store.js'

/**
 * A lease that this process holds: the right to compute a key. It is renewed while the process lives. Only the store
 * decides, at the commit, whether it is still held.
 */
export class HeldLease {
  readonly #store: Store
  readonly #key: CacheKey
  readonly #token: Buffer
  /** How long it lasts unless it is renewed, in milliseconds. */
  readonly leaseMs: number
  readonly #heldSince = performance.now()
  /** When the last successful request for it, or for its renewal, was sent. */
  #confirmedAt: number
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  /** `requestedAt` is when it was requested, by `performance.now()`. */
  constructor(store: Store, key: CacheKey, token: Buffer, leaseMs: number, requestedAt: number) {
    this.#store = store
    this.#key = key
    this.#token = token
    this.leaseMs = leaseMs
    this.#confirmedAt = requestedAt
    this.#schedule()
  }

  /** Whether it was released, or has ended with a commit. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it was not renewed in time: another process may have taken over. */
  get hasLapsed(): boolean {
    return performance.now() - this.#confirmedAt >= this.leaseMs
  }

  /** How long it has been held, in milliseconds. */
  get heldMs(): number {
    return performance.now() - this.#heldSince
  }

  /** Commits an entry, and ends the lease. */
  async commit(entry: NewEntry, options: CommitOptions): Promise<WriteResult> {
    const result = await this.#store.commit(this.#key, this.#token, entry, options)
    this.#end()
    return result
  }

  /** Releases it, so that a waiter may compute. Where that fails, waiters wait until it lapses. */
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
    // Two renewals may fail before it lapses.
    this.#timer = detached(() => setTimeout(() => void this.#renew(), this.leaseMs / 3))
    this.#timer.unref()
  }

  async #renew(): Promise<void> {
    const requestedAt = performance.now()
    const isHeld = await this.#store.renew(this.#key, this.#token, this.leaseMs).then(
      (still) => {
        if (still) this.#confirmedAt = requestedAt
        return still
      },
      () => true,
    )
    if (isHeld && !this.#isOver) this.#schedule()
  }
}

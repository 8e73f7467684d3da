import { AsyncLocalStorage } from 'node:async_hooks'
// The machine's own, also while a test has faked the global ones: a server's leases lapse by real time.
import { clearTimeout, setTimeout } from 'node:timers'
import type { CacheKey } from '../key/cache-key.js'
import type { CommitOptions, NewEntry, Store, WriteResult } from '../store/store.js'

/** A timer keeps the async context it was started in: that of a request would be held as long as computing takes. */
const outside = AsyncLocalStorage.snapshot()

/**
 * A lease that this process holds: the right to compute a key, renewed for as
 * long as the process lives. One that could not be renewed is lost, which the
 * store will say when something is to be committed under it.
 */
export class HeldLease {
  readonly #store: Store
  readonly #key: CacheKey
  readonly #token: Buffer
  readonly #leaseMs: number
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(store: Store, key: CacheKey, token: Buffer, leaseMs: number) {
    this.#store = store
    this.#key = key
    this.#token = token
    this.#leaseMs = leaseMs
    this.#schedule()
  }

  /** Whether it was given up, or has ended with a commit. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Writes what was computed, and ends it. */
  async commit(entry: NewEntry, options: CommitOptions): Promise<WriteResult> {
    const result = await this.#store.commit(this.#key, this.#token, entry, options)
    this.#end()
    return result
  }

  /** Gives it up: who waits for it may compute. That this fails only costs them the rest of its time. */
  release(): void {
    if (this.#isOver) return
    this.#end()
    this.#store.release(this.#key, this.#token).catch(ignore)
  }

  #end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    // Two attempts may fail before it lapses.
    this.#timer = outside(() => setTimeout(() => void this.#renew(), this.#leaseMs / 3))
    this.#timer.unref()
  }

  async #renew(): Promise<void> {
    const stands = await this.#store.renew(this.#key, this.#token, this.#leaseMs).catch(() => true)
    if (stands && !this.#isOver) this.#schedule()
  }
}

function ignore(): void {}

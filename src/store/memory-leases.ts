import { performance as machine } from 'node:perf_hooks'
import { composeLease, type Lease } from '../entry/lease.js'
import type { CacheKey } from '../key/cache-key.js'
import { Waiters } from './waiters.js'

/** Minimum difference at which the store's clock has jumped against the machine's. */
const JUMP_MS = 100

/** A lease whose `lapsesAt` is on the machine's own monotonic clock. */
interface MemoryLease extends Lease {
  /** The time on the store's clock at which it lapses, as readers see it. */
  readonly shownLapse: number
}

/**
 * Leases of the embedded store. They lapse by the machine's monotonic clock, since the timers that renew them use it.
 * They are few and end with their computations, so they are never evicted: a slow value could not be stored then.
 */
export class MemoryLeases {
  readonly waiters = new Waiters()
  readonly #leases = new Map<string, MemoryLease>()

  get(key: CacheKey): Lease | undefined {
    return this.#leases.get(key.text)
  }

  /** The milliseconds until a lease lapses; 0 or less for one that has lapsed. */
  remainingMs({ lapsesAt }: Lease): number {
    return lapsesAt - machine.now()
  }

  /** Sets the lease of a key; `now` is the time on the store's clock. */
  set(
    key: CacheKey,
    lease: Pick<Lease, 'token' | 'awaited' | 'started'>,
    leaseMs: number,
    now: number,
  ): void {
    const { token, awaited, started } = lease
    const lapsesAt = machine.now() + leaseMs
    this.#leases.set(key.text, { token, awaited, started, lapsesAt, shownLapse: now + leaseMs })
  }

  /** Records that a caller waits for the lease, to be woken when it ends. */
  markAwaited(key: CacheKey): void {
    const lease = this.#leases.get(key.text)
    if (lease) this.#leases.set(key.text, { ...lease, awaited: true })
  }

  /** Ends a lease, of any token: its commit is refused. Wakes the waiters. */
  end(key: CacheKey, unstored = false): void {
    const lease = this.#leases.get(key.text)
    this.#leases.delete(key.text)
    if (lease?.awaited) this.waiters.wake(key.text, unstored)
  }

  /** A lease as its bytes, with the time on the store's clock, which is `now`. */
  bytesOf(key: CacheKey, now: number): Buffer | null {
    const lease = this.#leases.get(key.text)
    if (!lease) return null
    const lapsesAt = now + this.remainingMs(lease)
    // The same in every read, unless the store's clock has jumped.
    const hasJumped = Math.abs(lapsesAt - lease.shownLapse) > JUMP_MS
    return composeLease({ ...lease, lapsesAt: hasJumped ? lapsesAt : lease.shownLapse })
  }
}

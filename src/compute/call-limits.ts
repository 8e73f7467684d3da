import { setMaxListeners } from 'node:events'
import { ComputeTimeoutError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Flight } from './flight.js'
import type { Policy } from './policy.js'

/** The limits of one caller's wait: its hard timeout, counted from the call, and its signal. */
export class CallLimits {
  readonly #key: CacheKey
  readonly #policy: Policy
  #abort: AbortController | undefined
  #leave: ((reason: unknown) => void) | undefined
  #isOver = false

  constructor(key: CacheKey, policy: Policy) {
    this.#key = key
    this.#policy = policy
  }

  /** A signal that is aborted with the caller's: for a computation for this caller alone. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  /** Makes the caller a waiter of a flight, until its limit is over. */
  waitFor(flight: Flight): void {
    const leave = flight.addWaiter()
    if (this.#policy.signal === undefined) return
    this.#leave = leave
    // The caller's signal may outlive the flight, and must not keep it in memory.
    const { signal } = flight.abort
    // Many callers may wait for one flight.
    setMaxListeners(0, signal)
    signal.addEventListener('abort', () => this.#release(leave), { once: true })
  }

  /** @throws ComputeTimeoutError, or the reason of the signal, for a caller that waits no longer: nothing is begun for it */
  throwIfOver(): void {
    this.#policy.signal?.throwIfAborted()
    if (this.#isOver) throw new ComputeTimeoutError(this.#key.text, this.#policy.hardMs ?? 0)
  }

  /** Runs the work, and settles as it does, or when a limit is over. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    const { hardMs, signal } = this.#policy
    if (hardMs === undefined && !signal) return work()
    signal?.throwIfAborted()
    const { promise, settle } = this.#limited<T>()
    work().then(
      (value) => settle((resolve) => resolve(value)),
      (error: unknown) => settle((_, reject) => reject(error)),
    )
    return promise
  }

  /** Knows nothing of the work: the listener of the caller's signal must not keep that in memory. */
  #limited<T>(): Limited<T> {
    const { hardMs, signal } = this.#policy
    let settle!: Limited<T>['settle']
    const promise = new Promise<T>((resolve, reject) => {
      settle = (how) => {
        this.#isOver = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        how(resolve, reject)
      }
      const expire = () => settle(() => reject(new ComputeTimeoutError(this.#key.text, hardMs as number)))
      const timer = hardMs === undefined ? undefined : setTimeout(expire, hardMs)
      const abort = () => {
        settle(() => reject(signal?.reason))
        this.#leave?.(signal?.reason)
        this.#abort?.abort(signal?.reason)
      }
      // Many calls of one request may share its signal: that is no leak.
      if (signal) setMaxListeners(0, signal)
      signal?.addEventListener('abort', abort)
    })
    return { promise, settle }
  }

  #release(leave: (reason: unknown) => void): void {
    if (this.#leave === leave) this.#leave = undefined
  }
}

/** A promise, and the function that settles it. */
interface Limited<T> {
  readonly promise: Promise<T>
  readonly settle: (how: (resolve: (value: T) => void, reject: (error: unknown) => void) => void) => void
}

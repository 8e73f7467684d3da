// Node's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setTimeout } from 'node:timers'
import { detached, ignore } from '../background.js'
import type { BreakerMessage } from '../channels.js'
import { CacheNotRespondingError } from '../errors.js'
import { Breaker } from './breaker.js'
import type { BreakerStatus, StoreHealth } from './health.js'

interface CircuitOptions {
  /** The server, in words. */
  readonly server: () => string
  /** Sends a request that changes nothing; resolves when it is answered in time. */
  readonly probe: () => Promise<unknown>
}

/**
 * The circuit breaker of a server: requests fail at once while it is open. It is closed by a probe in the background,
 * never by the request of a caller.
 */
export class Circuit implements StoreHealth {
  readonly #server: () => string
  readonly #sendProbe: () => Promise<unknown>
  readonly #breaker = new Breaker()
  readonly #listeners: ((change: BreakerMessage) => void)[] = []
  #since: number | undefined
  #openings = 0
  #openedAt = 0
  #timer: NodeJS.Timeout | undefined
  #probing: Promise<void> | undefined
  #isStopped = false

  constructor({ server, probe }: CircuitOptions) {
    this.#server = server
    this.#sendProbe = probe
  }

  get isOpen(): boolean {
    return this.#breaker.isOpen
  }

  get breakers(): readonly BreakerStatus[] {
    const { state, failure } = this.#breaker
    const server = this.#server()
    return [{ server, state, since: this.#since, openings: this.#openings, failure: failure?.message }]
  }

  onChange(listener: (change: BreakerMessage) => void): void {
    this.#listeners.push(listener)
  }

  /** @throws CacheNotRespondingError while it is open; the cause is the last failure */
  throwIfOpen(): void {
    if (!this.#breaker.isOpen) return
    const cause = this.#breaker.failure as CacheNotRespondingError
    const why = cause.message.replace(/\.$/, '')
    throw new CacheNotRespondingError(`${why}; calls fail at once until it responds.`, { cause })
  }

  /**
   * Records an answer to a request that was sent at this moment of `performance.now()`; `isLate` if it came after its
   * deadline. An open circuit is closed by an answer in time to what was sent since, which are probes and checks. Any
   * other answer is an occasion to probe.
   */
  answered(sentAt: number, isLate: boolean): void {
    if (!this.#breaker.isOpen) {
      if (!isLate) this.#breaker.answered(performance.now())
    } else if (!isLate && sentAt >= this.#openedAt) this.#close()
    else void this.probe().catch(ignore)
  }

  /** Records a request without an answer, which was sent at this moment of `performance.now()`. */
  unanswered(failure: CacheNotRespondingError, sentAt: number): void {
    const now = performance.now()
    if (!this.#breaker.unanswered(failure, sentAt, now)) return
    this.#openedAt = now
    this.#openings++
    this.#since = Date.now()
    this.#schedule()
    this.#notify(undefined)
  }

  /**
   * Probes the server now where the circuit is open, and closes it when that is answered. All callers share one probe.
   * @throws CacheNotRespondingError
   */
  probe(): Promise<void> {
    if (!this.#breaker.isOpen) return Promise.resolve()
    this.#probing ??= detached(() => this.#probe()).finally(() => {
      this.#probing = undefined
    })
    return this.#probing
  }

  /** Ends the probes. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #probe(): Promise<void> {
    clearTimeout(this.#timer)
    const sentAt = performance.now()
    try {
      await this.#sendProbe()
    } catch (error) {
      if (error instanceof CacheNotRespondingError) this.#breaker.unanswered(error, sentAt, performance.now())
      if (this.#breaker.isOpen) this.#schedule()
      throw error
    }
    this.#close()
  }

  #close(): void {
    if (!this.#breaker.isOpen) return
    clearTimeout(this.#timer)
    const openMs = this.#breaker.close(performance.now())
    this.#since = Date.now()
    this.#notify(openMs)
  }

  #schedule(): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    const pauseMs = this.#breaker.nextProbeMs()
    this.#timer = detached(() => setTimeout(() => void this.probe().catch(ignore), pauseMs)).unref()
  }

  #notify(openMs: number | undefined): void {
    const { state, failure } = this.#breaker
    const change = { server: this.#server(), state, error: failure, openMs }
    for (const listener of this.#listeners) listener(change)
  }
}

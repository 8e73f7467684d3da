import { detached, ignore, within } from '../background.js'
import { BoundedMap } from '../bounded-map.js'
import { ElapsedClock } from '../elapsed-clock.js'
import type { MemoryEntry } from '../tiers/process-memory.js'
import type { Call } from './call.js'
import { shouldRefreshEarly } from './early-refresh.js'
import type { Election } from './election.js'
import type { Flight } from './flight.js'

/** Maximum number of refreshes at once: beyond it, stale values are served a little longer. */
const MAX_AT_ONCE = 32

/** Maximum number of keys that pause after a failed refresh. */
const MAX_PAUSED = 10_000

/** How long `close` waits for refreshes, in milliseconds. */
export const DRAIN_MS = 5_000

/** The computations in the background that replace values while these are still served. After a failure a key pauses. */
export class Refreshes {
  readonly #election: Election
  readonly #running = new Map<string, Flight>()
  readonly #clock = new ElapsedClock()
  /** By this clock. */
  readonly #pausedUntil = new BoundedMap<string, number>(MAX_PAUSED)
  #isClosed = false

  constructor(election: Election) {
    this.#election = election
  }

  /**
   * Starts the refresh of a stale value, or of the frame with the id `replaces`. Nothing where one is running, too many
   * are, or the key pauses.
   */
  start({ key, factory, policy }: Call, replaces?: Buffer): Flight | undefined {
    const { text } = key
    if (this.#isClosed || this.#running.size >= MAX_AT_ONCE) return undefined
    if (this.#running.has(text) || this.#isPaused(text)) return undefined
    // With a soft timeout a caller waits for it: then it waits too, where another process computes.
    const work = { factory, policy, background: policy.softMs === 0, replaces }
    const flight = detached(() => this.#election.start(key, work))
    // No caller that leaves ends it.
    flight.addWaiter()
    flight.isRefresh = true
    this.#running.set(text, flight)
    const pause = () => this.#pausedUntil.set(text, this.#clock.now() + policy.retryDelayMs)
    // A flight that is abandoned must not keep the next refresh from starting.
    flight.joined
      .then(() => flight.isUnstored && pause(), pause)
      .finally(() => this.#running.delete(text))
      .catch(ignore)
    return flight
  }

  /** Decides by chance, for each caller that a fresh value is served to, whether to replace it before it expires. */
  maybeStartEarly(
    call: Call,
    { id, computingMs, remainingMs }: Pick<MemoryEntry, 'id' | 'computingMs' | 'remainingMs'>,
    callers = 1,
  ): void {
    const { beta } = call.policy
    if (beta === 0 || computingMs === 0) return
    for (let caller = 0; caller < callers; caller++) {
      if (!shouldRefreshEarly(remainingMs, computingMs, beta, 1 - Math.random())) continue
      // A copy: a view would keep the whole frame alive.
      this.start(call, Buffer.from(id))
    }
  }

  #isPaused(text: string): boolean {
    const until = this.#pausedUntil.get(text)
    if (until === undefined) return false
    if (this.#clock.now() < until) return true
    this.#pausedUntil.delete(text)
    return false
  }

  /** Whether a flight is a refresh whose factory runs. */
  isRunning(flight: Flight): boolean {
    return flight.isComputing && this.#running.get(flight.key.text) === flight
  }

  /** Waits for the refreshes whose factories run, for `DRAIN_MS` at most, and starts no others. */
  async close(): Promise<void> {
    this.#isClosed = true
    const flights = [...this.#running.values()].filter((flight) => this.isRunning(flight))
    if (flights.length === 0) return
    await within(DRAIN_MS, Promise.allSettled(flights.map(({ joined }) => joined)))
  }
}

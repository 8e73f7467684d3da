import { detached, ignore, within } from '../background.js'
import { BoundedMap } from '../bounded-map.js'
import { ElapsedClock } from '../elapsed-clock.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Flight } from './flight.js'

/** So many values at most are refreshed at once: what is beyond that is served stale a little longer. */
const MAX_AT_ONCE = 32

/** So many keys at most are remembered to have failed. */
const MAX_PAUSED = 10_000

/** How long `close` waits for refreshes. */
export const DRAIN_MS = 5_000

/** Values that are computed anew while the old ones are served: few at once, none again right after a failure. */
export class Refreshes {
  readonly #running = new Map<string, Flight>()
  readonly #clock = new ElapsedClock()
  /** By this clock. */
  readonly #pausedUntil = new BoundedMap<string, number>(MAX_PAUSED)
  #isClosed = false

  /** Starts one unless it is under way, too many are, or it failed a moment ago. */
  start({ text }: CacheKey, retryDelayMs: number, take: () => Flight): Flight | undefined {
    if (this.#isClosed || this.#running.size >= MAX_AT_ONCE) return undefined
    if (this.#running.has(text) || this.#isPaused(text)) return undefined
    const flight = detached(take)
    // Nobody's leaving ends it.
    flight.want()
    flight.isRefresh = true
    this.#running.set(text, flight)
    const pause = () => this.#pausedUntil.set(text, this.#clock.now() + retryDelayMs)
    // One that nobody should wait for any longer is in nobody's way either.
    flight.joined
      .then(() => flight.isUnstored && pause(), pause)
      .finally(() => this.#running.delete(text))
      .catch(ignore)
    return flight
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

  /** Waits until the refreshes that are running have ended, for a limited time, and starts no others. */
  async close(): Promise<void> {
    this.#isClosed = true
    const flights = [...this.#running.values()].filter((flight) => this.isRunning(flight))
    if (flights.length === 0) return
    await within(DRAIN_MS, Promise.allSettled(flights.map(({ joined }) => joined)))
  }
}

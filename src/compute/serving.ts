import { within } from '../background.js'
import { frameId } from '../entry/frame.js'
import { ComputeFailedError } from '../errors.js'
import type { Recorder } from '../stats/recorder.js'
import type { Call } from './call.js'
import { Computation } from './computation.js'
import { restoreFailure } from './failure.js'
import { type Flight, type Flights, follow } from './flight.js'
import { isRejected, type Obtained, obtainedFromEntry, obtainedFromFlight } from './obtained.js'
import type { ReadWithOutcome } from './read-with-outcome.js'
import type { Refreshes } from './refreshes.js'

export interface ServingOptions {
  readonly flights: Flights
  readonly recorder: Recorder
}

/** Returns what the store holds, where that will do: a fresh value, or a stale one that is refreshed meanwhile. */
export class Serving {
  readonly #flights: Flights
  readonly #recorder: Recorder
  readonly #refreshes: Refreshes

  constructor({ flights, recorder }: ServingOptions, refreshes: Refreshes) {
    this.#flights = flights
    this.#recorder = recorder
    this.#refreshes = refreshes
  }

  /**
   * The value for this many callers; `undefined` where one must be computed. `since` is the moment at which
   * the read began.
   * @throws ComputeFailedError for a failure that is kept
   */
  serve(
    call: Call,
    { reading, entry, outcome }: ReadWithOutcome,
    since: number,
    callers = 1,
  ): Obtained | Promise<Obtained> | undefined {
    const { key, policy, open } = call
    if (entry?.state === 'failed') throw new ComputeFailedError(key.text, restoreFailure(entry.value))
    if (!outcome.hit || entry === undefined || entry.state === 'missing') return undefined
    const obtained = obtainedFromEntry(entry)
    if (entry.state === 'fresh') {
      const { frame, body, remainingMs } = entry
      if (policy.beta > 0) {
        const facts = { id: frameId(frame), computingMs: body.computingMs, remainingMs }
        this.#refreshes.maybeStartEarly(call, facts, callers)
      }
      return obtained
    }
    const flight = this.#refreshes.start(call) ?? this.#flights.joinable(key, since, reading)
    const stale = { ...obtained, isStale: true }
    if (flight && policy.softMs > 0) return this.#awaitRefresh(call, flight, stale)
    open?.became('stale')
    this.#recorder.count(key, 'staleServed', callers)
    return stale
  }

  /** The refreshed value if it comes within the soft timeout; the stale one otherwise, also when the refresh fails. */
  async #awaitRefresh({ key, policy, open }: Call, flight: Flight, stale: Obtained): Promise<Obtained> {
    const joined = follow(Computation.waiting(), flight, flight.joined).catch(() => undefined)
    const result = await within(policy.softMs, joined)
    open?.became(typeof result === 'object' ? 'waited' : 'stale')
    if (typeof result === 'object' && !isRejected(result, policy)) return obtainedFromFlight(result, policy)
    this.#recorder.count(key, 'staleServed')
    return stale
  }
}

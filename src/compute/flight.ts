import { ignore } from '../background.js'
import type { Payload } from '../codec/codec.js'
import { joinGenerations } from '../entry/generation.js'
import { parseLease } from '../entry/lease.js'
import { ComputeCycleError, ComputeTimeoutError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import { newId } from '../store/ids.js'
import type { ReadResult } from '../store/store.js'
import type { HeldLease } from './held-lease.js'
import type { Unstorable } from './unstorable.js'

/**
 * The result of a flight: the payload of a value, of which each caller gets a copy; a value that cannot be stored; or
 * `busy`, where another process computes the key and the flight does not wait for it.
 */
export type FlightResult = Payload | Unstorable | 'busy'

/** Later than any moment. */
const NEVER = Number.POSITIVE_INFINITY

/** One computation of a key in this process, which callers may join. It waits where another process holds the lease. */
export class Flight {
  readonly key: CacheKey
  /** The token of its lease. */
  readonly token = newId()
  /** The flights that its factory waits for. */
  readonly waitsFor = new Set<Flight>()
  /** Number of flights whose factories wait for it. */
  followers = 0
  /** Whether its value was stored. */
  hasStored = false
  /** Whether its value must not be stored: because of its factory, its TTL or the value itself. */
  isUnstored = false
  /** Whether it refreshes a value that is served meanwhile. */
  isRefresh = false
  /** Whether its factory has been started. */
  isComputing = false
  /** The lease under which it computes. */
  lease: HeldLease | undefined
  /** Maximum time that a caller waits for it, in milliseconds. */
  readonly waitMs: number
  /** Result for the caller that started the flight. */
  readonly result: Promise<FlightResult>
  /** Result for all other callers; `abandoned` once it has taken longer than `waitMs`. */
  readonly joined: Promise<FlightResult | 'abandoned'>
  /** Aborted when no caller waits for it any longer, and when it takes too long. */
  readonly abort = new AbortController()
  #requestedAt = NEVER
  #doomed = false
  #waiters = 0
  #resolve!: (result: FlightResult) => void
  #reject!: (reason: unknown) => void
  #isAbandoned = false
  #abandon!: (abandoned: 'abandoned') => void

  constructor(key: CacheKey, waitMs: number) {
    this.key = key
    this.waitMs = waitMs
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.joined = new Promise((resolve, reject) => {
      this.#abandon = resolve
      this.result.then(resolve, reject)
    })
    // It may fail when no caller waits any longer.
    this.joined.catch(ignore)
  }

  /** The moment of its last request to the store: its value will be made from data read after it. */
  get requestedAt(): number {
    return this.#requestedAt
  }

  /** Whether this process has invalidated the key since: the callers that wait get the value, and it is not stored. */
  get isDoomed(): boolean {
    return this.#doomed
  }

  /** Whether no new caller may join it: its value is out of date, or will not come. */
  get isClosed(): boolean {
    return this.#doomed || this.abort.signal.aborted
  }

  /** Marks a request to the store: earlier invalidations are visible in its result. */
  markRequested(now: number): void {
    this.#requestedAt = now
    this.#doomed = false
  }

  /** Marks it as waiting: it will send another request before it has a value. */
  markWaiting(): void {
    this.#requestedAt = NEVER
  }

  /** Makes it doomed: its value is out of date because of an invalidation. */
  doom(): void {
    if (this.#requestedAt !== NEVER) this.#doomed = true
  }

  /** Whether it has taken longer than `waitMs`. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  settleWith(result: Promise<FlightResult>): void {
    result.then(this.#resolve, this.#reject)
  }

  /** Gives up on it, since it takes too long: the callers that joined it compute for themselves. */
  abandon(): void {
    this.#isAbandoned = true
    this.#abandon('abandoned')
    this.abort.abort(new ComputeTimeoutError(this.key.text, this.waitMs))
  }

  /** Rejects for all callers that still wait, whatever its factory does. */
  reject(reason: unknown): void {
    this.#reject(reason)
  }

  /** Adds a waiter. The returned function removes it; when the last one leaves, the flight is aborted for that reason. */
  addWaiter(): (reason: unknown) => void {
    this.#waiters++
    return (reason) => {
      this.#waiters--
      if (this.#waiters === 0) this.abort.abort(reason)
    }
  }
}

/** The flights of this process that may still be joined, by key. */
export class Flights {
  readonly #byKey = new Map<string, Set<Flight>>()
  #moment = 0

  /** Returns the next moment of a logical clock, which orders reads, requests and invalidations. */
  nextMoment(): number {
    return ++this.#moment
  }

  add(flight: Flight): void {
    const { text } = flight.key
    const flights = this.#byKey.get(text) ?? new Set()
    this.#byKey.set(text, flights.add(flight))
  }

  remove(flight: Flight): void {
    const { text } = flight.key
    const flights = this.#byKey.get(text)
    flights?.delete(flight)
    if (flights?.size === 0) this.#byKey.delete(text)
  }

  has({ text }: CacheKey): boolean {
    return this.#byKey.has(text)
  }

  /**
   * Returns a flight that a caller may join. The caller's read began at the moment `since` and returned `reading`. The
   * flight's value must not be made from data older than that read. That is certain in two cases:
   * - The flight has sent a request to the store after `since`.
   * - The caller has read the flight's own lease, and the generations from which that lease started are still current.
   *
   * Without a `reading` the store has failed: then any flight may be joined.
   */
  joinable({ text }: CacheKey, since: number, reading: ReadResult | undefined): Flight | undefined {
    const flights = this.#byKey.get(text)
    if (!flights) return undefined
    const lease = reading?.lease ? parseLease(reading.lease) : undefined
    const current = reading && joinGenerations(reading.generations)
    for (const flight of flights) {
      if (flight.isClosed) continue
      if (!reading || flight.requestedAt > since) return flight
      if (lease && current && lease.token.equals(flight.token) && lease.started.equals(current)) return flight
    }
    return undefined
  }

  /** The flight of this process with this token. */
  holding({ text }: CacheKey, token: Buffer): Flight | undefined {
    for (const flight of this.#byKey.get(text) ?? []) if (flight.token.equals(token)) return flight
    return undefined
  }

  all(): Flight[] {
    return [...this.#byKey.values()].flatMap((flights) => [...flights])
  }

  /** Makes the flights of a key doomed, with `children` of everything below it too, without a key all flights. */
  invalidate(key: CacheKey | undefined, children: boolean): void {
    if (key && !children) {
      for (const flight of this.#byKey.get(key.text) ?? []) flight.doom()
      return
    }
    for (const flights of this.#byKey.values()) {
      for (const flight of flights) if (!key || flight.key.isWithin(key)) flight.doom()
    }
  }
}

/**
 * Waits for a flight, inside the factories of other flights (`waiting`).
 * @throws ComputeCycleError where that flight waits for one of them, directly or not
 */
export function follow<T>(waiting: readonly Flight[], flight: Flight, wait: Promise<T>): Promise<T> {
  return waiting.length === 0 ? wait : followFor(waiting, flight, wait)
}

async function followFor<T>(waiting: readonly Flight[], flight: Flight, wait: Promise<T>): Promise<T> {
  for (const one of waiting) {
    // A flight without followers is in no cycle.
    const path = one === flight || one.followers > 0 ? pathFrom(flight, one) : undefined
    if (path) throw new ComputeCycleError([one, ...path].map(({ key }) => key.text))
  }
  for (const one of waiting) one.waitsFor.add(flight)
  flight.followers += waiting.length
  try {
    return await wait
  } finally {
    for (const one of waiting) one.waitsFor.delete(flight)
    flight.followers -= waiting.length
  }
}

function pathFrom(from: Flight, to: Flight, seen = new Set<Flight>()): Flight[] | undefined {
  if (from === to) return [to]
  if (seen.has(from)) return undefined
  seen.add(from)
  for (const next of from.waitsFor) {
    const path = pathFrom(next, to, seen)
    if (path) return [from, ...path]
  }
  return undefined
}

import { ignore } from '../background.js'
import type { Payload } from '../codec/codec.js'
import { joinGenerations } from '../entry/generation.js'
import { parseLease } from '../entry/lease.js'
import { ComputeCycleError, ComputeTimeoutError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import { newId } from '../store/ids.js'
import type { Reading } from '../store/store.js'
import type { HeldLease } from './lease.js'
import type { Unstorable } from './unstorable.js'

/**
 * What a flight brings: a value of which each caller gets a copy, one that cannot be copied, or that another process
 * is computing it already.
 */
export type FlightResult = Payload | Unstorable | 'busy'

/** Later than all that was asked. */
const NOT_YET = Number.POSITIVE_INFINITY

/** One attempt of this process to come to a key's value: by computing it, or by waiting for who does. */
export class Flight {
  readonly key: CacheKey
  /** Under which it holds, or asks for, the key's lease. */
  readonly token = newId()
  /** Other flights that its factory is waiting for. */
  readonly waitsFor = new Set<Flight>()
  /** How many flights wait for it. */
  followers = 0
  /** What it has computed stands in the store. */
  hasStored = false
  /** What it has computed is not to be stored: its factory, its TTL or the value itself does not allow it. */
  isUnstored = false
  /** It refreshes what is served meanwhile. */
  isRefresh = false
  /** Its factory runs. */
  isComputing = false
  /** The lease under which it computes. */
  lease: HeldLease | undefined
  /** The most that anyone who joins it waits. */
  readonly waitMs: number
  /** What it comes to, for who started it. */
  readonly result: Promise<FlightResult>
  /** The same for everyone else: `abandoned` once nobody should wait for it any longer. */
  readonly joined: Promise<FlightResult | 'abandoned'>
  /** Aborted when its value is wanted no more. */
  readonly abort = new AbortController()
  #askedAt = NOT_YET
  #doomed = false
  #wanted = 0
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
    // Nobody may be waiting any more when it fails.
    this.joined.catch(ignore)
  }

  /** The moment, by the ticks of all flights, of its last question to the store, whose answer its value will follow from. */
  get requestedAt(): number {
    return this.#askedAt
  }

  /** This process has invalidated the key since: the value goes to those who wait already, and nowhere else. */
  get isDoomed(): boolean {
    return this.#doomed
  }

  /** Whether nobody new may wait for it: what it brings is out of date, or will not come. */
  get isClosed(): boolean {
    return this.#doomed || this.abort.signal.aborted
  }

  /** It asks the store now: what was invalidated before this, the answer shows. */
  markRequested(now: number): void {
    this.#askedAt = now
    this.#doomed = false
  }

  /** It waits, and will ask again before it has a value. */
  markWaiting(): void {
    this.#askedAt = NOT_YET
  }

  doom(): void {
    if (this.#askedAt !== NOT_YET) this.#doomed = true
  }

  /** Whether it took longer than anyone waits for it. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  settleWith(result: Promise<FlightResult>): void {
    result.then(this.#resolve, this.#reject)
  }

  /** It takes too long: callers that joined it help themselves. */
  abandon(): void {
    this.#isAbandoned = true
    this.#abandon('abandoned')
    this.abort.abort(new ComputeTimeoutError(this.key.text, this.waitMs))
  }

  /** Rejects for all that still wait for it, whatever its factory does. */
  reject(reason: unknown): void {
    this.#reject(reason)
  }

  /** Somebody waits for it; gives what says that they don't any more, and why. */
  addWaiter(): (reason: unknown) => void {
    this.#wanted++
    return (reason) => {
      this.#wanted--
      if (this.#wanted === 0) this.abort.abort(reason)
    }
  }
}

/** The flights of this process that may still be joined, by key. */
export class Flights {
  readonly #byKey = new Map<string, Set<Flight>>()
  #ticks = 0

  /** A moment: later than all before it. */
  tick(): number {
    return ++this.#ticks
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
   * A flight that someone may join who began at `since` and has now read this.
   * What it brings must not be made from data older than that beginning: so
   * either it has asked the store later, or its own lease is what was just
   * read, with the generations that stand now. With nothing to read, while the
   * store is in trouble, any one will do.
   */
  joinable({ text }: CacheKey, since: number, reading: Reading | undefined): Flight | undefined {
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

  /** The flight of this process that holds a lease. */
  holding({ text }: CacheKey, token: Buffer): Flight | undefined {
    for (const flight of this.#byKey.get(text) ?? []) if (flight.token.equals(token)) return flight
    return undefined
  }

  /** All of them. */
  all(): Flight[] {
    return [...this.#byKey.values()].flatMap((flights) => [...flights])
  }

  /** This process invalidates a key, with children everything below it, without a key everything. */
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
 * Waits for a flight on behalf of others, whose factories go on only then.
 * @throws ComputeCycleError when that flight waits for one of them, however indirectly
 */
export function follow<T>(waiting: readonly Flight[], flight: Flight, wait: Promise<T>): Promise<T> {
  return waiting.length === 0 ? wait : followFor(waiting, flight, wait)
}

async function followFor<T>(waiting: readonly Flight[], flight: Flight, wait: Promise<T>): Promise<T> {
  for (const one of waiting) {
    // What nobody waits for closes no ring.
    const way = one === flight || one.followers > 0 ? wayFrom(flight, one) : undefined
    if (way) throw new ComputeCycleError([one, ...way].map(({ key }) => key.text))
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

function wayFrom(from: Flight, to: Flight, seen = new Set<Flight>()): Flight[] | undefined {
  if (from === to) return [to]
  if (seen.has(from)) return undefined
  seen.add(from)
  for (const next of from.waitsFor) {
    const way = wayFrom(next, to, seen)
    if (way) return [from, ...way]
  }
  return undefined
}

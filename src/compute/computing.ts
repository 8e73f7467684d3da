import { within } from '../background.js'
import { CacheClosedError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { ReadResult } from '../store/store.js'
import { processHit } from '../tiers/memories.js'
import type { Hit } from '../tiers/outcome.js'
import type { MemoryEntry } from '../tiers/process-memory.js'
import type { StoreRead } from '../tiers/store-reader.js'
import type { Call } from './call.js'
import { CallLimits } from './call-limits.js'
import { recordedWork, recordShared } from './call-recording.js'
import { CoalescedRead, CoalescedReads, type Followers } from './coalesced-reads.js'
import { Computation } from './computation.js'
import { Election, type ElectionOptions } from './election.js'
import { type Flight, follow } from './flight.js'
import { copyOf, inflated, type Obtained, obtainedFromFlight, slotFor } from './obtained.js'
import { withOutcome } from './read-with-outcome.js'
import { DRAIN_MS, Refreshes } from './refreshes.js'
import { RequestRead, valueFor } from './request-read.js'
import { Serving } from './serving.js'

/** A read of the store that is under way. */
interface Attempt {
  /** The moment at which it began, by `Flights.nextMoment`. */
  readonly since: number
  /** When the call began, by `performance.now()`, if this read counts. */
  readonly startedAt?: number
  readonly read: Promise<StoreRead>
}

/**
 * Reads a value, or computes it once: for all callers in this process, and in all processes. A fresh value is returned
 * at once, a stale one too, while it is refreshed in the background; only a missing one is waited for.
 */
export class Computing {
  readonly #options: ElectionOptions
  readonly #election: Election
  readonly #refreshes: Refreshes
  readonly #serving: Serving
  readonly #coalescedReads = new CoalescedReads()
  #isClosed = false

  constructor(options: ElectionOptions) {
    this.#options = options
    this.#election = new Election(options)
    this.#refreshes = new Refreshes(this.#election)
    this.#serving = new Serving(options, this.#refreshes)
  }

  /**
   * Returns the value for a call, from the nearest tier that has it, or computed.
   * @throws what the factory throws
   * @throws ComputeCycleError, ComputeTimeoutError, ComputeFailedError, CacheClosedError
   * @throws UnserializableValueError with `strictValues`
   */
  getOrSet(given: Call): Promise<unknown> {
    const call = this.#isClosed ? { ...given, isLate: true } : given
    const { key, policy, scope } = call
    const { memories, flights } = this.#options
    // Not an async function: with a thousand callers at once, each promise counts.
    try {
      const around = Computation.inner()
      around?.rejectCycle(flights, key.text)
      const hit = memories.getFromRequest(key, scope)
      if (hit !== undefined) return this.#fromRequest(call, hit)
      const entry = memories.getFromProcess(key, scope)
      if (entry && policy.accepts(entry.value)) return this.#fromProcess(call, entry)
      policy.signal?.throwIfAborted()
      return this.#fetch(call, around !== undefined)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Aborts all factories but those of refreshes, which have a limited time to end, and releases all leases. A caller
   * gets a `CacheClosedError` unless its factory ends within that time.
   */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#options.turns.close()
    this.#rejectLater()
    await this.#election.close((flight) => this.#refreshes.isRunning(flight))
    await this.#refreshes.close()
    await this.#election.close(() => false)
  }

  #rejectLater(): void {
    const flights = this.#options.flights.all()
    if (flights.length === 0) return
    const reject = () => {
      for (const flight of flights) flight.reject(new CacheClosedError(flight.key.text))
    }
    setTimeout(reject, DRAIN_MS).unref()
  }

  async #fromRequest(call: Call, found: Hit | Promise<Hit>): Promise<unknown> {
    const hit = await found
    if (call.policy.accepts(hit.value)) {
      this.#options.recorder.read(call.key, hit, performance.now())
      call.open?.read(hit)
      return hit.value
    }
    call.policy.signal?.throwIfAborted()
    return this.#fetch(call, Computation.inner() !== undefined)
  }

  async #fromProcess(call: Call, entry: MemoryEntry): Promise<unknown> {
    const { key, open, scope } = call
    const hit = processHit(entry)
    this.#options.recorder.read(key, hit, performance.now())
    open?.read(hit)
    this.#refreshes.maybeStartEarly(call, entry)
    scope?.memory?.add(key, entry.copies)
    return entry.value
  }

  /** Obtains the value from the store, or by computing, when it is the call's turn. */
  #fetch(call: Call, isComputing: boolean): Promise<unknown> {
    const { key, policy } = call
    const { flights, reader, turns } = this.#options
    const startedAt = performance.now()
    if (turns.isFree) return this.#fetchNow(call, isComputing, startedAt)
    // The limits of such a call also bound how long it waits for its turn.
    if (!policy.isPlain) return this.#fetchAlone(call, { ...this.#read(key, isComputing), startedAt })
    return turns.wait(key.text, isComputing).then(
      () => {
        turns.take()
        return this.#fetchNow(call, isComputing, startedAt)
      },
      (error: unknown) => {
        const read = reader.finish({ key, reading: Promise.reject(error), wasPending: false }, 'getOrSet')
        return this.#fetchAlone(call, { since: flights.nextMoment(), startedAt, read })
      },
    )
  }

  /** Sends a read, and decides alone what follows from it, or with the others that share it. */
  #fetchNow(call: Call, isComputing: boolean, startedAt: number): Promise<unknown> {
    const { key, onWait, policy, scope } = call
    const { flights, reader, turns } = this.#options
    const since = flights.nextMoment()
    const sent = reader.send(key, scope, flights.has(key))
    const coalesced = this.#coalescedReads.of(key, sent.reading)
    if (coalesced?.takes(policy, sent.wasPending) && !onWait && !isComputing) {
      reader.drop(sent)
      const followers = coalesced.join(call, startedAt, since)
      followers.shared ??= this.#obtainShared(followers, coalesced.result)
      return this.#follow(call, followers)
    }
    void turns.count(sent.reading)
    // No two callers get one value: each result is decoded for itself.
    const read = reader.finish(sent, 'getOrSet')
    if (!coalesced) this.#coalescedReads.add(key, new CoalescedRead(sent, read))
    return this.#fetchAlone(call, { since, startedAt, read })
  }

  #fetchAlone(call: Call, first?: Attempt, request?: RequestRead): Promise<unknown> {
    const limits = new CallLimits(call.key, call.policy)
    const obtaining = limits.hold(() => this.#obtain(call, limits, first))
    return valueFor(request ?? RequestRead.of(call), obtaining)
  }

  /** Takes a copy of what the followers obtain. */
  #follow(call: Call, followers: Followers): Promise<unknown> {
    const { open } = call
    const request = RequestRead.of(call)
    return (followers.shared as Promise<Obtained | undefined>).then(
      (obtained) => {
        if (open) recordShared(open, followers.outcome, call === followers.call ? undefined : obtained)
        if (!obtained) return this.#fetchAlone(call, undefined, request)
        const value = copyOf(obtained)
        if (value instanceof Promise) return valueFor(request, inflated(obtained, value))
        request?.end(obtained.isStale ? undefined : (obtained.copies ?? slotFor(obtained)))
        return value
      },
      request &&
        ((error: unknown) => {
          if (open) recordShared(open, followers.outcome)
          return request.fail(error)
        }),
    )
  }

  /** Reads, joins and computes until there is a value. */
  async #obtain(call: Call, limits: CallLimits, first?: Attempt): Promise<Obtained> {
    const { key, open, policy } = call
    const { flights, recorder } = this.#options
    for (let attempt = first; ; attempt = undefined) {
      const { since, startedAt, read } = attempt ?? this.#read(key, true)
      const found = await withOutcome(read, policy, (outcome) => {
        if (startedAt === undefined) return
        recorder.read(key, outcome, startedAt)
        open?.read(outcome)
      })
      const served = this.#serving.serve(call, found, since)
      if (served !== undefined) return served
      limits.throwIfOver()
      const flight = flights.joinable(key, since, found.reading)
      const obtained = flight
        ? await this.#join(flight, call, limits)
        : await this.#begin(call, limits, found.reading)
      if (obtained) return obtained
    }
  }

  /** Obtains a value for all followers of a coalesced read at once; nothing where each must read for itself. */
  async #obtainShared(followers: Followers, read: Promise<StoreRead>): Promise<Obtained | undefined> {
    const { call, startedAt } = followers
    const { key, policy } = call
    const { flights, recorder } = this.#options
    const found = await withOutcome(read, policy, (outcome) => {
      followers.outcome = outcome
      recorder.reads(key, outcome, startedAt)
    })
    const { since } = followers
    const served = this.#serving.serve(call, found, since, startedAt.length)
    if (served !== undefined) return served
    const flight = flights.joinable(key, since, found.reading)
    return flight && this.#join(flight, call, new CallLimits(key, policy), startedAt.length)
  }

  /** Reads again, when it is the call's turn. */
  #read(key: CacheKey, hasBegun: boolean): Attempt {
    const { flights, reader, turns } = this.#options
    const since = flights.nextMoment()
    const isFlown = () => flights.has(key)
    const read = reader.read(key, isFlown, (send) => turns.run(key.text, send, hasBegun))
    return { since, read }
  }

  /** Starts a flight for the call; nothing where the store must be read again. */
  async #begin(call: Call, limits: CallLimits, seen: ReadResult | undefined): Promise<Obtained | undefined> {
    const { key, factory, policy, onWait, open } = call
    if (this.#isClosed && !call.isLate) throw new CacheClosedError(key.text)
    const work = open ? recordedWork(call, open) : { factory, onWait }
    const flight = this.#election.start(key, { ...work, policy, seen, leaseless: seen === undefined })
    limits.waitFor(flight)
    const result = await follow(Computation.waiting(), flight, flight.result)
    open?.stored(flight.hasStored)
    return typeof result === 'string' ? undefined : obtainedFromFlight(result, policy)
  }

  /** Waits for a flight, for this many callers; nothing where the store must be read again. */
  async #join(flight: Flight, call: Call, limits: CallLimits, callers = 1): Promise<Obtained | undefined> {
    const { key, onWait, open, policy } = call
    const { recorder } = this.#options
    recorder.count(key, 'waits', callers)
    open?.became('waited')
    onWait?.()
    limits.waitFor(flight)
    const wait = follow(Computation.waiting(), flight, flight.joined)
    const result = policy.waitMs < flight.waitMs ? await within(policy.waitMs, wait) : await wait
    if (result === undefined) {
      recorder.count(key, 'avoided', callers - 1)
      return this.#begin(call, limits, undefined)
    }
    if (typeof result === 'string') return undefined
    const obtained = await obtainedFromFlight(result, policy)
    // The caller that began it may accept more of what it finds in the store.
    if (!policy.accepts(obtained.value)) return undefined
    recorder.count(key, 'avoided', callers)
    return obtained
  }
}

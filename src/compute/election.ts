import { within } from '../background.js'
import type { Payload } from '../codec/codec.js'
import { frameId } from '../entry/frame.js'
import { CacheClosedError, ComputeFailedError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Recorder } from '../stats/recorder.js'
import type { Failsafe } from '../store/failsafe.js'
import type { AcquireResult, LeaseWatch, ReadResult, Store } from '../store/store.js'
import { type EntryState, type LiveEntry, payloadOf } from '../tiers/entry-state.js'
import type { StoreReader } from '../tiers/store-reader.js'
import { Commits, type CommitsOptions } from './commits.js'
import { Computation } from './computation.js'
import { type Computed, runFactory } from './factory.js'
import { restoreFailure } from './failure.js'
import { Flight, type FlightResult, type Flights, follow } from './flight.js'
import type { FlightWork } from './flight-work.js'
import { HeldLease } from './held-lease.js'
import type { Policy } from './policy.js'
import type { Turns } from './turns.js'
import { payloadOrValue, Unstorable } from './unstorable.js'
import { Wait } from './wait.js'

export interface ElectionOptions extends CommitsOptions {
  readonly store: Store
  readonly reader: StoreReader
  readonly flights: Flights
}

/** How long `close` waits for the release of leases, in milliseconds. */
const RELEASE_MS = 1_000

/** A lease that this process has got, and the entry that was read in the same step. */
interface Won {
  readonly reading: ReadResult
  /** Whether an invalidation of the key was pending when the lease was requested. */
  readonly wasPending: boolean
  readonly lease: HeldLease
}

/**
 * Elects one of many flights to compute a value: the one that gets the lease of the key computes, and commits under it. The
 * others wait, and read what was committed.
 *
 * No stale value is stored: the lease is acquired before the factory reads anything, and every invalidation ends it.
 */
export class Election {
  readonly #store: Store
  readonly #reader: StoreReader
  readonly #maxValueBytes: number
  readonly #failsafe: Failsafe
  readonly #recorder: Recorder
  readonly #flights: Flights
  readonly #turns: Turns
  readonly #commits: Commits
  /** The flights that wait for a lease, or hold one. */
  readonly #candidates = new Set<Flight>()
  #isClosed = false

  constructor(options: ElectionOptions) {
    this.#store = options.store
    this.#reader = options.reader
    this.#maxValueBytes = options.maxValueBytes
    this.#failsafe = options.failsafe
    this.#recorder = options.recorder
    this.#flights = options.flights
    this.#turns = options.turns
    this.#commits = new Commits(options)
  }

  /** Starts a flight. Callers may join it until it has settled. */
  start(key: CacheKey, work: FlightWork): Flight {
    const flight = new Flight(key, work.policy.waitMs)
    this.#flights.add(flight)
    const isAlone = work.leaseless || this.#isClosed
    const result = isAlone ? this.#computeAlone(flight, work) : this.#elect(flight, work)
    flight.settleWith(result.finally(() => this.#flights.remove(flight)))
    return flight
  }

  /**
   * Aborts all flights but those that may go on, and releases their leases, so that other processes take over at once. No
   * flight gets a lease from now on.
   */
  async close(mayGoOn: (flight: Flight) => boolean): Promise<void> {
    this.#isClosed = true
    this.#commits.close()
    for (const flight of this.#flights.all()) {
      if (!mayGoOn(flight)) flight.abort.abort(new CacheClosedError(flight.key.text))
    }
    const candidates = [...this.#candidates].filter((flight) => !mayGoOn(flight))
    if (candidates.length === 0) return
    const releasing = candidates.map(({ key, token, lease }) => lease?.release() ?? this.#release(key, token))
    await within(RELEASE_MS, Promise.all(releasing))
  }

  async #elect(flight: Flight, work: FlightWork): Promise<FlightResult> {
    this.#candidates.add(flight)
    try {
      const outcome = await this.#win(flight, work)
      if (outcome === 'alone') return await this.#computeAlone(flight, work)
      if (typeof outcome === 'string' || !('lease' in outcome)) return outcome
      return await this.#computeUnderLease(flight, work, outcome)
    } finally {
      this.#candidates.delete(flight)
    }
  }

  /** Acquires the lease, or waits for the result of its holder; `alone` where the flight must compute without a lease. */
  async #win(flight: Flight, work: FlightWork): Promise<Won | FlightResult | 'alone'> {
    const { key } = flight
    const { policy } = work
    // A holder that reaches its wait timeout needs a moment to release the lease.
    const wait = new Wait(policy.waitMs + Math.min(policy.leaseMs, policy.waitMs / 2))
    const watch = this.#store.watch(key, (isInVain) => wait.wake(isInVain))
    let { seen } = work
    const { signal } = flight.abort
    const wake = () => wait.wake()
    signal.addEventListener('abort', wake)
    try {
      for (;;) {
        wait.reset()
        signal.throwIfAborted()
        const acquisition = await this.#acquire(flight, work, watch, seen)
        // Another attempt starts from what is stored then.
        seen = undefined
        if (acquisition === undefined) return 'alone'
        if (acquisition.won) {
          if (signal.aborted) void this.#release(key, flight.token)
          signal.throwIfAborted()
          if (acquisition.tookOver) this.#recorder.count(key, 'takeovers')
          const lease = new HeldLease(this.#store, key, flight.token, policy.leaseMs, acquisition.requestedAt)
          flight.lease = lease
          return { reading: acquisition.reading, wasPending: acquisition.wasPending, lease }
        }
        if (work.background) return 'busy'
        if (!wait.hasBegun) {
          this.#recorder.count(key, 'waits')
          work.onWait?.()
        }
        wait.setHolder(acquisition.holder)
        const own = this.#flights.holding(key, acquisition.holder)
        if (own?.isClosed) {
          // It will store nothing, and only the callers that wait already may get its value.
          if (await this.#release(key, acquisition.holder)) continue
          return 'alone'
        }
        if (own) {
          const result = await this.#followOwn(flight, own)
          if (typeof result === 'string') continue
          this.#recorder.count(key, 'avoided')
          return result
        }
        if (!watch.active) {
          await watch.activate()
          // The holder wakes only those that have tried to acquire the lease while they were watching it.
          if (watch.active) continue
        }
        flight.markWaiting()
        await wait.forEvent(watch.active, acquisition.lapsesInMs)
        signal.throwIfAborted()
        // The holder's value comes too late, or cannot be stored. Each waiter computes at once, without a lease: under
        // leases they would compute one after the other, and store nothing either.
        if (wait.isOver || wait.isInVain) return 'alone'
        const again = await this.#readAgain(flight, work)
        if (again.found) return again.found
        seen = again.reading
      }
    } finally {
      // Before the factory runs, which may never end.
      signal.removeEventListener('abort', wake)
      watch.stop()
    }
  }

  /** Waits for another flight of this process, which holds the lease. */
  async #followOwn(flight: Flight, own: Flight): Promise<FlightResult | 'abandoned'> {
    const { signal } = flight.abort
    const leave = own.addWaiter()
    const stop = () => leave(signal.reason)
    signal.addEventListener('abort', stop)
    try {
      return await follow([flight], own, own.joined)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Tries to acquire the lease, when it is its turn; `undefined` where the store fails. */
  async #acquire(
    flight: Flight,
    { background, policy }: FlightWork,
    watch: LeaseWatch,
    seen: ReadResult | undefined,
  ): Promise<(AcquireResult & { readonly requestedAt: number; readonly wasPending: boolean }) | undefined> {
    const { key, token } = flight
    let requestedAt = 0
    let wasPending = false
    const request = () => {
      const awaiting = watch.active && !background
      flight.markRequested(this.#flights.nextMoment())
      requestedAt = performance.now()
      wasPending = this.#reader.isPending(key)
      return this.#store.acquire(key, token, { leaseMs: policy.leaseMs, awaiting, seen })
    }
    try {
      return { ...(await this.#turns.run(key.text, request, true)), requestedAt, wasPending }
    } catch (error) {
      // The store may have granted it all the same: no waiter should wait for it.
      if (requestedAt > 0) void this.#release(key, token)
      return this.#failsafe.absorb('getOrSet', key.text, error, undefined)
    }
  }

  /** Releases a lease, and resolves to whether the store confirmed it. */
  #release(key: CacheKey, token: Buffer): Promise<boolean> {
    return this.#store.release(key, token).then(
      () => true,
      () => false,
    )
  }

  /** Reads the key again: its holder may have committed a value. */
  async #readAgain(
    flight: Flight,
    { policy }: FlightWork,
  ): Promise<{ readonly found?: Payload | undefined; readonly reading?: ReadResult | undefined }> {
    const { key } = flight
    flight.markRequested(this.#flights.nextMoment())
    const { reading, entry } = await this.#reader.read(key)
    const found = entry && this.#usable(key, entry, policy)
    if (found) this.#recorder.count(key, 'avoided')
    return { found: found && payloadOf(found), reading }
  }

  /**
   * The entry, if it is fresh and accepted.
   * @throws ComputeFailedError for a failure that is kept
   */
  #usable(key: CacheKey, entry: EntryState, policy: Policy): LiveEntry | undefined {
    if (entry.state === 'failed') throw new ComputeFailedError(key.text, restoreFailure(entry.value))
    return entry.state === 'fresh' && policy.accepts(entry.value) ? entry : undefined
  }

  async #computeUnderLease(flight: Flight, work: FlightWork, won: Won): Promise<FlightResult> {
    const { key } = flight
    const { policy } = work
    const { reading, wasPending, lease } = won
    try {
      const entry = await this.#reader.stateOf(key, reading, wasPending)
      const isToBeReplaced = entry.state !== 'missing' && work.replaces?.equals(frameId(entry.frame))
      const usable = isToBeReplaced ? undefined : this.#usable(key, entry, policy)
      if (usable) {
        this.#recorder.count(key, 'avoided')
        return payloadOf(usable)
      }
      if (isToBeReplaced) this.#recorder.count(key, 'earlyRefreshes')
      const previous = isPrevious(entry, policy) ? entry : undefined
      const computed = await this.#compute(flight, work, previous, lease).catch(async (error: unknown) => {
        await this.#commits.commitFailure(flight, lease, policy, error, previous)
        throw error
      })
      const result =
        previous && computed.isUnchanged
          ? payloadOf(previous)
          : payloadOrValue(computed.value, key, this.#maxValueBytes)
      if (!(result instanceof Unstorable)) {
        return await this.#commits.commit(flight, lease, policy, { computed, payload: result, previous })
      }
      this.#commits.reject(flight, policy, result.reason)
      return result
    } finally {
      void lease.release({ unstored: flight.isUnstored })
    }
  }

  /** Computes without a lease, once in this process. The value is not stored. */
  async #computeAlone(flight: Flight, work: FlightWork): Promise<FlightResult> {
    flight.markRequested(this.#flights.nextMoment())
    const { value } = await this.#compute(flight, work, undefined, undefined)
    const result = payloadOrValue(value, flight.key, this.#maxValueBytes)
    if (result instanceof Unstorable) this.#commits.reject(flight, work.policy, result.reason)
    return result
  }

  async #compute(
    flight: Flight,
    { factory, policy }: FlightWork,
    previous: LiveEntry | undefined,
    lease: HeldLease | undefined,
  ): Promise<Computed> {
    const { key, abort } = flight
    const computation = new Computation(this.#flights, [key.text], () => [flight])
    // The factory may never end: nothing may keep the flight in memory then.
    const abandon = setTimeout(() => {
      this.#flights.remove(flight)
      this.#candidates.delete(flight)
      void lease?.release()
      computation.abandon()
      flight.abandon()
    }, policy.waitMs)
    // A faked timer may have no such method.
    abandon.unref?.()
    flight.isComputing = true
    const startedAt = performance.now()
    try {
      const computed = await runFactory(factory, computation, { key, signal: abort.signal, previous })
      this.#recorder.computed(key, startedAt, false)
      return computed
    } catch (error) {
      this.#recorder.computed(key, startedAt, true)
      throw error
    } finally {
      clearTimeout(abandon)
    }
  }
}

function isPrevious(entry: EntryState, policy: Policy): entry is LiveEntry {
  return (entry.state === 'fresh' || entry.state === 'stale') && policy.accepts(entry.value)
}

import { within } from '../background.js'
import type { Payload } from '../codec/codec.js'
import { formatDuration } from '../duration.js'
import type { NewEntry } from '../entry/body.js'
import { frameId } from '../entry/frame.js'
import { CacheClosedError, ComputeCycleError, ComputeFailedError, type KeyedCacheError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Recorder } from '../stats/recorder.js'
import type { Failsafe } from '../store/failsafe.js'
import type { Acquisition, Reading, Store, Watch, WriteResult } from '../store/store.js'
import { type EntryState, type LiveEntry, payloadOf } from '../tiers/entry-state.js'
import type { Memories } from '../tiers/memories.js'
import type { StoreReader } from '../tiers/store-reader.js'
import type { StoreWriter } from '../tiers/store-writer.js'
import { Computation } from './computation.js'
import { type Computed, runFactory } from './factory.js'
import { restoreFailure, serializeFailure } from './failure.js'
import { Flight, type FlightResult, type Flights, follow } from './flight.js'
import type { Job } from './job.js'
import { HeldLease } from './lease.js'
import type { Policy } from './policy.js'
import type { Turns } from './turns.js'
import { payloadOrValue, refusal, Unstorable } from './unstorable.js'
import { Wait } from './wait.js'
import type { Warnings } from './warnings.js'

const REFUSED: WriteResult = { written: false }

export interface ElectionOptions {
  readonly store: Store
  readonly reader: StoreReader
  readonly writer: StoreWriter
  readonly memories: Memories
  /** Maximum size of one serialised value in bytes, before compression. */
  readonly maxValueBytes: number
  readonly failsafe: Failsafe
  readonly recorder: Recorder
  readonly flights: Flights
  readonly warnings: Warnings
  readonly turns: Turns
}

/** How long `close` waits for the leases that it gives up. */
const RELEASE_MS = 1_000

/** The lease is this process's, and this is what stands there. */
interface Won {
  readonly reading: Reading
  readonly lease: HeldLease
}

/**
 * Makes one of many the creator of a value: the one that gets the key's lease
 * computes, and commits under it; the others wait, and read what it has
 * committed. It knows a store with leases, and nothing of what is behind it.
 *
 * What keeps a stale value from being stored: the lease is asked for before
 * the factory reads anything, and every invalidation ends it.
 */
export class Election {
  readonly #store: Store
  readonly #reader: StoreReader
  readonly #writer: StoreWriter
  readonly #memories: Memories
  readonly #maxValueBytes: number
  readonly #failsafe: Failsafe
  readonly #recorder: Recorder
  readonly #flights: Flights
  readonly #warnings: Warnings
  readonly #turns: Turns
  /** Those that ask for a lease, or hold one. */
  readonly #claims = new Set<Flight>()
  #isClosed = false

  constructor(options: ElectionOptions) {
    this.#store = options.store
    this.#reader = options.reader
    this.#writer = options.writer
    this.#memories = options.memories
    this.#maxValueBytes = options.maxValueBytes
    this.#failsafe = options.failsafe
    this.#recorder = options.recorder
    this.#flights = options.flights
    this.#warnings = options.warnings
    this.#turns = options.turns
  }

  /** Starts an attempt to come to a key's value. It is to be joined until it has settled. */
  start(key: CacheKey, job: Job): Flight {
    const flight = new Flight(key, job.policy.waitMs)
    this.#flights.add(flight)
    const isAlone = job.leaseless || this.#isClosed
    const result = isAlone ? this.#computeAlone(flight, job) : this.#elect(flight, job)
    flight.settleWith(result.finally(() => this.#flights.remove(flight)))
    return flight
  }

  /**
   * Aborts what is under way, but for flights that may go on, and gives up its leases, so that other processes take
   * over at once. Nothing asks for a lease from now on.
   */
  async close(mayGoOn: (flight: Flight) => boolean): Promise<void> {
    this.#isClosed = true
    for (const flight of this.#flights.all()) {
      if (!mayGoOn(flight)) flight.abort.abort(new CacheClosedError(flight.key.text))
    }
    const claims = [...this.#claims].filter((flight) => !mayGoOn(flight))
    if (claims.length === 0) return
    const releasing = claims.map(({ key, token, lease }) => lease?.release() ?? this.#release(key, token))
    await within(RELEASE_MS, Promise.all(releasing))
  }

  async #elect(flight: Flight, job: Job): Promise<FlightResult> {
    this.#claims.add(flight)
    try {
      const outcome = await this.#ask(flight, job)
      if (outcome === 'alone') return await this.#computeAlone(flight, job)
      if (typeof outcome === 'string' || !('lease' in outcome)) return outcome
      return await this.#computeUnderLease(flight, job, outcome)
    } finally {
      this.#claims.delete(flight)
    }
  }

  /** Gets the lease, or waits for what its holder brings; `alone` where this process is to compute without a lease. */
  async #ask(flight: Flight, job: Job): Promise<Won | FlightResult | 'alone'> {
    const { key } = flight
    const { policy } = job
    // A holder that is given up on at the wait timeout needs a moment to let go.
    const wait = new Wait(policy.waitMs + Math.min(policy.leaseMs, policy.waitMs / 2))
    const watch = this.#store.watch(key, (isInVain) => wait.wake(isInVain))
    const { signal } = flight.abort
    const wake = () => wait.wake()
    signal.addEventListener('abort', wake)
    try {
      for (;;) {
        wait.reset()
        signal.throwIfAborted()
        const acquisition = await this.#acquire(flight, job, watch)
        if (acquisition === undefined) return 'alone'
        if (acquisition.won) {
          if (signal.aborted) void this.#release(key, flight.token)
          signal.throwIfAborted()
          if (acquisition.tookOver) this.#recorder.count(key, 'takeovers')
          const lease = new HeldLease(this.#store, key, flight.token, policy.leaseMs, acquisition.askedAt)
          flight.lease = lease
          return { reading: acquisition.reading, lease }
        }
        if (job.background) return 'busy'
        if (!wait.hasBegun) {
          this.#recorder.count(key, 'waits')
          job.onWait?.()
        }
        wait.setHolder(acquisition.holder)
        const own = this.#flights.holding(key, acquisition.holder)
        if (own?.isClosed) {
          // It will store nothing, and what it brings, if anything, is for those alone who wait already.
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
          // Only a waiter that asks while news arrive is known to wait.
          if (watch.active) continue
        }
        flight.markWaiting()
        await wait.forEvent(watch.active, acquisition.lapsesInMs)
        signal.throwIfAborted()
        // Each waiter in its turn would wait for all before it, and none of them stores anything.
        if (wait.isOver || wait.isInVain) return 'alone'
        const found = await this.#look(flight, job)
        if (found) return found
      }
    } finally {
      // Reached before the factory runs, which may never end.
      signal.removeEventListener('abort', wake)
      watch.stop()
    }
  }

  /** What another flight of this process brings, which computes the same under its lease. */
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

  /** Asks for the lease, when it is its turn; `undefined` when the store does not answer. */
  async #acquire(
    flight: Flight,
    { background, policy }: Job,
    watch: Watch,
  ): Promise<(Acquisition & { readonly askedAt: number }) | undefined> {
    const { key, token } = flight
    let askedAt = 0
    const ask = () => {
      const awaiting = watch.active && !background
      flight.markRequested(this.#flights.tick())
      askedAt = performance.now()
      return this.#store.acquire(key, token, { leaseMs: policy.leaseMs, awaiting })
    }
    try {
      return { ...(await this.#turns.run(key.text, ask, true)), askedAt }
    } catch (error) {
      // It may have been got all the same: nobody should wait for it.
      if (askedAt > 0) void this.#release(key, token)
      return this.#failsafe.absorb('getOrSet', key.text, error, undefined)
    }
  }

  /** Gives a lease up; whether the store surely did it. */
  #release(key: CacheKey, token: Buffer): Promise<boolean> {
    return this.#store.release(key, token).then(
      () => true,
      () => false,
    )
  }

  /** Reads what others have computed meanwhile. */
  async #look(flight: Flight, { policy }: Job): Promise<Payload | undefined> {
    const { key } = flight
    flight.markRequested(this.#flights.tick())
    const { entry } = await this.#reader.read(key, 'getOrSet')
    const found = entry && this.#usable(key, entry, policy)
    if (found) this.#recorder.count(key, 'avoided')
    return found && payloadOf(found)
  }

  /**
   * A fresh value that will do, if that is what stands there.
   * @throws ComputeFailedError when a failure does
   */
  #usable(key: CacheKey, entry: EntryState, policy: Policy): LiveEntry | undefined {
    if (entry.state === 'failed') throw new ComputeFailedError(key.text, restoreFailure(entry.value))
    return entry.state === 'fresh' && policy.accepts(entry.value) ? entry : undefined
  }

  async #computeUnderLease(flight: Flight, job: Job, { reading, lease }: Won): Promise<FlightResult> {
    const { key } = flight
    const { policy } = job
    try {
      const entry = await this.#reader.stateOf(key, reading)
      const isToBeReplaced = entry.state !== 'missing' && job.replaces?.equals(frameId(entry.frame))
      const usable = isToBeReplaced ? undefined : this.#usable(key, entry, policy)
      if (usable) {
        this.#recorder.count(key, 'avoided')
        return payloadOf(usable)
      }
      if (isToBeReplaced) this.#recorder.count(key, 'earlyRefreshes')
      const previous = isPrevious(entry, policy) ? entry : undefined
      const computed = await this.#compute(flight, job, previous, lease).catch(async (error: unknown) => {
        await this.#commitFailure(flight, lease, error, previous, policy)
        throw error
      })
      const brought =
        previous && computed.isUnchanged
          ? payloadOf(previous)
          : payloadOrValue(computed.value, key, this.#maxValueBytes)
      if (!(brought instanceof Unstorable)) {
        return await this.#commit(flight, lease, policy, { computed, payload: brought, previous })
      }
      this.#refuse(flight, policy, brought.reason)
      return brought
    } finally {
      void lease.release({ unstored: flight.isUnstored })
    }
  }

  /** Without a lease, once in this process: nothing is stored. */
  async #computeAlone(flight: Flight, job: Job): Promise<FlightResult> {
    flight.markRequested(this.#flights.tick())
    const { value } = await this.#compute(flight, job, undefined, undefined)
    const brought = payloadOrValue(value, flight.key, this.#maxValueBytes)
    if (brought instanceof Unstorable) this.#refuse(flight, job.policy, brought.reason)
    return brought
  }

  async #compute(
    flight: Flight,
    { factory, policy }: Job,
    previous: LiveEntry | undefined,
    lease: HeldLease | undefined,
  ): Promise<Computed> {
    const { key, abort } = flight
    const computation = new Computation(this.#flights, [key.text], () => [flight])
    // Its factory may never end, so all that would keep the flight alive ends here.
    const abandon = setTimeout(() => {
      this.#flights.remove(flight)
      this.#claims.delete(flight)
      void lease?.release()
      computation.abandon()
      flight.abandon()
    }, policy.waitMs)
    // One that a test has faked may have no such method.
    abandon.unref?.()
    flight.isComputing = true
    const began = performance.now()
    try {
      const computed = await runFactory(factory, computation, { key, signal: abort.signal, previous })
      this.#recorder.computed(key, began, false)
      return computed
    } catch (error) {
      this.#recorder.computed(key, began, true)
      throw error
    } finally {
      clearTimeout(abandon)
    }
  }

  /** Stores what was computed, where that may be; gives what its callers get. */
  async #commit(
    flight: Flight,
    lease: HeldLease,
    policy: Policy,
    { computed, payload, previous }: Result,
  ): Promise<Payload | Unstorable> {
    const { key } = flight
    const { ms, wrong } = policy.lifetime(computed)
    if (ms === 0) {
      flight.isUnstored = true
      if (wrong !== undefined) this.#warnOfTtl(key, wrong)
      return payload
    }
    const { computingMs } = computed
    const unchanged = previous && computed.isUnchanged ? frameId(previous.frame) : undefined
    let entry: NewEntry
    try {
      const ttlMs = policy.jittered(ms)
      entry = await this.#writer.newEntry(payload, { ttlMs, graceMs: policy.graceMs, computingMs })
    } catch (error) {
      const reason = refusal(error, key.text)
      this.#refuse(flight, policy, reason)
      return new Unstorable(computed.value, reason, payload)
    }
    await this.#write(flight, lease, entry, unchanged)
    return payload
  }

  /** A computed value cannot be stored: its callers get it, unless they want an error. */
  #refuse(flight: Flight, { strictValues }: Policy, reason: KeyedCacheError): void {
    const { key } = flight
    flight.isUnstored = true
    this.#recorder.count(key, 'unstorable')
    if (strictValues && !flight.isRefresh) return
    this.#warnings.once('value', key, (family) => {
      return `a value computed for ${family} was returned to its callers and not stored. ${reason.message} Return plain data from the factory, or set strictValues to get an error. Further ones of this family are only counted.`
    })
  }

  #warnOfTtl(key: CacheKey, wrong: string): void {
    this.#recorder.count(key, 'unstorable')
    this.#warnings.once('ttl', key, (family) => {
      return `a value computed for ${family} was returned to its callers and not stored, since its TTL is no duration: ${wrong}. Give a number of seconds or a text like '10s', '5m' or '1h'. Further ones of this family are only counted.`
    })
  }

  /** Keeps a failure, if that is wanted, and it says anything of the next attempt. */
  async #commitFailure(
    flight: Flight,
    lease: HeldLease,
    thrown: unknown,
    previous: LiveEntry | undefined,
    policy: Policy,
  ): Promise<void> {
    const { errorTtlMs: ttlMs } = policy
    const isOurs = flight.abort.signal.aborted || thrown instanceof ComputeCycleError
    // What may still be served is worth more than the news that computing failed.
    if (ttlMs === undefined || isOurs || (previous && policy.serves(previous))) return
    const entry = await this.#writer.newEntry(serializeFailure(thrown), { ttlMs, isFailure: true })
    await this.#write(flight, lease, entry, undefined)
  }

  async #write(
    flight: Flight,
    lease: HeldLease,
    entry: NewEntry,
    unchanged: Buffer | undefined,
  ): Promise<void> {
    const { key } = flight
    this.#memories.drop(key, false)
    try {
      const left = performance.now()
      const isOver = flight.isDoomed || lease.isOver
      const result = isOver ? REFUSED : await this.#turns.count(lease.commit(entry, { unchanged }))
      if (!result.written) this.#fenced(flight, lease, flight.isDoomed || result.fenced === true)
      else {
        flight.hasStored = true
        if (!entry.isFailure) this.#recorder.stored(key, entry, left)
      }
    } catch (error) {
      this.#failsafe.absorb('getOrSet', key.text, error, undefined)
    } finally {
      this.#memories.drop(key, false)
    }
  }

  /** A commit was refused. Where that was no invalidation, it is a time limit that is too short. */
  #fenced(flight: Flight, lease: HeldLease, isInvalidated: boolean): void {
    const { key, waitMs } = flight
    this.#recorder.fenced(key, isInvalidated)
    if (isInvalidated) return
    const took = `computing took ${formatDuration(lease.heldMs)}`
    if (flight.isAbandoned) {
      this.#warnings.once('waitTimeout', key, (family) => {
        return `a value computed for ${family} was not stored: ${took}, and after a waitTimeout of ${formatDuration(waitMs)} nobody waits for it any longer. Raise waitTimeout, or timeouts.wait, beyond what computing takes. Further ones of this family are only counted.`
      })
    } else if (!this.#isClosed && lease.hasLapsed) {
      this.#warnings.once('leaseTime', key, (family) => {
        return `a value computed for ${family} was not stored: ${took}, and its lease of ${formatDuration(lease.leaseMs)} was not renewed in time, since the process was blocked or the store did not answer. Raise leaseTime, or timeouts.lease, or do not block the process. Further ones of this family are only counted.`
      })
    }
  }
}

interface Result {
  readonly computed: Computed
  readonly payload: Payload
  readonly previous: LiveEntry | undefined
}

function isPrevious(entry: EntryState, policy: Policy): entry is LiveEntry {
  return (entry.state === 'fresh' || entry.state === 'stale') && policy.accepts(entry.value)
}

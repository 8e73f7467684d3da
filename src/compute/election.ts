import { type Payload, serializeValue } from '../codec/codec.js'
import type { NewEntry } from '../entry/body.js'
import { frameId } from '../entry/frame.js'
import { ComputeCycleError, ComputeFailedError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Recorder } from '../stats/recorder.js'
import type { Failsafe } from '../store/failsafe.js'
import type { Acquisition, Reading, Store, Watch, WriteResult } from '../store/store.js'
import type { TierChain } from '../tiers/chain.js'
import { type LiveEntry, payloadOf, type Standing } from '../tiers/standing.js'
import { Computation } from './computation.js'
import { type Computed, type Factory, runFactory } from './factory.js'
import { restoreFailure, serializeFailure } from './failure.js'
import { Flight, type FlightResult, type Flights, follow } from './flight.js'
import { HeldLease } from './lease.js'
import type { Policy } from './policy.js'
import { Wait } from './wait.js'

const REFUSED: WriteResult = { written: false }

/** What a flight is for. */
export interface Job {
  readonly factory: Factory<unknown>
  readonly policy: Policy
  /** A refresh of what is served meanwhile: it does not wait for others who are at it. */
  readonly background?: boolean
  /** The store has just failed: it is not asked again. */
  readonly leaseless?: boolean
  /** The frame that is to be replaced although it is fresh. */
  readonly replaces?: Buffer | undefined
  /** Called when it has to wait for somebody else's computation. */
  readonly onWait?: (() => void) | undefined
}

export interface ElectionOptions {
  readonly store: Store
  readonly chain: TierChain
  readonly failsafe: Failsafe
  readonly recorder: Recorder
  readonly flights: Flights
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
  readonly #chain: TierChain
  readonly #failsafe: Failsafe
  readonly #recorder: Recorder
  readonly #flights: Flights

  constructor({ store, chain, failsafe, recorder, flights }: ElectionOptions) {
    this.#store = store
    this.#chain = chain
    this.#failsafe = failsafe
    this.#recorder = recorder
    this.#flights = flights
  }

  /** Starts an attempt to come to a key's value. It is to be joined until it has settled. */
  start(key: CacheKey, job: Job): Flight {
    const flight = new Flight(key, job.policy.waitMs)
    this.#flights.add(flight)
    const result = job.leaseless ? this.#computeAlone(flight, job) : this.#elect(flight, job)
    flight.settleWith(result.finally(() => this.#flights.remove(flight)))
    return flight
  }

  async #elect(flight: Flight, job: Job): Promise<FlightResult> {
    const { key } = flight
    const { policy } = job
    // Who is given up on at the wait timeout needs a moment to let go.
    const wait = new Wait(policy.waitMs + Math.min(policy.leaseMs, policy.waitMs / 2))
    const watch = this.#store.watch(key, () => wait.wake())
    const { signal } = flight.abort
    signal.addEventListener('abort', () => wait.wake())
    try {
      for (;;) {
        wait.forget()
        signal.throwIfAborted()
        const acquisition = await this.#acquire(flight, job, watch)
        if (acquisition === undefined) return await this.#computeAlone(flight, job)
        if (acquisition.won) {
          if (signal.aborted) void this.#release(key, flight.token)
          signal.throwIfAborted()
          if (acquisition.tookOver) this.#recorder.count(key, 'takeovers')
          return await this.#computeUnderLease(flight, job, acquisition.reading)
        }
        if (job.background) return 'busy'
        if (!wait.hasBegun) {
          this.#recorder.count(key, 'waits')
          job.onWait?.()
        }
        wait.on(acquisition.holder)
        const own = this.#flights.holding(key, acquisition.holder)
        if (own?.isClosed) {
          // It will store nothing, and what it brings, if anything, is for those alone who wait already.
          if (await this.#release(key, acquisition.holder)) continue
          return await this.#computeAlone(flight, job)
        }
        if (own) {
          const leave = own.want()
          signal.addEventListener('abort', () => leave(signal.reason))
          const result = await follow([flight], own, own.joined)
          if (typeof result === 'string') continue
          this.#recorder.count(key, 'avoided')
          return result
        }
        if (!watch.active) {
          await watch.activate()
          // Only who asks while news arrive is known to wait.
          if (watch.active) continue
        }
        flight.waits()
        await wait.forNews(watch.active, acquisition.lapsesInMs)
        if (wait.isOver) return await this.#computeAlone(flight, job)
        const found = await this.#look(flight, job)
        if (found) return found
      }
    } finally {
      watch.stop()
    }
  }

  /** Asks for the lease; `undefined` when the store does not answer. */
  async #acquire(
    flight: Flight,
    { background, policy }: Job,
    watch: Watch,
  ): Promise<Acquisition | undefined> {
    const { key, token } = flight
    const awaiting = watch.active && !background
    flight.asks(this.#flights.tick())
    try {
      return await this.#store.acquire(key, token, { leaseMs: policy.leaseMs, awaiting })
    } catch (error) {
      // It may have been got all the same: nobody should wait for it.
      void this.#release(key, token)
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
    flight.asks(this.#flights.tick())
    try {
      const found = this.#usable(flight.key, await this.#read(flight.key), policy)
      if (found) this.#recorder.count(flight.key, 'avoided')
      return found && payloadOf(found)
    } catch (error) {
      return this.#failsafe.absorb('getOrSet', flight.key.text, error, undefined)
    }
  }

  async #read(key: CacheKey): Promise<Standing> {
    return this.#chain.standing(key, await this.#store.read(key))
  }

  /**
   * A fresh value that will do, if that is what stands there.
   * @throws ComputeFailedError when a failure does
   */
  #usable(key: CacheKey, standing: Standing, policy: Policy): LiveEntry | undefined {
    if (standing.state === 'failed') throw new ComputeFailedError(key.text, restoreFailure(standing.value))
    return standing.state === 'fresh' && policy.accepts(standing.value) ? standing : undefined
  }

  async #computeUnderLease(flight: Flight, job: Job, reading: Reading): Promise<FlightResult> {
    const { key, token } = flight
    const { policy } = job
    const lease = new HeldLease(this.#store, key, token, policy.leaseMs)
    try {
      const standing = await this.#chain.standing(key, reading)
      const isToBeReplaced = standing.state !== 'missing' && job.replaces?.equals(frameId(standing.frame))
      const usable = isToBeReplaced ? undefined : this.#usable(key, standing, policy)
      if (usable) {
        this.#recorder.count(key, 'avoided')
        return payloadOf(usable)
      }
      if (isToBeReplaced) this.#recorder.count(key, 'earlyRefreshes')
      const previous = isPrevious(standing, policy) ? standing : undefined
      const computed = await this.#compute(flight, job, previous, lease).catch(async (error: unknown) => {
        await this.#commitFailure(flight, lease, error, previous, policy)
        throw error
      })
      const payload =
        previous && computed.isUnchanged
          ? payloadOf(previous)
          : serializeValue(computed.value, key.text, this.#chain.maxValueBytes)
      await this.#commit(flight, lease, policy, { computed, payload, previous })
      return payload
    } finally {
      lease.release()
    }
  }

  /** Without a lease, once in this process: nothing is stored. */
  async #computeAlone(flight: Flight, job: Job): Promise<FlightResult> {
    flight.asks(this.#flights.tick())
    const { value } = await this.#compute(flight, job, undefined, undefined)
    return serializeValue(value, flight.key.text, this.#chain.maxValueBytes)
  }

  async #compute(
    flight: Flight,
    { factory, policy }: Job,
    previous: LiveEntry | undefined,
    lease: HeldLease | undefined,
  ): Promise<Computed> {
    const { key, abort } = flight
    const computation = new Computation(this.#flights, [key.text], [flight])
    const abandon = setTimeout(() => {
      this.#flights.remove(flight)
      lease?.release()
      flight.abandon()
    }, policy.waitMs).unref()
    const began = performance.now()
    try {
      const computed = await runFactory(factory, computation, { key, signal: abort.signal, previous, policy })
      this.#recorder.computed(key, began, false)
      return computed
    } catch (error) {
      this.#recorder.computed(key, began, true)
      throw error
    } finally {
      clearTimeout(abandon)
    }
  }

  async #commit(
    flight: Flight,
    lease: HeldLease,
    policy: Policy,
    { computed, payload, previous }: Result,
  ): Promise<void> {
    if (computed.ttlMs === undefined) return
    const ttlMs = policy.jittered(computed.ttlMs)
    const { computingMs } = computed
    const unchanged = previous && computed.isUnchanged ? frameId(previous.frame) : undefined
    const entry = await this.#chain.newEntry(payload, { ttlMs, graceMs: policy.graceMs, computingMs })
    await this.#write(flight, lease, entry, unchanged)
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
    const entry = await this.#chain.newEntry(serializeFailure(thrown), { ttlMs, isFailure: true })
    await this.#write(flight, lease, entry, undefined)
  }

  async #write(
    flight: Flight,
    lease: HeldLease,
    entry: NewEntry,
    unchanged: Buffer | undefined,
  ): Promise<void> {
    const { key } = flight
    this.#chain.forget(key)
    try {
      const left = performance.now()
      const isOver = flight.isDoomed || lease.isOver
      const result = isOver ? REFUSED : await lease.commit(entry, { unchanged })
      if (!result.written) this.#recorder.fenced(key, flight.isDoomed || result.fenced === true)
      else {
        flight.hasStored = true
        if (!entry.isFailure) this.#recorder.stored(key, entry, left)
      }
    } catch (error) {
      this.#failsafe.absorb('getOrSet', key.text, error, undefined)
    } finally {
      this.#chain.forget(key)
    }
  }
}

interface Result {
  readonly computed: Computed
  readonly payload: Payload
  readonly previous: LiveEntry | undefined
}

function isPrevious(standing: Standing, policy: Policy): standing is LiveEntry {
  return (standing.state === 'fresh' || standing.state === 'stale') && policy.accepts(standing.value)
}

import type { Payload } from '../codec/codec.js'
import { formatDuration } from '../duration.js'
import type { NewEntry } from '../entry/body.js'
import { frameId } from '../entry/frame.js'
import { ComputeCycleError, type KeyedCacheError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Recorder } from '../stats/recorder.js'
import type { Failsafe } from '../store/failsafe.js'
import type { WriteResult } from '../store/store.js'
import type { LiveEntry } from '../tiers/entry-state.js'
import type { Memories } from '../tiers/memories.js'
import type { StoreWriter } from '../tiers/store-writer.js'
import type { Computed } from './factory.js'
import { serializeFailure } from './failure.js'
import type { Flight } from './flight.js'
import type { HeldLease } from './held-lease.js'
import type { Policy } from './policy.js'
import type { Turns } from './turns.js'
import { refusal, Unstorable } from './unstorable.js'
import type { Warnings } from './warnings.js'

export interface CommitsOptions {
  readonly writer: StoreWriter
  readonly memories: Memories
  /** Maximum size of one serialised value in bytes, before compression. */
  readonly maxValueBytes: number
  readonly failsafe: Failsafe
  readonly recorder: Recorder
  readonly warnings: Warnings
  readonly turns: Turns
}

/** A computed value. */
interface Result {
  readonly computed: Computed
  readonly payload: Payload
  /** The entry that it replaces. */
  readonly previous: LiveEntry | undefined
}

const REFUSED: WriteResult = { written: false }

/** Commits computed values and failures under their leases, and warns of values that are not stored. */
export class Commits {
  readonly #writer: StoreWriter
  readonly #memories: Memories
  readonly #failsafe: Failsafe
  readonly #recorder: Recorder
  readonly #warnings: Warnings
  readonly #turns: Turns
  #isClosed = false

  constructor({ writer, memories, failsafe, recorder, warnings, turns }: CommitsOptions) {
    this.#writer = writer
    this.#memories = memories
    this.#failsafe = failsafe
    this.#recorder = recorder
    this.#warnings = warnings
    this.#turns = turns
  }

  /** Leases end without a warning from now on. */
  close(): void {
    this.#isClosed = true
  }

  /** Stores a computed value, unless its lifetime is 0, and returns the result for its callers. */
  async commit(
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
      this.reject(flight, policy, reason)
      return new Unstorable(computed.value, reason, payload)
    }
    await this.#write(flight, lease, entry, unchanged)
    return payload
  }

  /** Counts a value that cannot be stored, and warns of it, unless its callers get an error. */
  reject(flight: Flight, { strictValues }: Policy, reason: KeyedCacheError): void {
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

  /** Stores the failure of a factory, with `errorTtl`, where the next computation would fail too. */
  async commitFailure(
    flight: Flight,
    lease: HeldLease,
    policy: Policy,
    thrown: unknown,
    previous: LiveEntry | undefined,
  ): Promise<void> {
    const { errorTtlMs: ttlMs } = policy
    const isOurs = flight.abort.signal.aborted || thrown instanceof ComputeCycleError
    // A value that may still be served is worth more than a failure.
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
      const startedAt = performance.now()
      const isOver = flight.isDoomed || lease.isOver
      const result = isOver ? REFUSED : await this.#turns.count(lease.commit(entry, { unchanged }))
      if (!result.written) this.#fenced(flight, lease, flight.isDoomed || result.fenced === true)
      else {
        flight.hasStored = true
        if (!entry.isFailure) this.#recorder.stored(key, entry, startedAt)
      }
    } catch (error) {
      this.#failsafe.absorb('getOrSet', key.text, error, undefined, 'the computed value is not stored')
    } finally {
      this.#memories.drop(key, false)
    }
  }

  /** Counts a refused commit. Where no invalidation was the reason, a time limit is too short: that is a warning. */
  #fenced(flight: Flight, lease: HeldLease, isInvalidated: boolean): void {
    const { key, waitMs } = flight
    this.#recorder.fenced(key, isInvalidated)
    if (isInvalidated) return
    const took = `computing took ${formatDuration(lease.heldMs)}`
    if (flight.isAbandoned) {
      this.#warnings.once('waitTimeout', key, (family) => {
        return `a value computed for ${family} was not stored: ${took}, and after a waitTimeout of ${formatDuration(waitMs)} no caller waits for it any longer. Raise waitTimeout, or timeouts.wait, beyond what computing takes. Further ones of this family are only counted.`
      })
    } else if (!this.#isClosed && lease.hasLapsed) {
      this.#warnings.once('leaseTime', key, (family) => {
        return `a value computed for ${family} was not stored: ${took}, and its lease of ${formatDuration(lease.leaseMs)} was not renewed in time, since the process was blocked or the store did not answer. Raise leaseTime, or timeouts.lease, or do not block the process. Further ones of this family are only counted.`
      })
    }
  }
}

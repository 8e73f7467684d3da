import { setTimeout as pause } from 'node:timers/promises'
import { decodeValue, type Payload } from '../codec/codec.js'
import { frameId } from '../entry.js'
import { ComputeFailedError, ComputeTimeoutError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Reading } from '../store/store.js'
import type { ReadOutcome } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { LiveEntry, Standing } from '../tiers/standing.js'
import { Computation } from './computation.js'
import { shouldRefreshEarly } from './early-refresh.js'
import { Election, type ElectionOptions } from './election.js'
import { type Factory, runFactory } from './factory.js'
import { restoreFailure } from './failure.js'
import { type Flight, type FlightResult, follow } from './flight.js'
import type { Policy } from './options.js'
import { Refreshes } from './refreshes.js'

/** One `getOrSet`. */
export interface Call {
  readonly key: CacheKey
  readonly factory: Factory<unknown>
  readonly policy: Policy
  readonly scope: RequestScope | undefined
  /** Called when it has to wait for somebody else's computation. */
  readonly onWait?: (() => void) | undefined
}

/** What a read of the store came to; nothing while the store is in trouble. */
interface Look {
  readonly reading: Reading | undefined
  readonly standing: Standing | undefined
}

const NOTHING: Look = { reading: undefined, standing: undefined }

/**
 * Reads a value, or computes it once: for all callers in this process, and all
 * processes. What is fresh is answered at once, what is stale too, while it is
 * refreshed in the background; only what is missing is waited for.
 */
export class Computing {
  readonly #options: ElectionOptions
  readonly #election: Election
  readonly #refreshes = new Refreshes()

  constructor(options: ElectionOptions) {
    this.#options = options
    this.#election = new Election(options)
  }

  /**
   * @throws ComputeCycleError, ComputeTimeoutError, ComputeFailedError, what the factory throws,
   * UnserializableValueError for what cannot be stored
   */
  async getOrSet(call: Call): Promise<unknown> {
    const { key, policy, scope } = call
    const { chain, recorder } = this.#options
    Computation.inner()?.refuseOwn(key.text)
    policy.signal?.throwIfAborted()
    const recalled = await chain.recall(key, scope)
    if (recalled?.hit && policy.accepts(recalled.value)) {
      recorder.read(key, recalled, performance.now())
      return recalled.value
    }
    const pending = scope?.memory?.beginRead(key)
    let found: { readonly value: unknown } | undefined
    try {
      const { value, isStale } = await this.#obtain(call)
      if (!isStale) found = { value }
      return value
    } finally {
      if (pending) scope?.memory?.endRead(pending, found)
    }
  }

  /** What is done while caching is off: each caller computes. */
  async callThrough({ key, factory, policy }: Call): Promise<unknown> {
    Computation.inner()?.refuseOwn(key.text)
    const signal = policy.signal ?? new AbortController().signal
    const computation = new Computation([key.text], [])
    const { value } = await runFactory(factory, computation, { key, signal, previous: undefined, policy })
    return value
  }

  /** Lets refreshes come to their end, for a limited time. */
  close(): Promise<void> {
    return this.#refreshes.close()
  }

  async #obtain(call: Call): Promise<{ readonly value: unknown; readonly isStale?: boolean }> {
    const { key, policy } = call
    const { flights, recorder } = this.#options
    const limits = new Limits(key, policy)
    for (let attempt = 0; ; attempt++) {
      const left = performance.now()
      const since = flights.tick()
      const { reading, standing } = await this.#look(key)
      if (attempt === 0) recorder.read(key, outcomeOf(standing, policy), left)
      if (standing?.state === 'failed') throw new ComputeFailedError(key.text, restoreFailure(standing.value))
      const entry = acceptable(standing, policy)
      if (entry?.state === 'fresh') {
        this.#maybeRefreshEarly(call, entry)
        return { value: entry.value }
      }
      if (entry && isWithinGrace(entry, policy)) {
        const renewed = await this.#refreshStale(call, since, reading)
        if (renewed) return { value: await decodeValue(renewed) }
        recorder.count(key, 'staleServed')
        return { value: entry.value, isStale: true }
      }
      const joinable = flights.joinable(key, since, reading)
      const result = await (joinable
        ? this.#join(joinable, call, limits)
        : this.#begin(call, limits, reading === undefined))
      if (typeof result !== 'string') return { value: await decodeValue(result) }
    }
  }

  async #look(key: CacheKey): Promise<Look> {
    const { chain, failsafe, flights, store } = this.#options
    try {
      const reading = await store.read(key, { lease: flights.has(key) })
      return { reading, standing: await chain.standing(key, reading) }
    } catch (error) {
      return failsafe.absorb('getOrSet', key.text, error, NOTHING)
    }
  }

  #begin(
    { key, factory, policy, onWait }: Call,
    limits: Limits,
    leaseless: boolean,
  ): Promise<FlightResult | 'abandoned'> {
    const flight = this.#election.start(key, { factory, policy, onWait, leaseless })
    return limits.wait(flight, follow(waiting(), flight, flight.result))
  }

  async #join(flight: Flight, { key, onWait }: Call, limits: Limits): Promise<FlightResult | 'abandoned'> {
    const { recorder } = this.#options
    recorder.count(key, 'waits')
    onWait?.()
    const result = await limits.wait(flight, follow(waiting(), flight, flight.joined))
    if (typeof result !== 'string') recorder.count(key, 'avoided')
    return result
  }

  #maybeRefreshEarly(call: Call, { body, frame, leftMs }: LiveEntry): void {
    const { beta } = call.policy
    if (beta === 0 || body.computingMs === 0) return
    if (!shouldRefreshEarly(leftMs, body.computingMs, beta, 1 - Math.random())) return
    // A copy: a view would keep the whole frame alive.
    this.#refresh(call, Buffer.from(frameId(frame)))
  }

  /** What a refresh brings within the soft timeout, if there is one: a refresh that fails leaves what is stale. */
  async #refreshStale(call: Call, since: number, reading: Reading | undefined): Promise<Payload | undefined> {
    const { softMs } = call.policy
    const flight = this.#refresh(call, undefined) ?? this.#options.flights.joinable(call.key, since, reading)
    if (!flight || softMs === 0) return undefined
    const stopped = new AbortController()
    const joined = follow(waiting(), flight, flight.joined).catch(() => undefined)
    const late = pause(softMs, undefined, { signal: stopped.signal }).catch(() => undefined)
    const result = await Promise.race([joined, late])
    stopped.abort()
    return typeof result === 'object' ? result : undefined
  }

  #refresh({ key, factory, policy }: Call, replaces: Buffer | undefined): Flight | undefined {
    return this.#refreshes.start(key, policy.retryPauseMs, () =>
      this.#election.start(key, { factory, policy, background: true, replaces }),
    )
  }
}

/** The flights whose factories wait for what is asked for now. */
function waiting(): readonly Flight[] {
  return Computation.inner()?.flights ?? []
}

function acceptable(standing: Standing | undefined, policy: Policy): LiveEntry | undefined {
  if (!standing || standing.state === 'missing' || standing.state === 'failed') return undefined
  return policy.accepts(standing.value) ? standing : undefined
}

function isWithinGrace({ leftMs }: LiveEntry, { graceMs }: Policy): boolean {
  return -leftMs < graceMs
}

/** How the first read counts: what is served stale is a hit. */
function outcomeOf(standing: Standing | undefined, policy: Policy): ReadOutcome {
  if (!standing) return { hit: false, reason: 'store-down' }
  if (standing.state === 'missing') {
    return { hit: false, reason: standing.reason, provenance: standing.provenance }
  }
  if (standing.state === 'failed') return { hit: false, reason: 'failed' }
  if (!policy.accepts(standing.value)) return { hit: false, reason: 'invalid' }
  if (standing.state === 'stale' && !isWithinGrace(standing, policy)) return { hit: false, reason: 'expired' }
  return { hit: true, value: standing.value, tier: 'store' }
}

/** How long one caller waits, whatever for: its hard timeout counts from its call. */
class Limits {
  readonly #key: CacheKey
  readonly #policy: Policy
  readonly #endsAt: number

  constructor(key: CacheKey, policy: Policy) {
    this.#key = key
    this.#policy = policy
    this.#endsAt = performance.now() + (policy.hardMs ?? 0)
  }

  wait<T>(flight: Flight, wait: Promise<T>): Promise<T> {
    const { hardMs, signal } = this.#policy
    const leave = flight.want()
    if (hardMs === undefined && !signal) return wait
    return new Promise((resolve, reject) => {
      const expire = () => settle(() => reject(new ComputeTimeoutError(this.#key.text, hardMs ?? 0)))
      const timer =
        hardMs === undefined ? undefined : setTimeout(expire, Math.max(0, this.#endsAt - performance.now()))
      const abort = () => {
        settle(() => reject(signal?.reason))
        leave(signal?.reason)
      }
      const settle = (how: () => void) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        how()
      }
      signal?.addEventListener('abort', abort)
      wait.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  }
}

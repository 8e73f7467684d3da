import { setMaxListeners } from 'node:events'
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
import { isServable, type Policy } from './options.js'
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
    const { chain, flights, recorder } = this.#options
    Computation.inner()?.refuseOwn(flights, key.text)
    const recalled = await chain.recall(key, scope)
    if (recalled?.hit && policy.accepts(recalled.value)) {
      recorder.read(key, recalled, performance.now())
      return recalled.value
    }
    const pending = scope?.memory?.beginRead(key)
    const done = scope?.compute()
    let found: { readonly value: unknown } | undefined
    try {
      const limits = new Limits(key, policy)
      const { value, isStale } = await limits.hold(() => this.#obtain(call, limits))
      if (!isStale) found = { value }
      return value
    } finally {
      if (pending) scope?.memory?.endRead(pending, found)
      done?.()
    }
  }

  /** What is done while caching is off: each caller computes. */
  async callThrough({ key, factory, policy }: Call): Promise<unknown> {
    const { flights, recorder } = this.#options
    Computation.inner()?.refuseOwn(flights, key.text)
    const began = performance.now()
    recorder.read(key, { hit: false, reason: 'disabled' }, began)
    const limits = new Limits(key, policy)
    const { signal } = limits
    const computation = new Computation(flights, [key.text], [])
    return limits.hold(async () => {
      let failed = true
      try {
        const run = { key, signal, previous: undefined, policy }
        const { value } = await runFactory(factory, computation, run)
        failed = false
        return value
      } finally {
        recorder.computed(key, began, failed)
      }
    })
  }

  /** Lets refreshes come to their end, for a limited time, and tells all other factories that nobody wants them. */
  async close(): Promise<void> {
    await this.#refreshes.close()
    this.#options.flights.abortAll(new Error('The cache was closed.'))
  }

  async #obtain(
    call: Call,
    limits: Limits,
  ): Promise<{ readonly value: unknown; readonly isStale?: boolean }> {
    const { key, policy } = call
    const { flights, recorder } = this.#options
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
      if (entry && isServable(entry, policy)) {
        const renewed = await this.#refreshStale(call, since, reading)
        if (renewed) return { value: await decodeValue(renewed) }
        recorder.count(key, 'staleServed')
        return { value: entry.value, isStale: true }
      }
      limits.refuseLate()
      const joinable = flights.joinable(key, since, reading)
      if (joinable) {
        const joined = await this.#join(joinable, call, limits)
        if (joined) return joined
        continue
      }
      const result = await this.#begin(call, limits, reading === undefined)
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

  #begin({ key, factory, policy, onWait }: Call, limits: Limits, leaseless: boolean): Promise<FlightResult> {
    const flight = this.#election.start(key, { factory, policy, onWait, leaseless })
    limits.want(flight)
    return follow(waiting(), flight, flight.result)
  }

  /** The value that somebody else is at; nothing where one must look again. */
  async #join(flight: Flight, call: Call, limits: Limits): Promise<{ readonly value: unknown } | undefined> {
    const { key, onWait, policy } = call
    const { recorder } = this.#options
    recorder.count(key, 'waits')
    onWait?.()
    limits.want(flight)
    const wait = follow(waiting(), flight, flight.joined)
    const result = policy.waitMs < flight.waitMs ? await within(policy.waitMs, wait) : await wait
    if (result === undefined)
      return { value: await decodeValue((await this.#begin(call, limits, true)) as Payload) }
    if (typeof result === 'string') return undefined
    const value = await decodeValue(result)
    // Whoever began it may have asked less of a value that it found.
    if (!policy.accepts(value)) return undefined
    recorder.count(key, 'avoided')
    return { value }
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
    const joined = follow(waiting(), flight, flight.joined).catch(() => undefined)
    const result = await within(softMs, joined)
    return typeof result === 'object' ? result : undefined
  }

  #refresh({ key, factory, policy }: Call, replaces: Buffer | undefined): Flight | undefined {
    return this.#refreshes.start(key, policy.retryPauseMs, () =>
      // With a soft timeout somebody waits for it: so it does too, where another process is at it.
      this.#election.start(key, { factory, policy, background: policy.softMs === 0, replaces }),
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

/** What comes within so many milliseconds; nothing if it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const stopped = new AbortController()
  const late = pause(ms, undefined, { signal: stopped.signal }).catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    stopped.abort()
  }
}

/** How the first read counts: what is served stale is a hit. */
function outcomeOf(standing: Standing | undefined, policy: Policy): ReadOutcome {
  if (!standing) return { hit: false, reason: 'store-down' }
  if (standing.state === 'missing') {
    return { hit: false, reason: standing.reason, provenance: standing.provenance }
  }
  if (standing.state === 'failed') return { hit: false, reason: 'failed' }
  if (!policy.accepts(standing.value)) return { hit: false, reason: 'invalid' }
  if (standing.state === 'stale' && !isServable(standing, policy)) return { hit: false, reason: 'expired' }
  return { hit: true, value: standing.value, tier: 'store' }
}

/** How long one caller waits, whatever for: until the hard timeout since the call, or until the signal. */
class Limits {
  readonly #key: CacheKey
  readonly #policy: Policy
  #abort: AbortController | undefined
  #leave: ((reason: unknown) => void) | undefined
  #isOver = false

  constructor(key: CacheKey, policy: Policy) {
    this.#key = key
    this.#policy = policy
  }

  /** Aborted with the caller's, for who computes for this caller alone. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  /** It is this flight that the caller waits for. */
  want(flight: Flight): void {
    this.#leave = flight.want()
  }

  /** Nothing is begun for a caller who has gone. */
  refuseLate(): void {
    this.#policy.signal?.throwIfAborted()
    if (this.#isOver) throw new ComputeTimeoutError(this.#key.text, this.#policy.hardMs ?? 0)
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    const { hardMs, signal } = this.#policy
    if (hardMs === undefined && !signal) return work()
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        this.#isOver = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        how()
      }
      const expire = () => settle(() => reject(new ComputeTimeoutError(this.#key.text, hardMs as number)))
      const timer = hardMs === undefined ? undefined : setTimeout(expire, hardMs)
      const abort = () => {
        settle(() => reject(signal?.reason))
        this.#leave?.(signal?.reason)
        this.#abort?.abort(signal?.reason)
      }
      // Many calls of one request may share its signal: that is no leak.
      if (signal) setMaxListeners(0, signal)
      signal?.addEventListener('abort', abort)
      work().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  }
}

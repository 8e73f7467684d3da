import { within } from '../background.js'
import { decodeValue, isCompressed, type Payload } from '../codec/codec.js'
import { type Copies, copiesOf } from '../codec/copies.js'
import { frameId } from '../entry/frame.js'
import { CacheClosedError, CacheNotRespondingError, ComputeFailedError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { OpenCall } from '../stats/open-call.js'
import type { Reading } from '../store/store.js'
import { hitOf } from '../tiers/chain.js'
import type { Scopes } from '../tiers/context.js'
import { type EntryState, type LiveEntry, payloadOf } from '../tiers/entry-state.js'
import type { Miss, ReadOutcome } from '../tiers/outcome.js'
import type { MemoryEntry, TrackedRead } from '../tiers/process-memory.js'
import { type Slot, slotOf } from '../tiers/request-memory.js'
import type { RequestScope } from '../tiers/request-scope.js'
import { CoalescedRead, CoalescedReads, type Followers, type StoreRead } from './coalesced-reads.js'
import { Computation } from './computation.js'
import { shouldRefreshEarly } from './early-refresh.js'
import { Election, type ElectionOptions, type Job } from './election.js'
import { type Factory, runFactory } from './factory.js'
import { restoreFailure } from './failure.js'
import { type Flight, type FlightResult, follow } from './flight.js'
import { Limits } from './limits.js'
import type { Policy } from './policy.js'
import { DRAIN_MS, Refreshes } from './refreshes.js'
import { RequestRead } from './request-read.js'
import { Unstorable } from './unstorable.js'

/** One `getOrSet`. */
export interface Call {
  readonly key: CacheKey
  readonly factory: Factory<unknown>
  readonly policy: Policy
  readonly scope: RequestScope | undefined
  /** Called when it has to wait for somebody else's computation. */
  readonly onWait?: (() => void) | undefined
  /** It came after the cache was closed: it is computed for its caller alone. */
  readonly isLate?: boolean
  /** Where its request is taken down. */
  readonly open?: OpenCall | undefined
}

export interface ComputingOptions extends ElectionOptions {
  readonly scopes: Scopes
}

/** What a caller gets, and what everybody else's copy is made of. */
interface Obtained {
  readonly value: unknown
  /** Nothing where the value cannot be stored: all get the same. */
  readonly payload: Payload | undefined
  /** It is past its TTL, within its grace. */
  readonly isStale?: boolean
  /** For all who follow, once there is one. */
  copies?: Copies
}

/** A look at what stands in the store, and when it began, by the ticks of all flights. */
interface Sight {
  readonly since: number
  readonly look: Promise<StoreRead>
}

const STORE_DOWN: ReadOutcome = { hit: false, reason: 'store-down' }

const NOTHING: StoreRead = { reading: undefined, standing: undefined }

/**
 * Reads a value, or computes it once: for all callers in this process, and all
 * processes. What is fresh is answered at once, what is stale too, while it is
 * refreshed in the background; only what is missing is waited for.
 */
export class Computing {
  readonly #options: ComputingOptions
  readonly #election: Election
  readonly #refreshes = new Refreshes()
  readonly #crowds = new CoalescedReads<Call, Obtained | undefined>()
  #isClosed = false

  constructor(options: ComputingOptions) {
    this.#options = options
    this.#election = new Election(options)
  }

  /**
   * @throws ComputeCycleError, ComputeTimeoutError, ComputeFailedError, what the factory throws,
   * CacheClosedError, UnserializableValueError (with `strictValues`)
   */
  getOrSet(given: Call): Promise<unknown> {
    const call = this.#isClosed ? { ...given, isLate: true } : given
    const { key, policy, scope } = call
    const { chain, flights } = this.#options
    // Not an async function: each promise of each caller counts where a thousand ask at once.
    try {
      const around = Computation.inner()
      around?.refuseOwn(flights, key.text)
      const recalled = chain.recall(key, scope)
      if (recalled !== undefined) return this.#recall(call, recalled)
      const remembered = chain.remembered(key, scope)
      if (remembered && policy.accepts(remembered.value)) return this.#remember(call, remembered)
      policy.signal?.throwIfAborted()
      return this.#fetch(call, around !== undefined)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** What is done without the cache, for all or for this caller: each computes for itself. */
  async callThrough({ key, factory, policy, scope, open }: Call, missed: Miss): Promise<unknown> {
    const { flights, recorder, scopes } = this.#options
    Computation.inner()?.refuseOwn(flights, key.text)
    const began = performance.now()
    recorder.read(key, missed, began)
    open?.read(missed)
    open?.became('computed')
    const limits = new Limits(key, policy)
    const { signal } = limits
    const bypass = scope?.bypasses ? { cache: scopes, scope } : undefined
    const computation = new Computation(flights, [key.text], () => [], bypass)
    return limits.hold(async () => {
      let failed = true
      try {
        const run = { key, signal, previous: undefined }
        const { value } = await runFactory(factory, computation, run)
        failed = false
        return value
      } finally {
        recorder.computed(key, began, failed)
      }
    })
  }

  /**
   * Aborts all factories but those of refreshes, which have a limited time to end, and gives up all leases. A caller
   * still gets what its factory brings within that time, else a `CacheClosedError`.
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
      for (const flight of flights) flight.giveUp(new CacheClosedError(flight.key.text))
    }
    setTimeout(reject, DRAIN_MS).unref()
  }

  /** What the request has read or set before, if that will do. */
  async #recall(call: Call, recalled: ReadOutcome | Promise<ReadOutcome>): Promise<unknown> {
    const outcome = await recalled
    if (outcome.hit && call.policy.accepts(outcome.value)) {
      this.#options.recorder.read(call.key, outcome, performance.now())
      call.open?.read(outcome)
      return outcome.value
    }
    call.policy.signal?.throwIfAborted()
    return this.#fetch(call, Computation.inner() !== undefined)
  }

  /** What the process's memory holds: early refreshes are begun from there too. */
  async #remember(call: Call, entry: MemoryEntry): Promise<unknown> {
    const { key, open, scope } = call
    const outcome = hitOf(entry, 'process')
    this.#options.recorder.read(key, outcome, performance.now())
    open?.read(outcome)
    this.#maybeRefreshEarly(call, entry)
    const memory = scope?.memory
    if (memory) memory.endRead(memory.beginRead(key), entry.copies)
    return entry.value
  }

  /** From the store, or by computing, when it is its turn. */
  #fetch(call: Call, isComputing: boolean): Promise<unknown> {
    const { key, policy } = call
    const { flights, turns } = this.#options
    const began = performance.now()
    if (turns.areFree) return this.#fetchNow(call, isComputing, began)
    // How long such a caller waits, here too, its limits say.
    if (!policy.isPlain) return kept(this.#alone(call, this.#see(key, isComputing), began), visitOf(call))
    return turns.turn(key.text, isComputing).then(
      () => {
        turns.take()
        return this.#fetchNow(call, isComputing, began)
      },
      (error: unknown) => {
        const look = this.#lookAt(key, Promise.reject(error))
        return kept(this.#alone(call, { since: flights.tick(), look }, began), visitOf(call))
      },
    )
  }

  /** By oneself, or, but for a computation, as one of a crowd. */
  #fetchNow(call: Call, isComputing: boolean, began: number): Promise<unknown> {
    const { key, onWait, policy, scope } = call
    const { chain, flights, store, turns } = this.#options
    const since = flights.tick()
    const tracked = chain.track(key, scope)
    const reading = store.read(key, { lease: flights.has(key), tracked: tracked !== undefined })
    const crowd = this.#crowds.around(key, reading)
    if (crowd?.takes(policy) && !onWait && !isComputing) {
      if (tracked) chain.kept(tracked)
      const followers = crowd.join(call, began, since)
      followers.together ??= this.#together(followers, crowd.look)
      return this.#follow(call, followers)
    }
    // Nobody's value is given to anybody else: each look decodes its own.
    const look = this.#lookAt(key, turns.count(reading), tracked)
    if (!crowd) this.#crowds.add(key, new CoalescedRead(reading, look))
    return kept(this.#alone(call, { since, look }, began), visitOf(call))
  }

  #follow(call: Call, followers: Followers<Call, Obtained | undefined>): Promise<unknown> {
    const visit = visitOf(call)
    return (followers.together as Promise<Obtained | undefined>).then(
      (obtained) => {
        if (call.open)
          noteFollowing(call.open, followers.outcome, call === followers.call ? undefined : obtained)
        if (!obtained) return kept(this.#alone(call), visit)
        const value = copyOf(obtained)
        if (value instanceof Promise) return kept(inflated(obtained, value), visit)
        visit?.end(obtained.isStale ? undefined : (obtained.copies ?? keptOf(obtained)))
        return value
      },
      visit &&
        ((error: unknown) => {
          if (call.open) noteFollowing(call.open, followers.outcome)
          return visit.fail(error)
        }),
    )
  }

  #alone(call: Call, sight?: Sight, began?: number): Promise<Obtained> {
    const limits = new Limits(call.key, call.policy)
    return limits.hold(() => this.#obtain(call, limits, sight, began))
  }

  /** `began` is when a read that is to be counted began. */
  async #obtain(call: Call, limits: Limits, first?: Sight, began?: number): Promise<Obtained> {
    const { key, policy } = call
    const { flights, recorder } = this.#options
    for (let sight = first; ; sight = undefined) {
      const { since, look: looking } = sight ?? this.#see(key, true)
      const count = (outcome: ReadOutcome) => {
        if (!sight || began === undefined) return
        recorder.read(key, outcome, began)
        call.open?.read(outcome)
      }
      const look = await orCounted(looking, count)
      count(outcomeOf(look.standing, policy))
      const served = this.#serve(call, look, since)
      if (served !== undefined) return served
      limits.refuseLate()
      const flight = flights.joinable(key, since, look.reading)
      const obtained = flight
        ? await this.#join(flight, call, limits)
        : await this.#begin(call, limits, look.reading === undefined)
      if (obtained) return obtained
    }
  }

  /** What all who follow in a crowd get, once for all; nothing when each must see for itself. */
  async #together(
    followers: Followers<Call, Obtained | undefined>,
    looking: Promise<StoreRead>,
  ): Promise<Obtained | undefined> {
    const { call, arrivals } = followers
    const { key, policy } = call
    const { flights, recorder } = this.#options
    const count = (outcome: ReadOutcome) => {
      followers.outcome = outcome
      recorder.reads(key, outcome, arrivals)
    }
    const look = await orCounted(looking, count)
    const { since } = followers
    count(outcomeOf(look.standing, policy))
    const served = this.#serve(call, look, since, arrivals.length)
    if (served !== undefined) return served
    const flight = flights.joinable(key, since, look.reading)
    return flight && this.#join(flight, call, new Limits(key, policy), arrivals.length)
  }

  /** A look of its own, when it is its turn. */
  #see(key: CacheKey, hasBegun: boolean): Sight {
    const { flights, store, turns } = this.#options
    const since = flights.tick()
    const reading = turns.ask(key.text, () => store.read(key, { lease: flights.has(key) }), hasBegun)
    return { since, look: this.#lookAt(key, reading) }
  }

  async #lookAt(key: CacheKey, coming: Promise<Reading>, tracked?: TrackedRead): Promise<StoreRead> {
    const { chain, failsafe } = this.#options
    let look = NOTHING
    try {
      const reading = await coming
      const standing = chain.standing(key, reading)
      look = { reading, standing: standing instanceof Promise ? await standing : standing }
      return look
    } catch (error) {
      return failsafe.absorb('getOrSet', key.text, error, NOTHING)
    } finally {
      if (tracked) chain.kept(tracked, look.reading, look.standing)
    }
  }

  /** What stands there, for so many callers, if it will do; what is stale is refreshed behind their backs. */
  #serve(
    call: Call,
    { reading, standing }: StoreRead,
    since: number,
    callers = 1,
  ): Obtained | Promise<Obtained> | undefined {
    const { key, policy } = call
    if (standing?.state === 'failed') throw new ComputeFailedError(key.text, restoreFailure(standing.value))
    const entry = acceptable(standing, policy)
    if (!entry || !policy.serves(entry)) return undefined
    const obtained = { value: entry.value, payload: payloadOf(entry) }
    if (entry.state === 'fresh') {
      // Each of them throws the dice.
      const { frame, body, remainingMs } = entry
      const facts = { id: frameId(frame), computingMs: body.computingMs, remainingMs }
      for (let caller = 0; caller < callers; caller++) this.#maybeRefreshEarly(call, facts)
      return obtained
    }
    const flight = this.#refresh(call, undefined) ?? this.#options.flights.joinable(key, since, reading)
    const stale = { ...obtained, isStale: true }
    if (flight && policy.softMs > 0) return this.#awaitRefresh(call, flight, stale)
    call.open?.became('stale')
    this.#options.recorder.count(key, 'staleServed', callers)
    return stale
  }

  /** What a refresh brings within the soft timeout: a refresh that fails leaves what is stale. */
  async #awaitRefresh({ key, policy, open }: Call, flight: Flight, stale: Obtained): Promise<Obtained> {
    const joined = follow(waiting(), flight, flight.joined).catch(() => undefined)
    const result = await within(policy.softMs, joined)
    open?.became(typeof result === 'object' ? 'waited' : 'stale')
    if (typeof result === 'object' && !isRefused(result, policy)) return obtainedFrom(result, policy)
    this.#options.recorder.count(key, 'staleServed')
    return stale
  }

  /** What it computes; nothing where one must look again. */
  async #begin(call: Call, limits: Limits, leaseless: boolean): Promise<Obtained | undefined> {
    const { key, factory, policy, onWait, open } = call
    if (this.#isClosed && !call.isLate) throw new CacheClosedError(key.text)
    const way = open ? noted(open, call) : { factory, onWait }
    const flight = this.#election.start(key, { ...way, policy, leaseless })
    limits.want(flight)
    const result = await follow(waiting(), flight, flight.result)
    open?.stored(flight.hasStored)
    return typeof result === 'string' ? undefined : obtainedFrom(result, policy)
  }

  /** The value that somebody else is at, for so many callers; nothing where one must look again. */
  async #join(flight: Flight, call: Call, limits: Limits, callers = 1): Promise<Obtained | undefined> {
    const { key, onWait, open, policy } = call
    const { recorder } = this.#options
    recorder.count(key, 'waits', callers)
    open?.became('waited')
    onWait?.()
    limits.want(flight)
    const wait = follow(waiting(), flight, flight.joined)
    const result = policy.waitMs < flight.waitMs ? await within(policy.waitMs, wait) : await wait
    if (result === undefined) {
      recorder.count(key, 'avoided', callers - 1)
      return this.#begin(call, limits, true)
    }
    if (typeof result === 'string') return undefined
    const obtained = await obtainedFrom(result, policy)
    // Whoever began it may have asked less of a value that it found.
    if (!policy.accepts(obtained.value)) return undefined
    recorder.count(key, 'avoided', callers)
    return obtained
  }

  #maybeRefreshEarly(
    call: Call,
    { id, computingMs, remainingMs }: Pick<MemoryEntry, 'id' | 'computingMs' | 'remainingMs'>,
  ): void {
    const { beta } = call.policy
    if (beta === 0 || computingMs === 0) return
    if (!shouldRefreshEarly(remainingMs, computingMs, beta, 1 - Math.random())) return
    // A copy: a view would keep the whole frame alive.
    this.#refresh(call, Buffer.from(id))
  }

  #refresh({ key, factory, policy }: Call, replaces: Buffer | undefined): Flight | undefined {
    return this.#refreshes.start(key, policy.retryDelayMs, () =>
      // With a soft timeout somebody waits for it: so it does too, where another process is at it.
      this.#election.start(key, { factory, policy, background: policy.softMs === 0, replaces }),
    )
  }
}

/** The flights whose factories wait for what is asked for now. */
function waiting(): readonly Flight[] {
  return Computation.inner()?.flights ?? []
}

/** @throws UnserializableValueError for a value that cannot be stored, where the caller wants an error then */
async function obtainedFrom(result: Exclude<FlightResult, 'busy'>, policy: Policy): Promise<Obtained> {
  if (isRefused(result, policy)) throw (result as Unstorable).reason
  const payload = result instanceof Unstorable ? result.payload : result
  return payload
    ? { value: await decodeValue(payload), payload }
    : { value: (result as Unstorable).value, payload }
}

function isRefused(result: Exclude<FlightResult, 'busy'>, { strictValues }: Policy): boolean {
  return strictValues && result instanceof Unstorable
}

/** Whether a flight of its own computes, or waits for another process. */
function noted(open: OpenCall, { factory, onWait }: Call): Pick<Job, 'factory' | 'onWait'> {
  return {
    factory: (context) => {
      open.became('computed')
      return factory(context)
    },
    onWait: () => {
      open.became('waited')
      onWait?.()
    },
  }
}

/** Who follows gets what they all come to: what is not found was computed by somebody else. */
function noteFollowing(open: OpenCall, outcome: ReadOutcome | undefined, obtained?: Obtained): void {
  if (outcome) open.read(outcome)
  if (obtained?.isStale) open.became('stale')
  else if (obtained && !outcome?.hit) open.became('waited')
}

function visitOf({ key, scope }: Call): RequestRead | undefined {
  return scope && new RequestRead(key, scope)
}

/** What a request keeps in its memory: nothing of a value that is stale, or that nobody can copy. */
function keptOf({ isStale, payload, value }: Obtained): Slot | undefined {
  return isStale || payload === undefined ? undefined : slotOf(value, payload)
}

/** What is obtained for a request is kept in its memory, where that may be. */
function kept(obtaining: Promise<Obtained>, visit: RequestRead | undefined): Promise<unknown> {
  return obtaining.then(
    (obtained) => {
      const { value } = obtained
      visit?.end(keptOf(obtained))
      return value
    },
    visit && ((error: unknown) => visit.fail(error)),
  )
}

function copyOf(obtained: Obtained): unknown {
  const { value, payload } = obtained
  if (typeof value !== 'object' || value === null || payload === undefined) return value
  if (isCompressed(payload)) return decodeValue(payload)
  obtained.copies ??= copiesOf(payload)
  return obtained.copies.next()
}

async function inflated(obtained: Obtained, value: Promise<unknown>): Promise<Obtained> {
  return { ...obtained, value: await value }
}

function acceptable(standing: EntryState | undefined, policy: Policy): LiveEntry | undefined {
  if (!standing || standing.state === 'missing' || standing.state === 'failed') return undefined
  return policy.accepts(standing.value) ? standing : undefined
}

/** A look that fails for everyone is a read that the store did not answer. */
async function orCounted(
  looking: Promise<StoreRead>,
  count: (outcome: ReadOutcome) => void,
): Promise<StoreRead> {
  try {
    return await looking
  } catch (error) {
    if (error instanceof CacheNotRespondingError) count(STORE_DOWN)
    throw error
  }
}

/** How the first read counts: what is served stale is a hit. */
function outcomeOf(standing: EntryState | undefined, policy: Policy): ReadOutcome {
  if (!standing) return STORE_DOWN
  if (standing.state === 'missing') {
    return { hit: false, reason: standing.reason, provenance: standing.provenance }
  }
  if (standing.state === 'failed') return { hit: false, reason: 'failed' }
  if (!policy.accepts(standing.value)) return { hit: false, reason: 'invalid' }
  if (standing.state === 'stale' && !policy.serves(standing)) return { hit: false, reason: 'expired' }
  return hitOf({ value: standing.value, computingMs: standing.body.computingMs }, 'store')
}

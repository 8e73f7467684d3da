import { parseBodyHead } from '../entry/body.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Failsafe } from '../store/failsafe.js'
import { checkLiveness } from '../store/liveness.js'
import type { ReadResult, Store } from '../store/store.js'
import {
  type EntryState,
  entryStateOf,
  freshnessOf,
  isOversized,
  type LiveEntry,
  outcomeOf,
  payloadOf,
} from './entry-state.js'
import type { Memories } from './memories.js'
import type { ReadOutcome } from './outcome.js'
import type { PendingInvalidations } from './pending-invalidations.js'
import type { TrackedRead } from './process-memory.js'
import { type Slot, slotOf } from './request-memory.js'
import type { RequestScope } from './request-scope.js'

/** A read that is on its way to the store; `finish` or `drop` must follow. */
export interface SentRead {
  readonly key: CacheKey
  readonly reading: Promise<ReadResult>
  /** Whether an invalidation of the key was pending when it was sent. */
  readonly wasPending: boolean
  /** Set where process memory may keep the result. */
  readonly tracked?: TrackedRead | undefined
}

/** The result of a read of the store; empty where the store failed. */
export interface StoreRead {
  readonly reading?: ReadResult | undefined
  readonly entry?: EntryState | undefined
}

export interface StoreReaderOptions {
  readonly store: Store
  readonly failsafe: Failsafe
  readonly pending: PendingInvalidations
  readonly memories: Memories
  /** Maximum size of one serialised value in bytes, before compression. */
  readonly maxValueBytes: number
}

/** Sends a read when it is its turn, and returns its answer. */
type RunRead = (send: () => Promise<ReadResult>) => Promise<ReadResult>

const runNow: RunRead = (send) => send()

const FAILED: StoreRead = {}

const PENDING: EntryState = { state: 'missing', reason: 'pending-invalidation' }

/**
 * Reads the store: sends a read, decides the state of the entry, observes a miss where a `set` that follows will be a fill, and
 * offers a fresh entry to process memory. A store failure is a read without a result.
 *
 * What is found counts as missing if an invalidation of its key was pending when the read was sent, or is when it is
 * judged. The second look alone is not enough: the read may have happened before the invalidation was repeated, and its
 * answer may come after that.
 */
export class StoreReader {
  readonly #store: Store
  readonly #failsafe: Failsafe
  readonly #pending: PendingInvalidations
  readonly #memories: Memories
  readonly #maxValueBytes: number

  constructor({ store, failsafe, pending, memories, maxValueBytes }: StoreReaderOptions) {
    this.#store = store
    this.#failsafe = failsafe
    this.#pending = pending
    this.#memories = memories
    this.#maxValueBytes = maxValueBytes
  }

  /** Reads a key for `get`: request memory keeps a hit, a miss is observed. */
  async get(key: CacheKey, scope: RequestScope | undefined): Promise<ReadOutcome> {
    const memory = scope?.memory
    const pending = memory?.beginRead(key)
    let found: Slot | undefined
    try {
      const { entry } = await this.finish(this.send(key, scope), 'get', scope)
      if (pending && entry?.state === 'fresh') found = slotOf(entry.value, payloadOf(entry))
      return outcomeOf(entry)
    } finally {
      if (pending) memory?.endRead(pending, found)
    }
  }

  /** Whether `get` would hit in the store; nothing is decoded. A miss is observed. */
  async has(key: CacheKey, scope: RequestScope | undefined): Promise<boolean> {
    try {
      const wasPending = this.#pending.covers(key)
      const reading = await this.#store.read(key)
      this.#pending.storeAnswered()
      const isPending = wasPending || this.#pending.covers(key)
      if (!isPending && isFresh(reading, this.#maxValueBytes)) return true
      return (await this.#observe(key, scope, reading)) !== undefined
    } catch (error) {
      return this.#fail('has', key, error, false, scope)
    }
  }

  /**
   * Reads a key for `getOrSet` without offering the entry to a memory. `run` sends it when it is its turn, and then
   * `lease` decides whether the key's lease is read along.
   */
  read(key: CacheKey, lease = () => false, run: RunRead = runNow): Promise<StoreRead> {
    let wasPending = false
    const reading = run(() => {
      wasPending = this.#pending.covers(key)
      return this.#store.read(key, { lease: lease() })
    })
    const sent = {
      key,
      reading,
      get wasPending() {
        return wasPending
      },
    }
    return this.finish(sent, 'getOrSet')
  }

  /** Sends a read now. `lease` reads the key's lease along. */
  send(key: CacheKey, scope: RequestScope | undefined, lease = false): SentRead {
    const tracked = this.#memories.beginRead(key, scope)
    const wasPending = this.#pending.covers(key)
    const reading = this.#store.read(key, { lease, tracked: tracked !== undefined })
    return { key, tracked, wasPending, reading }
  }

  /** Whether an invalidation of a key is pending. To be asked before a read is sent, for `stateOf`. */
  isPending(key: CacheKey): boolean {
    return this.#pending.covers(key)
  }

  /** Ends a read whose result is not used. */
  drop({ tracked }: SentRead): void {
    if (tracked) this.#memories.endRead(tracked)
  }

  /** Ends a read: decides the state of the entry, and observes a miss for `observer`. */
  async finish(sent: SentRead, operation: 'get' | 'getOrSet', observer?: RequestScope): Promise<StoreRead> {
    const { key, tracked } = sent
    let read = FAILED
    try {
      const reading = await sent.reading
      this.#pending.storeAnswered()
      const entry = this.stateOf(key, reading, sent.wasPending)
      read = { reading, entry: entry instanceof Promise ? await entry : entry }
    } catch (error) {
      return this.#fail(operation, key, error, FAILED, observer)
    } finally {
      if (tracked) this.#memories.endRead(tracked, read.reading, read.entry)
    }
    if (!observer?.observations || !read.reading || read.entry?.state === 'fresh') return read
    try {
      const late = await this.#observe(key, observer, read.reading)
      return late ? { reading: read.reading, entry: late } : read
    } catch (error) {
      return this.#fail(operation, key, error, FAILED, observer)
    }
  }

  /**
   * The state of an entry as it was read. `wasPending` is what `isPending` returned before the read was sent. A value of
   * more than `buildUpTo` bytes is not decoded.
   */
  stateOf(
    key: CacheKey,
    reading: ReadResult,
    wasPending: boolean,
    buildUpTo?: number,
  ): EntryState | Promise<EntryState> {
    return (wasPending || this.#pending.covers(key)) && checkLiveness(reading).live
      ? PENDING
      : entryStateOf(reading, this.#maxValueBytes, buildUpTo)
  }

  /**
   * Observes a miss before anyone can act on it: the `set` that follows is written only while what was observed still
   * stands. Returns a fresh entry that has been written meanwhile: the read was a hit after all.
   */
  async #observe(
    key: CacheKey,
    scope: RequestScope | undefined,
    seen: ReadResult,
  ): Promise<LiveEntry | undefined> {
    const observations = scope?.observations
    if (!observations) return undefined
    const now = performance.now()
    if (!observations.miss(key.text, now)) {
      await observations.basis(key.text)
      return undefined
    }
    const wasPending = this.#pending.covers(key)
    const observing = this.#store.observe(key, seen)
    observations.add(key.text, observing, now)
    const entry = await this.stateOf(key, await observing, wasPending)
    return entry.state === 'fresh' ? entry : undefined
  }

  /** A miss that the store could not show: no fill of the key can be proved. */
  #fail<T>(
    operation: 'get' | 'getOrSet' | 'has',
    { text }: CacheKey,
    error: unknown,
    fallback: T,
    scope: RequestScope | undefined,
  ): T {
    scope?.observations?.unprovable(text, performance.now())
    return this.#failsafe.absorb(operation, text, error, fallback)
  }
}

function isFresh(reading: ReadResult, maxValueBytes: number): boolean {
  const liveness = checkLiveness(reading)
  if (!liveness.live || isOversized(liveness.frame, maxValueBytes)) return false
  const body = parseBodyHead(liveness.frame)
  return body !== undefined && freshnessOf(body, reading.now, liveness.expiredAt) === 'fresh'
}

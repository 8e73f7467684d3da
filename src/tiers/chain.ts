import { compressPayload, encodeValue, inflatePayload, type Payload } from '../codec/codec.js'
import { copiesOf } from '../codec/copies.js'
import { type NewEntry, parseBodyHead } from '../entry/body.js'
import { CacheNotRespondingError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Failsafe } from '../store/failsafe.js'
import { judge } from '../store/judge.js'
import type { Origin, Reading, Store } from '../store/store.js'
import {
  type EntryState,
  entryStateOf,
  freshnessOf,
  isOversized,
  type LiveEntry,
  payloadOf,
} from './entry-state.js'
import type { ReadOutcome, Tier, Written } from './outcome.js'
import type { PendingInvalidations } from './pending-invalidations.js'
import type { MemoryEntry, ProcessMemory, TrackedRead } from './process-memory.js'
import { type Slot, slotOf } from './request-memory.js'
import type { RequestOrigin, RequestScope } from './request-scope.js'

/** Told when this process invalidates a key, with `children` everything below it too, without a key everything. */
export type InvalidationListener = (key: CacheKey | undefined, children: boolean) => void

export interface ChainOptions {
  readonly store: Store
  readonly failsafe: Failsafe
  readonly pending: PendingInvalidations
  /** What this process keeps for all its requests, where that is wanted. */
  readonly memory: ProcessMemory | undefined
  /** Payloads of more bytes are compressed where it pays. */
  readonly compressionThreshold: number | false
  /** Maximum size of one serialised value, before compression. */
  readonly maxValueBytes: number
  /** This process, `host:pid`: who writes. */
  readonly process: string
  /** Told at both ends of an invalidation: what was read before its end may be older than it. */
  readonly onInvalidate: InvalidationListener
}

const UNSETTLED: EntryState = { state: 'missing', reason: 'pending-invalidation' }

const FAILED: Written = { outcome: 'failed' }

const STORE_DOWN: ReadOutcome = { hit: false, reason: 'store-down' }

/**
 * The tiers, one behind the other: request memory, process memory, then the
 * store. A hit fills the tiers above it; a miss is observed where a `set` that
 * follows it will be a fill.
 */
export class TierChain {
  /** Maximum size of one serialised value, before compression. */
  readonly maxValueBytes: number
  readonly #store: Store
  readonly #failsafe: Failsafe
  readonly #pending: PendingInvalidations
  readonly #memory: ProcessMemory | undefined
  readonly #compressionThreshold: number | false
  readonly #process: string
  readonly #onInvalidate: InvalidationListener
  /** Writes whose values are still being compressed. */
  readonly #writes = new Set<{ readonly key: CacheKey; overtaken: boolean }>()

  constructor(options: ChainOptions) {
    const { store, failsafe, pending, memory, compressionThreshold, maxValueBytes, process, onInvalidate } =
      options
    this.maxValueBytes = maxValueBytes
    this.#store = store
    this.#failsafe = failsafe
    this.#pending = pending
    this.#memory = memory
    this.#compressionThreshold = compressionThreshold
    this.#process = process
    this.#onInvalidate = onInvalidate
  }

  /** What the memories hold under a key, without asking the store. */
  held(key: CacheKey, scope: RequestScope | undefined): ReadOutcome | undefined {
    const slot = scope?.memory?.get(key)
    if (slot) return 'next' in slot ? { hit: true, value: slot.next(), tier: 'request' } : undefined
    const entry = this.remembered(key, scope)
    if (!entry) return undefined
    const memory = scope?.memory
    if (memory) memory.endRead(memory.beginRead(key), entry.copies)
    return hitOf(entry, 'process')
  }

  /** What the process's memory holds, for a reader who may have it. */
  remembered(key: CacheKey, scope: RequestScope | undefined): MemoryEntry | undefined {
    return scope?.isComputingForStore ? undefined : this.#memory?.get(key)
  }

  /** Whether it would have one. */
  remembers(key: CacheKey): boolean {
    return this.#memory?.holds(key) ?? false
  }

  /** A read of the store that leaves now, if its answer is wanted for the process's memory. */
  track(key: CacheKey, scope: RequestScope | undefined): TrackedRead | undefined {
    // What nobody may have from there need not be brought there either.
    return scope?.isComputingForStore ? undefined : this.#memory?.beginRead(key)
  }

  /** Its answer, or that it has failed. */
  kept(read: TrackedRead, reading?: Reading, standing?: EntryState): void {
    this.#memory?.endRead(read, reading, standing)
  }

  /** This process writes a key: told at both ends. What it held, or reads meanwhile, may be older than that. */
  forget(key: CacheKey): void {
    this.#memory?.invalidate(key, false)
  }

  /** What this request's memory holds, also of what it has set itself: that is decoded first. */
  recall(key: CacheKey, scope: RequestScope | undefined): ReadOutcome | Promise<ReadOutcome> | undefined {
    const slot = scope?.memory?.get(key)
    if (!slot) return undefined
    if ('next' in slot) return { hit: true, value: slot.next(), tier: 'request' }
    return this.#decode(key, slot.payload, scope)
  }

  async read(key: CacheKey, scope: RequestScope | undefined): Promise<ReadOutcome> {
    const memory = scope?.memory
    const recalled = this.recall(key, scope)
    if (recalled !== undefined) return await recalled
    const pending = memory?.beginRead(key)
    let outcome: ReadOutcome | undefined
    let found: Slot | undefined
    try {
      const standing = await this.#readStore(key, scope)
      const late = standing.state === 'fresh' ? undefined : await this.#observe(key, scope)
      const entry = late ?? standing
      outcome = toOutcome(entry)
      if (pending && entry.state === 'fresh') found = slotOf(entry.value, payloadOf(entry))
    } catch (error) {
      scope?.observations?.unprovable(key.text, performance.now())
      outcome = this.#failsafe.absorb('get', key.text, error, STORE_DOWN)
    } finally {
      if (pending) memory?.endRead(pending, found)
    }
    return outcome
  }

  async #readStore(key: CacheKey, scope: RequestScope | undefined): Promise<EntryState> {
    const tracked = this.track(key, scope)
    if (!tracked) return this.standing(key, await this.#store.read(key))
    let reading: Reading | undefined
    let standing: EntryState | undefined
    try {
      reading = await this.#store.read(key, { tracked: true })
      standing = await this.standing(key, reading)
      return standing
    } finally {
      this.kept(tracked, reading, standing)
    }
  }

  /** What a reading of a key comes to, in the light of what this process could not invalidate. */
  standing(key: CacheKey, reading: Reading, buildUpTo?: number): EntryState | Promise<EntryState> {
    return this.#pending.covers(key) && judge(reading).live
      ? UNSETTLED
      : entryStateOf(reading, this.maxValueBytes, buildUpTo)
  }

  /** Whether a read would hit, without decoding the value. A miss is observed all the same. */
  async has(key: CacheKey, scope: RequestScope | undefined): Promise<boolean> {
    if (scope?.memory?.get(key)) return true
    if (!scope?.isComputingForStore && this.remembers(key)) return true
    try {
      const reading = await this.#store.read(key)
      if (isFresh(reading, this.maxValueBytes) && !this.#pending.covers(key)) return true
      return (await this.#observe(key, scope)) !== undefined
    } catch (error) {
      scope?.observations?.unprovable(key.text, performance.now())
      return this.#failsafe.absorb('has', key.text, error, false)
    }
  }

  async write(
    key: CacheKey,
    value: unknown,
    { ttlMs, graceMs }: { readonly ttlMs: number; readonly graceMs: number },
    scope: RequestScope | undefined,
    overwrite: boolean,
  ): Promise<Written> {
    // The value as it is now: what its owner does to it afterwards is not stored.
    const encoded = encodeValue(value, {
      compressionThreshold: this.#compressionThreshold,
      maxBytes: this.maxValueBytes,
      key: key.text,
    })
    const observations = overwrite ? undefined : scope?.observations
    const fill = observations?.isFill(key.text) ?? false
    if (fill) this.forget(key)
    else this.#beginInvalidation(key, false)
    scope?.memory?.put(key, { payload: encoded })
    try {
      // Without a need to wait there is no wait: writes and deletes leave in the order of their calls.
      const payload = encoded instanceof Promise ? await this.#encoding(key, encoded) : encoded
      const basis = fill ? await observations?.basis(key.text) : undefined
      if (!payload || (fill && !basis)) return { outcome: 'refused' }
      const { bytes, format } = payload
      const entry: NewEntry = { format, payload: bytes, ttlMs, graceMs, writtenBy: this.#process }
      const result = await this.#store.write(key, entry, { basis })
      if (!result.written) return { outcome: 'refused', fenced: result.fenced === true }
      if (basis) observations?.renew(key.text, { ...basis, standing: result.id })
      return { outcome: 'stored', stored: entry }
    } catch (error) {
      if (!fill) this.#remember(error, key, false, scope?.origin())
      return this.#failsafe.absorb('set', key.text, error, FAILED)
    } finally {
      if (fill) {
        observations?.answer(key.text)
        this.forget(key)
      } else this.#onInvalidate(key, false)
      scope?.memory?.spoil(key)
    }
  }

  /** A payload with all that an entry takes, compressed where it pays. */
  async newEntry(
    payload: Payload,
    facts: Omit<NewEntry, 'payload' | 'format' | 'writtenBy'>,
  ): Promise<NewEntry> {
    const { bytes, format } = await compressPayload(payload, this.#compressionThreshold)
    return { ...facts, format, payload: bytes, writtenBy: this.#process }
  }

  /** Whether anything was there; `undefined` when the store did not surely do it. `origin` says who asked. */
  remove(
    key: CacheKey,
    children: boolean,
    scope: RequestScope | undefined,
    origin: RequestOrigin | undefined,
  ): Promise<boolean | undefined> {
    return this.#invalidate('delete', key, children, scope, origin)
  }

  /** The same, softly: what was there is stale from now on. Where that fails, it is repeated as a delete. */
  expire(
    key: CacheKey,
    children: boolean,
    scope: RequestScope | undefined,
    origin: RequestOrigin | undefined,
  ): Promise<boolean | undefined> {
    return this.#invalidate('expire', key, children, scope, origin)
  }

  async #invalidate(
    operation: 'delete' | 'expire',
    key: CacheKey,
    children: boolean,
    scope: RequestScope | undefined,
    origin: RequestOrigin | undefined,
  ): Promise<boolean | undefined> {
    this.#beginInvalidation(key, children)
    scope?.memory?.drop(key, children)
    const options = { children, origin: this.#named(origin) }
    try {
      return await (operation === 'delete'
        ? this.#store.remove(key, options)
        : this.#store.expire(key, options))
    } catch (error) {
      this.#remember(error, key, children, origin)
      return this.#failsafe.absorb(operation, key.text, error, undefined)
    } finally {
      scope?.memory?.drop(key, children)
      this.#onInvalidate(key, children)
    }
  }

  /** Whether the store surely did it. */
  async clear(scope: RequestScope | undefined, origin: RequestOrigin | undefined): Promise<boolean> {
    this.#beginInvalidation(undefined, true)
    scope?.memory?.dropAll()
    try {
      await this.#store.clear(this.#named(origin))
      return true
    } catch (error) {
      this.#remember(error, undefined, true, origin)
      return this.#failsafe.absorb('clear', undefined, error, false)
    } finally {
      scope?.memory?.dropAll()
      this.#onInvalidate(undefined, true)
    }
  }

  /**
   * Remembers what stands where a miss was, before anyone can act on the miss.
   * A value that has come in the meantime is returned: it was a hit after all.
   */
  async #observe(key: CacheKey, scope: RequestScope | undefined): Promise<LiveEntry | undefined> {
    const observations = scope?.observations
    if (!observations) return undefined
    const now = performance.now()
    if (!observations.miss(key.text, now)) {
      await observations.basis(key.text)
      return undefined
    }
    const observing = this.#store.observe(key)
    observations.add(key.text, observing, now)
    const standing = await this.standing(key, await observing)
    return standing.state === 'fresh' ? standing : undefined
  }

  /** The payload once it is compressed; `undefined` when its key was written or deleted meanwhile. */
  async #encoding(key: CacheKey, encoded: Promise<Payload>): Promise<Payload | undefined> {
    const write = { key, overtaken: false }
    this.#writes.add(write)
    try {
      const payload = await encoded
      return write.overtaken ? undefined : payload
    } finally {
      this.#writes.delete(write)
    }
  }

  /**
   * A later write or delete of the key leaves before those that are still being
   * compressed: they come to nothing.
   */
  #beginInvalidation(key: CacheKey | undefined, children: boolean): void {
    for (const write of this.#writes) {
      if (!key || write.key.text === key.text || (children && write.key.isWithin(key))) write.overtaken = true
    }
    this.#onInvalidate(key, children)
  }

  /** A value that request memory holds as a payload: from now on it holds a source of copies. */
  async #decode(
    key: CacheKey,
    payload: Payload | Promise<Payload>,
    scope: RequestScope | undefined,
  ): Promise<ReadOutcome> {
    const pending = scope?.memory?.beginRead(key)
    const copies = copiesOf(await inflatePayload(await payload))
    if (pending) scope?.memory?.endRead(pending, copies)
    return { hit: true, value: copies.next(), tier: 'request' }
  }

  /** An invalidation that did not surely reach the store is repeated when it is back. */
  #remember(
    error: unknown,
    key: CacheKey | undefined,
    children: boolean,
    origin: RequestOrigin | undefined,
  ): void {
    if (error instanceof CacheNotRespondingError) this.#pending.add(key, children, this.#named(origin))
  }

  /** An origin with this process in it. */
  #named(origin: RequestOrigin | undefined): Origin {
    return { ...origin, process: this.#process }
  }
}

/** How a read counts that a tier has answered. */
export function hitOf(
  { value, computingMs }: Pick<MemoryEntry, 'value' | 'computingMs'>,
  tier: Tier,
): ReadOutcome & { hit: true } {
  return { hit: true, value, tier, computingMs }
}

function isFresh(reading: Reading, maxValueBytes: number): boolean {
  const judgement = judge(reading)
  if (!judgement.live || isOversized(judgement.frame, maxValueBytes)) return false
  const body = parseBodyHead(judgement.frame)
  return body !== undefined && freshnessOf(body, reading.now, judgement.expiredAt) === 'fresh'
}

/** What stands there for a plain read: a stale value is for those only who can compute a new one. */
function toOutcome(standing: EntryState): ReadOutcome {
  switch (standing.state) {
    case 'fresh':
      return hitOf({ value: standing.value, computingMs: standing.body.computingMs }, 'store')
    case 'stale':
      return { hit: false, reason: 'expired' }
    case 'failed':
      return { hit: false, reason: 'failed' }
    case 'missing':
      return { hit: false, reason: standing.reason, provenance: standing.provenance }
  }
}

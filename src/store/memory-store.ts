import { randomBytes } from 'node:crypto'
import { encodeBody, lifetimeOf } from '../entry/body.js'
import { expireFrame } from '../entry/expiry.js'
import { composeFrame, composeValue, frameId, parseFrame } from '../entry/frame.js'
import { composeGeneration, expireGeneration, joinGenerations, parseGeneration } from '../entry/generation.js'
import { encodeProvenance } from '../entry/provenance.js'
import { CacheNotRespondingError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import { newId } from './ids.js'
import { checkLiveness } from './liveness.js'
import { generationName, MemoryFrames } from './memory-frames.js'
import { MemoryLeases } from './memory-leases.js'
import { MemoryListing } from './memory-listing.js'
import { MemoryStatistics } from './memory-statistics.js'
import {
  type AcquireOptions,
  type AcquireResult,
  type CommitOptions,
  type InvalidateOptions,
  type InvalidationOrigin,
  type LeaseWatch,
  type ListOptions,
  type ListPage,
  MARKER_LIFE_MS,
  type NewEntry,
  type Observation,
  type PeekResult,
  type ReadOptions,
  type ReadResult,
  type ReleaseOptions,
  SECRET_BYTES,
  type Store,
  type StoreUsage,
  TOMBSTONE_LIFE_MS,
  type WakeWaiter,
  type WriteOptions,
  type WriteResult,
} from './store.js'

export interface MemoryStoreOptions {
  /**
   * Maximum number of entries, and of generations of paths with something below them.
   * @default 10_000
   */
  readonly maxEntries?: number | undefined
  /**
   * Maximum size of names and frames together, in bytes.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number | undefined
}

const DEFAULTS = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 }

/**
 * A store in this process, which evicts the least recently used entries. It has the same frames, generations and
 * tombstones as one in Redis and keeps the same promises. An evicted entry is absent, and absence proves nothing.
 */
export class MemoryStore implements Store {
  readonly description = 'in-memory store'
  readonly shared = false
  readonly statistics = new MemoryStatistics()
  readonly #frames: MemoryFrames
  readonly #leases = new MemoryLeases()
  readonly #listing: MemoryListing
  readonly #secret = randomBytes(SECRET_BYTES)
  #isClosed = false

  constructor({ maxEntries = DEFAULTS.maxEntries, maxBytes = DEFAULTS.maxBytes }: MemoryStoreOptions = {}) {
    this.#frames = new MemoryFrames({ maxEntries, maxBytes })
    this.#listing = new MemoryListing(this.#frames)
  }

  async secret(): Promise<Buffer> {
    return this.#secret
  }

  async read(key: CacheKey, { lease = false }: ReadOptions = {}): Promise<ReadResult> {
    const now = this.#frames.begin()
    const reading = { frame: this.#frames.get(key.text) ?? null, generations: this.#frames.above(key), now }
    return lease ? { ...reading, lease: this.#leases.bytesOf(key, now) } : reading
  }

  async observe(key: CacheKey): Promise<Observation & ReadResult> {
    const now = this.#frames.begin()
    const id = newId()
    const generations = this.#frames.keepAbove(key, id, MARKER_LIFE_MS, false)
    let frame = this.#frames.get(key.text)
    const isValue = frame !== undefined && parseFrame(frame).kind === 'value'
    // A dead value never becomes live again: a marker replaces it.
    if (!frame || (isValue && !checkLiveness({ frame, generations }).live)) {
      frame = composeFrame('marker', id, [])
      this.#frames.set(key.text, frame, MARKER_LIFE_MS)
    } else if (!isValue && this.#frames.remainingMs(key.text) < MARKER_LIFE_MS) {
      this.#frames.set(key.text, frame, MARKER_LIFE_MS)
    }
    return { frame, frameId: frameId(frame), generations, now }
  }

  async write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    const now = this.#frames.begin()
    if (basis && !this.#isUnchanged(key, basis)) return this.#refused(key, joinGenerations(basis.generations))
    return this.#put(key, encodeBody(entry, now), lifetimeOf(entry))
  }

  async acquire(key: CacheKey, token: Buffer, { leaseMs, awaiting }: AcquireOptions): Promise<AcquireResult> {
    const now = this.#frames.begin()
    const generations = this.#frames.keepAbove(key, newId(), leaseMs, false)
    const started = joinGenerations(generations) as Buffer
    const lease = this.#leases.get(key)
    let tookOver = false
    if (lease && !lease.token.equals(token) && lease.started.equals(started)) {
      const lapsesInMs = this.#leases.remainingMs(lease)
      if (lapsesInMs > 0) {
        if (awaiting) this.#leases.markAwaited(key)
        return { won: false, holder: lease.token, lapsesInMs }
      }
      tookOver = true
    }
    this.#leases.set(key, { token, awaited: lease?.awaited ?? false, started }, leaseMs, now)
    return { won: true, tookOver, reading: await this.read(key) }
  }

  async renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean> {
    const now = this.#frames.begin()
    const lease = this.#leases.get(key)
    if (!lease?.token.equals(token) || !this.#frames.areCurrent(key, lease.started)) return false
    this.#frames.keepAbove(key, token, leaseMs, false)
    this.#leases.set(key, lease, leaseMs, now)
    return true
  }

  async commit(
    key: CacheKey,
    token: Buffer,
    entry: NewEntry,
    { unchanged }: CommitOptions = {},
  ): Promise<WriteResult> {
    const now = this.#frames.begin()
    const lease = this.#leases.get(key)
    if (!lease?.token.equals(token)) return this.#refused(key, joinGenerations(this.#frames.above(key)))
    const frame = this.#frames.get(key.text)
    const hasChanged = unchanged && !(frame && frameId(frame).equals(unchanged))
    if (this.#frames.areCurrent(key, lease.started) && !hasChanged)
      return this.#put(key, encodeBody(entry, now), lifetimeOf(entry))
    this.#leases.end(key)
    return this.#refused(key, lease.started)
  }

  async release(key: CacheKey, token: Buffer, { unstored = false }: ReleaseOptions = {}): Promise<void> {
    if (this.#leases.get(key)?.token.equals(token)) this.#leases.end(key, unstored)
  }

  watch(key: CacheKey, wake: WakeWaiter): LeaseWatch {
    return { active: true, activate: async () => {}, stop: this.#leases.waiters.add(key, wake) }
  }

  async remove(key: CacheKey, { children, origin }: InvalidateOptions): Promise<boolean> {
    const now = this.#frames.begin()
    const id = newId()
    const info = encodeProvenance({ ...origin, at: now })
    let wasThere = this.#isLive(key)
    this.#frames.set(key.text, composeFrame('tombstone', id, [], info), TOMBSTONE_LIFE_MS)
    this.#leases.end(key)
    if (children) {
      const name = generationName(key.text)
      const own = this.#frames.get(name)
      if (own) {
        wasThere ||= parseGeneration(own)?.inUse === true
        this.#frames.set(name, composeGeneration(id, false, info), TOMBSTONE_LIFE_MS)
        this.#leases.waiters.wakeWithin(key.text)
      }
    }
    return wasThere
  }

  async expire(key: CacheKey, { children, origin }: InvalidateOptions): Promise<boolean> {
    const at = this.#frames.begin()
    const who = encodeProvenance({ ...origin, at })
    const frame = this.#frames.get(key.text)
    let wasThere = this.#isLive(key)
    // A frame of every kind gets a new id: fills that have observed it are refused.
    if (frame) this.#frames.replace(key.text, expireFrame(frame, newId(), wasThere, at, who))
    this.#leases.end(key)
    if (children) {
      const name = generationName(key.text)
      const own = this.#frames.get(name)
      if (own) {
        wasThere ||= parseGeneration(own)?.inUse === true
        this.#frames.replace(name, expireGeneration(own, at, who))
        this.#leases.waiters.wakeWithin(key.text)
      }
    }
    return wasThere
  }

  async clear(origin: InvalidationOrigin): Promise<void> {
    const now = this.#frames.begin()
    this.#frames.clear()
    // It only keeps the reason: everything else is absent.
    const info = encodeProvenance({ ...origin, at: now })
    this.#frames.setTopGeneration(composeGeneration(newId(), false, info), TOMBSTONE_LIFE_MS)
    this.#leases.waiters.wakeAll()
  }

  async peek(key: CacheKey): Promise<PeekResult> {
    const now = this.#frames.begin()
    const frame = this.#frames.peek(key.text) ?? null
    return {
      frame,
      generations: this.#frames.peekAbove(key),
      lease: this.#leases.bytesOf(key, now),
      now,
      ttlMs: frame ? this.#frames.remainingMs(key.text) : 0,
      bytes: frame?.length ?? 0,
    }
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#listing.page(options)
  }

  async usage(): Promise<StoreUsage> {
    const { usedBytes, maxBytes, evictions } = this.#frames
    return { usedBytes, maxBytes, evictions, policy: 'least recently used first' }
  }

  /** Writes no probe: where the store is full, that would evict an entry. */
  async check(): Promise<void> {
    if (this.#isClosed) throw new CacheNotRespondingError('The embedded memory store was closed.')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#frames.clear()
  }

  #isLive(key: CacheKey): boolean {
    const frame = this.#frames.get(key.text)
    return frame !== undefined && checkLiveness({ frame, generations: this.#frames.above(key) }).live
  }

  #isUnchanged(key: CacheKey, basis: Observation): boolean {
    const frame = this.#frames.get(key.text)
    return (
      !!frame &&
      frameId(frame).equals(basis.frameId) &&
      this.#frames.areCurrent(key, joinGenerations(basis.generations))
    )
  }

  /** Stores a value and ends the lease, whose commit is refused from then on. */
  #put(key: CacheKey, body: Buffer, lifeMs: number): WriteResult {
    const id = newId()
    const generations = this.#frames.keepAbove(key, id, lifeMs, true)
    const frame = composeValue(id, joinGenerations(generations) as Buffer, body)
    this.#frames.set(key.text, frame, lifeMs)
    this.#leases.end(key)
    // A frame that is too large is not kept; one that is very deep may evict its own generations.
    const isKept = this.#frames.peek(key.text) === frame && this.#isLive(key)
    return isKept ? { written: true, id } : { written: false }
  }

  /** The result of a write that was refused; `started` are the joined generations that it was based on. */
  #refused(key: CacheKey, started: Buffer | undefined): WriteResult {
    const frame = this.#frames.get(key.text)
    if (frame && checkLiveness({ frame, generations: this.#frames.above(key) }).live)
      return { written: false }
    const isTombstone = frame !== undefined && parseFrame(frame).kind === 'tombstone'
    const isFenced = isTombstone || !this.#frames.areCurrent(key, started)
    return isFenced ? { written: false, fenced: true } : { written: false }
  }
}

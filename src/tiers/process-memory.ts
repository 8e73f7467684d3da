import { LRUCache } from 'lru-cache'
import { ignore } from '../background.js'
import { inflatePayload, type Payload } from '../codec/codec.js'
import { type Copies, copiesOf } from '../codec/copies.js'
import { frameId } from '../entry/frame.js'
import type { CacheKey } from '../key/cache-key.js'
import type { ReadResult } from '../store/store.js'
import type { Tracking, TrackingListener } from '../store/tracking.js'
import { type EntryState, type LiveEntry, payloadOf } from './entry-state.js'

/** Limits of process memory. */
export interface ProcessMemoryOptions {
  readonly maxEntries: number
  readonly maxBytes: number
  /** Maximum time for which a value is served without a read of the store, beside its own TTL. */
  readonly ttlMs: number
}

/** Size of process memory, and its limits. */
export interface ProcessMemoryUsage {
  readonly entries: number
  readonly bytes: number
  readonly maxEntries: number
  readonly maxBytes: number
  /** Whether it is used at the moment: not while it may miss changes. */
  readonly isServing: boolean
}

/** Memory that an entry takes beside its key and its value, about. */
const OVERHEAD_BYTES = 500

/** A generation as a tracked read has found it, shared by all entries below it. */
interface TrackedGeneration {
  readonly path: string
  readonly value: Buffer
  /** `doubtful` since the store has reported a change, perhaps of its lifetime only; `replaced` once another was found. */
  state: 'current' | 'doubtful' | 'replaced'
  /** Number of entries below it. */
  entries: number
}

/** A hit in process memory. */
export interface MemoryEntry {
  /** A copy for the reader. */
  readonly value: unknown
  /** The source of copies for other readers. */
  readonly copies: Copies
  /** The id of the frame that it was read from. */
  readonly id: Buffer
  /** How long computing the value took, in milliseconds; 0 for one that was set. */
  readonly computingMs: number
  /** Time until it expires, in milliseconds. */
  readonly remainingMs: number
}

interface StoredEntry extends Pick<MemoryEntry, 'id' | 'computingMs'> {
  readonly copies: Copies
  /** The generations above it. */
  readonly generations: readonly TrackedGeneration[]
  /** By `performance.now()`. */
  readonly freshUntil: number
  readonly servedUntil: number
}

/** The reads of one key that are under way; the results of outdated ones are not stored. */
interface Reads {
  count: number
  isOutdated: boolean
}

/** A read of the store whose result this memory may store. */
export interface TrackedRead {
  readonly key: CacheKey
  readonly reads: Reads
  /** The number of changes of generations when it began. */
  readonly changes: number
}

/**
 * An LRU of entries that this process has read from the store, for all its requests. The store reports changes
 * (`Tracking`); nothing is served unless that has been proved to work a moment ago.
 *
 * The result of a read may be older than the report of a change. So a read is registered before it is sent, and its result
 * is not stored if a change of its key, of any generation, or by this process comes first, nor if its epoch has ended.
 *
 * A generation is stored once for all entries below it: one reported change makes it doubtful for all of them, one tracked
 * read that finds it unchanged confirms it.
 */
export class ProcessMemory implements TrackingListener {
  readonly #tracking: Tracking
  readonly #options: ProcessMemoryOptions
  readonly #onRefused: (error: Error) => void
  readonly #entries: LRUCache<string, StoredEntry>
  readonly #generations = new Map<string, TrackedGeneration>()
  readonly #reads = new Map<string, Reads>()
  /** Number of changes of generations, and of losses of everything. */
  #changes = 0

  constructor(tracking: Tracking, options: ProcessMemoryOptions, onRefused: (error: Error) => void) {
    this.#tracking = tracking
    this.#options = options
    this.#onRefused = onRefused
    this.#entries = new LRUCache({
      max: options.maxEntries,
      maxSize: options.maxBytes,
      sizeCalculation: ({ copies }, text) => OVERHEAD_BYTES + text.length * 2 + copies.bytes,
      dispose: ({ generations }) => this.#release(generations),
    })
    tracking.start(this)
  }

  get usage(): ProcessMemoryUsage {
    const { maxEntries, maxBytes } = this.#options
    return {
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize,
      maxEntries,
      maxBytes,
      isServing: this.#tracking.epoch !== undefined && this.#tracking.isUpToDate(),
    }
  }

  /** Looks a key up. */
  get({ text }: CacheKey): MemoryEntry | undefined {
    const entry = this.#entries.get(text)
    if (entry === undefined || !this.#tracking.isUpToDate()) return undefined
    const now = performance.now()
    const doubt = doubtOf(entry)
    if (now >= entry.servedUntil || doubt === 'replaced') {
      this.#entries.delete(text)
      return undefined
    }
    if (doubt) return undefined
    const { id, computingMs, copies, freshUntil } = entry
    return { value: copies.next(), copies, id, computingMs, remainingMs: freshUntil - now }
  }

  /** Whether a lookup would hit. It leaves no trace. */
  has({ text }: CacheKey): boolean {
    const entry = this.#entries.peek(text)
    return (
      entry !== undefined &&
      this.#tracking.isUpToDate() &&
      performance.now() < entry.servedUntil &&
      !doubtOf(entry)
    )
  }

  /** Begins a tracked read, just before it is sent; `endRead` must follow. */
  beginRead(key: CacheKey): TrackedRead {
    let reads = this.#reads.get(key.text)
    if (!reads) {
      reads = { count: 0, isOutdated: false }
      this.#reads.set(key.text, reads)
    }
    reads.count++
    return { key, reads, changes: this.#changes }
  }

  /** Ends a tracked read: stores a fresh entry, unless it may be out of date. Without an entry the read has failed. */
  endRead(read: TrackedRead, reading?: ReadResult, entry?: EntryState): void {
    if (entry?.state !== 'fresh' || !reading || !this.#mayStore(read, reading)) {
      this.#end(read)
      return
    }
    const now = performance.now()
    const payload = inflatePayload(payloadOf(entry))
    if (!(payload instanceof Promise)) {
      this.#store(read, reading, entry, payload, now)
      this.#end(read)
      return
    }
    payload
      .then((inflated) => {
        if (this.#mayStore(read, reading)) this.#store(read, reading, entry, inflated, now)
      }, ignore)
      .finally(() => this.#end(read))
  }

  /** Drops a key, with `children` everything below it, without a key everything; called at both ends of an invalidation. */
  invalidate(key: CacheKey | undefined, children: boolean): void {
    if (!key) {
      this.lost()
      return
    }
    this.entryChanged(key.text)
    if (children) this.generationChanged(key.text)
  }

  entryChanged(path: string): void {
    this.#entries.delete(path)
    const reads = this.#reads.get(path)
    if (!reads) return
    reads.isOutdated = true
    // Reads that begin from now on find the new state.
    this.#reads.delete(path)
  }

  generationChanged(path: string): void {
    this.#changes++
    const generation = this.#generations.get(path)
    if (generation) generation.state = 'doubtful'
  }

  lost(): void {
    this.#changes++
    this.#entries.clear()
  }

  refused(error: Error): void {
    this.#onRefused(error)
  }

  #mayStore({ reads, changes }: TrackedRead, { epoch }: ReadResult): boolean {
    return (
      !reads.isOutdated && changes === this.#changes && epoch !== undefined && epoch === this.#tracking.epoch
    )
  }

  #store(
    { key }: TrackedRead,
    { generations }: ReadResult,
    { frame, body, remainingMs }: LiveEntry,
    payload: Payload,
    now: number,
  ): void {
    const paths = ['', ...key.ancestors]
    const above = paths.map((path, depth) => this.#found(path, generations[depth] as Buffer))
    // Counted before the old entry releases them.
    for (const generation of above) generation.entries++
    this.#entries.set(key.text, {
      id: copyOf(frameId(frame)),
      computingMs: body.computingMs,
      copies: copiesOf(payload),
      generations: above,
      freshUntil: now + remainingMs,
      servedUntil: now + Math.min(remainingMs, this.#options.ttlMs),
    })
    // One that is too large is not stored.
    if (!this.#entries.has(key.text)) this.#release(above)
  }

  /** The generation that a tracked read has found. */
  #found(path: string, value: Buffer): TrackedGeneration {
    const known = this.#generations.get(path)
    if (known?.value.equals(value)) {
      known.state = 'current'
      return known
    }
    if (known) known.state = 'replaced'
    const found: TrackedGeneration = { path, value: copyOf(value), state: 'current', entries: 0 }
    this.#generations.set(path, found)
    return found
  }

  #release(generations: readonly TrackedGeneration[]): void {
    for (const generation of generations) {
      generation.entries--
      if (generation.entries > 0 || this.#generations.get(generation.path) !== generation) continue
      this.#generations.delete(generation.path)
    }
  }

  #end({ key, reads }: TrackedRead): void {
    reads.count--
    if (reads.count === 0 && this.#reads.get(key.text) === reads) this.#reads.delete(key.text)
  }
}

/** Why an entry must not be served, by the generations above it. */
function doubtOf({ generations }: StoredEntry): 'doubtful' | 'replaced' | undefined {
  let doubt: 'doubtful' | undefined
  for (const { state } of generations) {
    if (state === 'replaced') return 'replaced'
    if (state === 'doubtful') doubt = 'doubtful'
  }
  return doubt
}

/** A copy with memory of its own: a view would keep the whole reply alive, a small copy the buffer of its neighbours. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

import { LRUCache } from 'lru-cache'
import { ignore } from '../background.js'
import { inflatePayload, type Payload } from '../codec/codec.js'
import { type Copies, copiesOf } from '../codec/copies.js'
import { frameId } from '../entry/frame.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Reading } from '../store/store.js'
import type { Tracking, TrackingListener } from '../store/tracking.js'
import { type EntryState, type LiveEntry, payloadOf } from './entry-state.js'

export interface ProcessMemoryOptions {
  readonly maxEntries: number
  readonly maxBytes: number
  /** How long a value may be served without the store being asked, beside its own TTL. */
  readonly ttlMs: number
}

/** How full it is. */
export interface ProcessMemoryUsage {
  readonly entries: number
  readonly bytes: number
  readonly maxEntries: number
  readonly maxBytes: number
  /** Whether it is served from: not while changes may go untold. */
  readonly isServing: boolean
}

/** What an entry costs beside its key's characters and its value, about. */
const OVERHEAD_BYTES = 500

/** A generation as some tracked read has found it, for all that is held below it. */
interface Generation {
  readonly path: string
  readonly value: Buffer
  /** `doubtful` since the store told of a change, which may have been a prolongation; `replaced` once another was found. */
  state: 'current' | 'doubtful' | 'replaced'
  /** How many entries lie below it. */
  entries: number
}

/** What a reader gets. */
export interface MemoryEntry {
  /** A copy of the reader's own. */
  readonly value: unknown
  /** For the next readers. */
  readonly copies: Copies
  /** The id of the frame that it was read from. */
  readonly id: Buffer
  /** How long it took to compute; 0 for what was set. */
  readonly computingMs: number
  /** How long it is fresh still. */
  readonly remainingMs: number
}

interface Held extends Pick<MemoryEntry, 'id' | 'computingMs'> {
  readonly copies: Copies
  /** All that stood above it. */
  readonly generations: readonly Generation[]
  /** By `performance.now()`. */
  readonly freshUntil: number
  readonly servedUntil: number
}

/** The reads of one key that are under way, and whether their answers may still be kept. */
interface Reads {
  count: number
  spoiled: boolean
}

/** A read whose answer is wanted for this memory. */
export interface TrackedRead {
  readonly key: CacheKey
  readonly reads: Reads
  /** How often generations had changed when it began. */
  readonly changes: number
}

/**
 * What this process has read from the store, least recently used first out, for
 * all its requests. The store tells of changes (`Tracking`), and nothing is
 * served unless that was proved to work a moment ago.
 *
 * The answer of a read may be older than the news of a change: so a read is
 * marked before it leaves, and its answer not kept if a change of its key, of a
 * generation, or by this process comes before it does; nor if its epoch is over.
 *
 * What a generation says for all below it is held once: one change makes it
 * doubtful for all of them, one tracked read that finds the same confirms it.
 */
export class ProcessMemory implements TrackingListener {
  readonly #tracking: Tracking
  readonly #options: ProcessMemoryOptions
  readonly #onRefused: (error: Error) => void
  readonly #held: LRUCache<string, Held>
  readonly #generations = new Map<string, Generation>()
  readonly #reads = new Map<string, Reads>()
  /** How often any generation has changed, or all was lost. */
  #changes = 0

  constructor(tracking: Tracking, options: ProcessMemoryOptions, onRefused: (error: Error) => void) {
    this.#tracking = tracking
    this.#options = options
    this.#onRefused = onRefused
    this.#held = new LRUCache({
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
      entries: this.#held.size,
      bytes: this.#held.calculatedSize,
      maxEntries,
      maxBytes,
      isServing: this.#tracking.epoch !== undefined && this.#tracking.isUpToDate(),
    }
  }

  /** What is held of a key, if it may be served. */
  get({ text }: CacheKey): MemoryEntry | undefined {
    const held = this.#held.get(text)
    if (held === undefined || !this.#tracking.isUpToDate()) return undefined
    const now = performance.now()
    const doubt = doubtOf(held)
    if (now >= held.servedUntil || doubt === 'replaced') {
      this.#held.delete(text)
      return undefined
    }
    if (doubt) return undefined
    const { id, computingMs, copies, freshUntil } = held
    return { value: copies.next(), copies, id, computingMs, remainingMs: freshUntil - now }
  }

  /** Whether a key is held, and may be served: leaves no trace of having been asked. */
  holds({ text }: CacheKey): boolean {
    const held = this.#held.peek(text)
    return (
      held !== undefined &&
      this.#tracking.isUpToDate() &&
      performance.now() < held.servedUntil &&
      !doubtOf(held)
    )
  }

  /** Before a read leaves; its end must be told. */
  beginRead(key: CacheKey): TrackedRead {
    let reads = this.#reads.get(key.text)
    if (!reads) {
      reads = { count: 0, spoiled: false }
      this.#reads.set(key.text, reads)
    }
    reads.count++
    return { key, reads, changes: this.#changes }
  }

  /** Its answer has come, and is kept if it may be; without one it has failed. */
  endRead(read: TrackedRead, reading?: Reading, standing?: EntryState): void {
    if (standing?.state !== 'fresh' || !reading || !this.#mayKeep(read, reading)) {
      this.#settle(read)
      return
    }
    const now = performance.now()
    const payload = inflatePayload(payloadOf(standing))
    if (!(payload instanceof Promise)) {
      this.#keep(read, reading, standing, payload, now)
      this.#settle(read)
      return
    }
    payload
      .then((inflated) => {
        if (this.#mayKeep(read, reading)) this.#keep(read, reading, standing, inflated, now)
      }, ignore)
      .finally(() => this.#settle(read))
  }

  /** This process invalidates a key, with children everything below it, without a key everything: told at both ends. */
  invalidate(key: CacheKey | undefined, children: boolean): void {
    if (!key) {
      this.lost()
      return
    }
    this.entryChanged(key.text)
    if (children) this.generationChanged(key.text)
  }

  entryChanged(path: string): void {
    this.#held.delete(path)
    const reads = this.#reads.get(path)
    if (!reads) return
    reads.spoiled = true
    // Who reads from now on reads what stands there now.
    this.#reads.delete(path)
  }

  generationChanged(path: string): void {
    this.#changes++
    const generation = this.#generations.get(path)
    if (generation) generation.state = 'doubtful'
  }

  lost(): void {
    this.#changes++
    this.#held.clear()
  }

  refused(error: Error): void {
    this.#onRefused(error)
  }

  #mayKeep({ reads, changes }: TrackedRead, { epoch }: Reading): boolean {
    return (
      !reads.spoiled && changes === this.#changes && epoch !== undefined && epoch === this.#tracking.epoch
    )
  }

  #keep(
    { key }: TrackedRead,
    { generations }: Reading,
    { frame, body, remainingMs }: LiveEntry,
    payload: Payload,
    now: number,
  ): void {
    const paths = ['', ...key.ancestors]
    const above = paths.map((path, depth) => this.#found(path, generations[depth] as Buffer))
    // Counted before the old entry lets go of them.
    for (const generation of above) generation.entries++
    this.#held.set(key.text, {
      id: copyOf(frameId(frame)),
      computingMs: body.computingMs,
      copies: copiesOf(payload),
      generations: above,
      freshUntil: now + remainingMs,
      servedUntil: now + Math.min(remainingMs, this.#options.ttlMs),
    })
    // One that is too large is not held at all.
    if (!this.#held.has(key.text)) this.#release(above)
  }

  /** A generation as a tracked read has found it now. */
  #found(path: string, value: Buffer): Generation {
    const known = this.#generations.get(path)
    if (known?.value.equals(value)) {
      known.state = 'current'
      return known
    }
    if (known) known.state = 'replaced'
    const found: Generation = { path, value: copyOf(value), state: 'current', entries: 0 }
    this.#generations.set(path, found)
    return found
  }

  #release(generations: readonly Generation[]): void {
    for (const generation of generations) {
      generation.entries--
      if (generation.entries > 0 || this.#generations.get(generation.path) !== generation) continue
      this.#generations.delete(generation.path)
    }
  }

  #settle({ key, reads }: TrackedRead): void {
    reads.count--
    if (reads.count === 0 && this.#reads.get(key.text) === reads) this.#reads.delete(key.text)
  }
}

/** Why an entry may not be served, for what is known of what stands above it. */
function doubtOf({ generations }: Held): 'doubtful' | 'replaced' | undefined {
  let doubt: 'doubtful' | undefined
  for (const { state } of generations) {
    if (state === 'replaced') return 'replaced'
    if (state === 'doubtful') doubt = 'doubtful'
  }
  return doubt
}

/** With memory of its own: a view would keep the whole reply alive, a small copy its neighbours'. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

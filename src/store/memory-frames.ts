import { LRUCache } from 'lru-cache'
import { ElapsedClock } from '../elapsed-clock.js'
import { parseFrame } from '../entry/frame.js'
import { composeGeneration, IN_USE_AT, joinGenerations } from '../entry/generation.js'
import type { CacheKey } from '../key/cache-key.js'

interface FrameLimits {
  readonly maxEntries: number
  readonly maxBytes: number
}

/** Approximate size of a name beside its characters and bytes: its share of the list and the map. */
const OVERHEAD_BYTES = 200

const IN_USE = 0x31

/** Name of the topmost generation. No path has it: paths have no braces. */
const TOP = '{}'

/** Name of the generation of a path. No path has it. */
export function generationName(path: string): string {
  return `{${path}}`
}

/** Whether a name is that of an entry. */
export function isEntryName(name: string): boolean {
  return !name.startsWith('{')
}

/** Names of the generations above a key, outermost first. */
function generationsAbove(key: CacheKey): string[] {
  return [TOP, ...key.ancestors.map(generationName)]
}

/** Frames and generations of the embedded store by name, each with a time to live. The least recently used are evicted. */
export class MemoryFrames {
  readonly maxBytes: number
  readonly #lru: LRUCache<string, Buffer>
  readonly #clock = new ElapsedClock()
  /** One reading of the clock for everything in an operation. */
  #now = this.#clock.now()
  #evictions = 0

  constructor({ maxEntries, maxBytes }: FrameLimits) {
    this.maxBytes = maxBytes
    this.#lru = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (bytes, name) => bytes.length + name.length * 2 + OVERHEAD_BYTES,
      ttlResolution: 0,
      perf: { now: () => this.#now },
      ttlAutopurge: false,
      dispose: (bytes, _name, reason) => {
        if (reason === 'evict' && parseFrame(bytes).kind === 'value') this.#evictions++
      },
    })
  }

  /** The time of the operation that runs. */
  get now(): number {
    return this.#now
  }

  get usedBytes(): number {
    return this.#lru.calculatedSize
  }

  /** Number of values that were evicted. */
  get evictions(): number {
    return this.#evictions
  }

  /** Begins an operation, and returns its time. */
  begin(): number {
    this.#now = this.#clock.now()
    return this.#now
  }

  get(name: string): Buffer | undefined {
    return this.#lru.get(name)
  }

  /** Like `get`, but does not count as a use. */
  peek(name: string): Buffer | undefined {
    return this.#lru.peek(name)
  }

  remainingMs(name: string): number {
    return this.#lru.getRemainingTTL(name)
  }

  set(name: string, bytes: Buffer, ttlMs: number): void {
    this.#lru.set(name, bytes, { ttl: Math.ceil(ttlMs) })
  }

  /** Replaces what has this name, for its remaining time. */
  replace(name: string, bytes: Buffer): void {
    // Never longer; and a time to live of 0 would be none.
    this.set(name, bytes, Math.max(1, Math.floor(this.remainingMs(name))))
  }

  clear(): void {
    this.#lru.clear()
  }

  names(): Iterable<string> {
    return this.#lru.keys()
  }

  /** The generations above a key, outermost first. */
  above(key: CacheKey): (Buffer | null)[] {
    return generationsAbove(key).map((name) => this.get(name) ?? null)
  }

  /** Like `above`, but does not count as a use. */
  peekAbove(key: CacheKey): (Buffer | null)[] {
    return generationsAbove(key).map((name) => this.peek(name) ?? null)
  }

  /** Makes the generations above a key that are absent, under the id `id`, and lets all live for at least `ttlMs`. */
  keepAbove(key: CacheKey, id: Buffer, ttlMs: number, inUse: boolean): Buffer[] {
    return generationsAbove(key).map((name) => this.#keepGeneration(name, id, ttlMs, inUse))
  }

  /** Whether the generations above a key have the ids and eras that were joined by `joinGenerations`. */
  areCurrent(key: CacheKey, joined: Buffer | undefined): boolean {
    return !!joined && !!joinGenerations(this.above(key))?.equals(joined)
  }

  setTopGeneration(generation: Buffer, ttlMs: number): void {
    this.set(TOP, generation, ttlMs)
  }

  #keepGeneration(name: string, id: Buffer, ttlMs: number, inUse: boolean): Buffer {
    const lifeMs = ttlMs * 1.1 + 60_000
    const current = this.get(name)
    if (!current) {
      const made = composeGeneration(id, inUse)
      this.set(name, made, lifeMs)
      return made
    }
    const remainingMs = this.remainingMs(name)
    if (inUse) current[IN_USE_AT] = IN_USE
    if (remainingMs < ttlMs) this.set(name, current, lifeMs)
    return current
  }
}

import { LRUCache } from 'lru-cache'
import {
  composeFrame,
  composeGeneration,
  encodeBody,
  encodeProvenance,
  firstBrokenGeneration,
  frameId,
  ID_BYTES,
  parseBodyHead,
  parseFrame,
  parseGeneration,
} from '../entry.js'
import { CacheNotRespondingError } from '../errors.js'
import { CacheKey } from '../key/cache-key.js'
import { newId } from './ids.js'
import { judge } from './judge.js'
import {
  type ListedEntry,
  type ListOptions,
  type ListPage,
  MARKER_LIFE_MS,
  type NewEntry,
  type Observation,
  type Origin,
  type Peek,
  type Reading,
  type RemoveOptions,
  type Store,
  TOMBSTONE_LIFE_MS,
  type WriteOptions,
  type WriteResult,
} from './store.js'

export interface MemoryStoreOptions {
  /** The most entries, and generations of paths with something below them; 10,000 by default. */
  readonly maxEntries?: number
  /** The most bytes of names and frames together; 64 MiB by default. */
  readonly maxBytes?: number
}

const DEFAULTS = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 }

/** What a name costs beside its characters and bytes, about: the list's and the map's own share. */
const OVERHEAD_BYTES = 200

/** The topmost generation. No path is spelled so: paths hold no braces. */
const TOP = '{}'

/**
 * Entries within this process, least recently used first out. It holds the same
 * frames, generations and tombstones as a Redis would, and keeps the same
 * promises; an eviction is an absence, and absence proves nothing here either.
 */
export class MemoryStore implements Store {
  readonly description = 'embedded memory'
  readonly shared = false
  readonly #held: LRUCache<string, Buffer>
  #closed = false

  constructor({ maxEntries = DEFAULTS.maxEntries, maxBytes = DEFAULTS.maxBytes }: MemoryStoreOptions = {}) {
    this.#held = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (bytes, name) => bytes.length + name.length * 2 + OVERHEAD_BYTES,
      ttlResolution: 0,
      ttlAutopurge: false,
    })
  }

  async read(key: CacheKey): Promise<Reading> {
    return { frame: this.#held.get(key.text) ?? null, generations: this.#above(key) }
  }

  async observe(key: CacheKey): Promise<Observation & Reading> {
    const id = newId()
    const generations = generationsAbove(key).map((name) =>
      this.#keepGeneration(name, id, MARKER_LIFE_MS, false),
    )
    let frame = this.#held.get(key.text)
    const isValue = frame !== undefined && parseFrame(frame).kind === 'value'
    // A value that is dead is so for ever: a marker takes its place.
    if (!frame || (isValue && !judge({ frame, generations }).live)) {
      frame = composeFrame('marker', id, [])
      this.#hold(key.text, frame, MARKER_LIFE_MS)
    } else if (!isValue && this.#held.getRemainingTTL(key.text) < MARKER_LIFE_MS) {
      this.#hold(key.text, frame, MARKER_LIFE_MS)
    }
    return { frame, standing: frameId(frame), generations }
  }

  async write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    if (basis && !this.#stands(key, basis)) return { written: false }
    const id = newId()
    const generations = generationsAbove(key).map((name) =>
      this.#keepGeneration(name, id, entry.ttlMs, true).subarray(0, ID_BYTES),
    )
    const frame = composeFrame('value', id, generations, encodeBody({ ...entry, writtenAt: now() }))
    this.#hold(key.text, frame, entry.ttlMs)
    // Too large, or so deep that it has pushed out its own generations.
    const held = this.#held.peek(key.text) === frame && judge({ frame, generations: this.#above(key) }).live
    return held ? { written: true, id } : { written: false }
  }

  async remove(key: CacheKey, { children, origin }: RemoveOptions): Promise<boolean> {
    const id = newId()
    const frame = this.#held.get(key.text)
    let was = frame !== undefined && judge({ frame, generations: this.#above(key) }).live
    const info = encodeProvenance({ ...origin, at: now() })
    this.#hold(key.text, composeFrame('tombstone', id, [], info), TOMBSTONE_LIFE_MS)
    if (children) {
      const own = this.#held.get(generation(key.text))
      if (own) {
        was ||= parseGeneration(own)?.inUse === true
        this.#hold(generation(key.text), composeGeneration(id, false, info), TOMBSTONE_LIFE_MS)
      }
    }
    return was
  }

  async clear(origin: Origin): Promise<void> {
    // Nothing below the topmost generation is of use any more, but for the reason why it is gone.
    this.#held.clear()
    const info = encodeProvenance({ ...origin, at: now() })
    this.#hold(TOP, composeGeneration(newId(), false, info), TOMBSTONE_LIFE_MS)
  }

  async peek(key: CacheKey): Promise<Peek> {
    const frame = this.#held.peek(key.text) ?? null
    return {
      frame,
      generations: generationsAbove(key).map((name) => this.#held.peek(name) ?? null),
      now: now(),
      ttlMs: frame ? this.#held.getRemainingTTL(key.text) : 0,
      bytes: frame?.length ?? 0,
    }
  }

  async list({ under, cursor, scan }: ListOptions): Promise<ListPage> {
    const names = [...this.#held.keys()].filter((name) => !name.startsWith('{')).sort()
    const start = cursor === undefined ? 0 : names.findIndex((name) => name > cursor)
    const page = start === -1 ? [] : names.slice(start, start + scan)
    const more = start !== -1 && start + scan < names.length
    return {
      entries: page.flatMap((name) => this.#listed(name, under)),
      cursor: more ? page.at(-1) : undefined,
      scanned: page.length,
      total: names.length,
    }
  }

  /** No probe is written: where it is full, that would push out an entry. */
  async check(): Promise<void> {
    if (this.#closed) throw new CacheNotRespondingError('The embedded memory store was closed.')
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#held.clear()
  }

  #above(key: CacheKey): (Buffer | null)[] {
    return generationsAbove(key).map((name) => this.#held.get(name) ?? null)
  }

  #stands(key: CacheKey, basis: Observation): boolean {
    const frame = this.#held.get(key.text)
    if (!frame || !frameId(frame).equals(basis.standing)) return false
    const expected = composeFrame(
      'value',
      newId(),
      basis.generations.map((value) => value.subarray(0, ID_BYTES)),
    )
    return firstBrokenGeneration(expected, this.#above(key)) === -1
  }

  /** The generation under a name, living at least `ttlMs` from now on; made if absent. */
  #keepGeneration(name: string, newborn: Buffer, ttlMs: number, inUse: boolean): Buffer {
    const current = this.#held.get(name)
    if (!current) {
      const made = composeGeneration(newborn, inUse)
      this.#hold(name, made, ttlMs * 1.1 + 60_000)
      return made
    }
    const left = this.#held.getRemainingTTL(name)
    if (inUse) current[ID_BYTES] = 0x31
    if (left < ttlMs) this.#hold(name, current, ttlMs * 1.1 + 60_000)
    return current
  }

  #hold(name: string, bytes: Buffer, ttlMs: number): void {
    this.#held.set(name, bytes, { ttl: Math.ceil(ttlMs) })
  }

  #listed(name: string, under: CacheKey | undefined): ListedEntry[] {
    const key = CacheKey.from(name)
    if (under && !key.isWithin(under)) return []
    const frame = this.#held.peek(name)
    const ttlMs = this.#held.getRemainingTTL(name)
    const generations = generationsAbove(key).map((above) => this.#held.peek(above) ?? null)
    if (!frame || ttlMs <= 0 || !judge({ frame, generations }).live) return []
    const body = parseBodyHead(frame)
    return body
      ? [{ key, bytes: frame.length, ttlMs, writtenAt: body.writtenAt, writtenBy: body.writtenBy }]
      : []
  }
}

function generation(path: string): string {
  return `{${path}}`
}

function generationsAbove(key: CacheKey): string[] {
  return [TOP, ...key.ancestors.map(generation)]
}

/** Milliseconds since the epoch that never run backwards: this store's clock. */
function now(): number {
  return performance.timeOrigin + performance.now()
}

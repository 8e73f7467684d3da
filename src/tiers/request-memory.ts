import { BoundedMap } from '../bounded-map.js'
import { isCompressed, type Payload } from '../codec/codec.js'
import { type Copies, compactPayload, lazyCopiesOf, primitiveCopies } from '../codec/copies.js'
import type { CacheKey } from '../key/cache-key.js'

/** A value that was read or set: a source of copies, or a payload that must be awaited or decompressed first. */
export type Slot = Copies | { readonly payload: Payload | Promise<Payload> }

/**
 * The slot of a value that was just decoded from this payload. The value itself belongs to its reader, who may change
 * it: the next reader gets a copy.
 */
export function slotOf(value: unknown, payload: Payload): Slot {
  if (typeof value !== 'object' || value === null) return primitiveCopies(value)
  return isCompressed(payload) ? { payload: compactPayload(payload) } : lazyCopiesOf(payload)
}

/** A read of the store that is under way; the result of one that is outdated is not kept. */
export interface PendingRead {
  readonly key: CacheKey
  isOutdated: boolean
}

/** Maximum number of values of one request: a job that reads everything must not hold everything. */
const MAX_SLOTS = 10_000

/** The values that one request has read and written: a repeated read costs nothing. */
export class RequestMemory {
  readonly #slots = new BoundedMap<string, Slot>(MAX_SLOTS)
  readonly #pending = new Set<PendingRead>()
  #ended = false

  get(key: CacheKey): Slot | undefined {
    return this.#slots.get(key.text)
  }

  /** Begins a read of the store; `endRead` must follow. */
  beginRead(key: CacheKey): PendingRead {
    const read = { key, isOutdated: false }
    this.#pending.add(read)
    return read
  }

  /** Ends a read: keeps its value, unless this request wrote or deleted the key meanwhile. */
  endRead(read: PendingRead, found?: Slot): void {
    this.#pending.delete(read)
    if (found && !read.isOutdated) this.#keep(read.key.text, found)
  }

  /** Adds a value that was read from another tier. */
  add(key: CacheKey, slot: Slot): void {
    this.#keep(key.text, slot)
  }

  /** Puts a value that this request sets: visible at once, and no read under way may put the old value back. */
  put(key: CacheKey, slot: Slot): void {
    this.outdateReads(key)
    this.#keep(key.text, slot)
  }

  /** Marks the reads of this key that are under way as outdated, with `children` those of everything below it too. */
  outdateReads(key: CacheKey, children = false): void {
    for (const read of this.#pending) {
      if (read.key.text === key.text || (children && read.key.isWithin(key))) read.isOutdated = true
    }
  }

  /** Drops a key, with `children` everything below it, without a key everything, and every read of it under way. */
  drop(key: CacheKey | undefined, children: boolean): void {
    if (!key) {
      this.#dropAll()
      return
    }
    this.outdateReads(key, children)
    this.#slots.delete(key.text)
    if (!children) return
    const below = `${key.text}::`
    for (const text of this.#slots.keys()) if (text.startsWith(below)) this.#slots.delete(text)
  }

  /** Drops everything, and keeps nothing from now on: the request has ended. */
  end(): void {
    this.#ended = true
    this.#dropAll()
  }

  #dropAll(): void {
    for (const read of this.#pending) read.isOutdated = true
    this.#slots.clear()
  }

  #keep(text: string, slot: Slot): void {
    if (this.#ended) return
    this.#slots.set(text, slot)
  }
}

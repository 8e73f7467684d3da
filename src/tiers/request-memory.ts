import { BoundedMap } from '../bounded-map.js'
import { isCompressed, type Payload } from '../codec/codec.js'
import { type Copies, compactPayload, lazyCopiesOf, primitiveCopies } from '../codec/copies.js'
import type { CacheKey } from '../key/cache-key.js'

/** A value as it was read or set: a source of copies, or a payload that must be awaited or inflated first. */
export type Slot = Copies | { readonly payload: Payload | Promise<Payload> }

/**
 * What the memory keeps of a value that was just decoded from this payload. The value itself belongs to its reader,
 * who may change it: the next reader gets a copy.
 */
export function slotOf(value: unknown, payload: Payload): Slot {
  if (typeof value !== 'object' || value === null) return primitiveCopies(value)
  return isCompressed(payload) ? { payload: compactPayload(payload) } : lazyCopiesOf(payload)
}

/** A read of the store that is under way, and whether its answer may still be kept. */
export interface PendingRead {
  readonly key: CacheKey
  spoiled: boolean
}

/** So many values at most are kept for one request: a job that reads everything must not hold everything. */
const MAX_SLOTS = 10_000

/** What one request has read and written: a repeated read costs nothing. */
export class RequestMemory {
  readonly #slots = new BoundedMap<string, Slot>(MAX_SLOTS)
  readonly #pending = new Set<PendingRead>()
  #ended = false

  get(key: CacheKey): Slot | undefined {
    return this.#slots.get(key.text)
  }

  beginRead(key: CacheKey): PendingRead {
    const read = { key, spoiled: false }
    this.#pending.add(read)
    return read
  }

  /** Ends a read: keeps what it found, unless this request wrote or deleted the key meanwhile. */
  endRead(read: PendingRead, found?: Slot): void {
    this.#pending.delete(read)
    if (found && !read.spoiled) this.#keep(read.key.text, found)
  }

  /** This request sets the key: seen at once, and no read under way may put the old value back. */
  put(key: CacheKey, slot: Slot): void {
    this.spoil(key)
    this.#keep(key.text, slot)
  }

  /** No read of this key that is under way may be kept. */
  spoil(key: CacheKey, children = false): void {
    for (const read of this.#pending) {
      if (read.key.text === key.text || (children && read.key.isWithin(key))) read.spoiled = true
    }
  }

  /** This request deletes, or has just deleted: called at both ends, so that no read in between is kept. */
  drop(key: CacheKey, children: boolean): void {
    this.spoil(key, children)
    this.#slots.delete(key.text)
    if (!children) return
    const below = `${key.text}::`
    for (const text of this.#slots.keys()) if (text.startsWith(below)) this.#slots.delete(text)
  }

  dropAll(): void {
    for (const read of this.#pending) read.spoiled = true
    this.#slots.clear()
  }

  /** The request is over: nothing is kept any more. */
  end(): void {
    this.#ended = true
    this.dropAll()
  }

  #keep(text: string, slot: Slot): void {
    if (this.#ended) return
    this.#slots.set(text, slot)
  }
}

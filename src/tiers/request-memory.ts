import { BoundedMap } from '../bounded-map.js'
import type { Payload } from '../codec/codec.js'
import type { CacheKey } from '../key/cache-key.js'

/** A value that was read, or what was set as it was at that moment, decoded when first asked for. */
export type Slot = { readonly value: unknown } | { readonly payload: Payload | Promise<Payload> }

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

  /** The read's answer has come; `value` is kept unless this request wrote or deleted the key meanwhile. */
  endRead(read: PendingRead, found?: { readonly value: unknown }): void {
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

import type { Payload } from '../codec/codec.js'
import { inflatePayload } from '../codec/codec.js'
import { copiesOf } from '../codec/copies.js'
import type { CacheKey } from '../key/cache-key.js'
import type { ReadResult } from '../store/store.js'
import type { EntryState } from './entry-state.js'
import type { Hit } from './outcome.js'
import type { MemoryEntry, ProcessMemory, TrackedRead } from './process-memory.js'
import type { RequestScope } from './request-scope.js'

/** The tiers before the store: the memory of a request, which its scope carries, and the memory of this process. */
export class Memories {
  readonly #process: ProcessMemory | undefined

  constructor(process: ProcessMemory | undefined) {
    this.#process = process
  }

  /** Looks a key up in both. A hit in process memory fills request memory. */
  get(key: CacheKey, scope: RequestScope | undefined): Hit | Promise<Hit> | undefined {
    const hit = this.getFromRequest(key, scope)
    if (hit !== undefined) return hit
    const entry = this.getFromProcess(key, scope)
    if (!entry) return undefined
    scope?.memory?.add(key, entry.copies)
    return processHit(entry)
  }

  /** Looks a key up in request memory. A promise for what the request has set itself: its payload is decoded first. */
  getFromRequest(key: CacheKey, scope: RequestScope | undefined): Hit | Promise<Hit> | undefined {
    const slot = scope?.memory?.get(key)
    if (!slot) return undefined
    if ('next' in slot) return { hit: true, value: slot.next(), tier: 'request' }
    return decode(key, slot.payload, scope)
  }

  /** Looks a key up in process memory. */
  getFromProcess(key: CacheKey, scope: RequestScope | undefined): MemoryEntry | undefined {
    return this.#processFor(scope)?.get(key)
  }

  /** Whether a lookup would hit. It leaves no trace. */
  has(key: CacheKey, scope: RequestScope | undefined): boolean {
    if (scope?.memory?.get(key)) return true
    return this.#processFor(scope)?.has(key) ?? false
  }

  /** Whether process memory would hit, for any request. It leaves no trace. */
  isInProcess(key: CacheKey): boolean {
    return this.#process?.has(key) ?? false
  }

  /** Begins a read whose result process memory may keep, just before it is sent; `endRead` must follow. */
  beginRead(key: CacheKey, scope: RequestScope | undefined): TrackedRead | undefined {
    return this.#processFor(scope)?.beginRead(key)
  }

  /** Ends a tracked read: keeps a fresh entry, unless it may be out of date. */
  endRead(read: TrackedRead, reading?: ReadResult, entry?: EntryState): void {
    this.#process?.endRead(read, reading, entry)
  }

  /**
   * Drops a key, with `children` everything below it, without a key everything; request memory too where `scope` is
   * given. Called at both ends of an invalidation or a write: what is read in between may be older than it.
   */
  drop(key: CacheKey | undefined, children: boolean, scope?: RequestScope): void {
    this.#process?.invalidate(key, children)
    scope?.memory?.drop(key, children)
  }

  /** A scope that computes for the store must not read process memory: see `isComputingForStore`. */
  #processFor(scope: RequestScope | undefined): ProcessMemory | undefined {
    return scope?.isComputingForStore ? undefined : this.#process
  }
}

export function processHit({ value, computingMs }: MemoryEntry): Hit {
  return { hit: true, value, tier: 'process', computingMs }
}

/** Decodes a payload that request memory holds, which holds a source of copies from then on. */
async function decode(
  key: CacheKey,
  payload: Payload | Promise<Payload>,
  scope: RequestScope | undefined,
): Promise<Hit> {
  const read = scope?.memory?.beginRead(key)
  const copies = copiesOf(await inflatePayload(await payload))
  if (read) scope?.memory?.endRead(read, copies)
  return { hit: true, value: copies.next(), tier: 'request' }
}

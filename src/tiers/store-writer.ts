import { compressPayload, encodeValue, type Payload } from '../codec/codec.js'
import type { NewEntry } from '../entry/body.js'
import { CacheNotRespondingError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Failsafe } from '../store/failsafe.js'
import type { InvalidationOrigin, Store } from '../store/store.js'
import type { Memories } from './memories.js'
import type { ClearOutcome, DeleteOutcome, ExpireOutcome, Written } from './outcome.js'
import type { PendingInvalidations } from './pending-invalidations.js'
import type { RequestOrigin, RequestScope } from './request-scope.js'

/** Called at both ends of an invalidation: of a key, with `children` of everything below it, without a key of everything. */
export type InvalidationListener = (key: CacheKey | undefined, children: boolean) => void

export interface StoreWriterOptions {
  readonly store: Store
  readonly failsafe: Failsafe
  readonly pending: PendingInvalidations
  readonly memories: Memories
  /** Payloads of more bytes are compressed where that makes them smaller. */
  readonly compressionThreshold: number | false
  /** Maximum size of one serialised value in bytes, before compression. */
  readonly maxValueBytes: number
  /** This process, `host:pid`. */
  readonly process: string
  /** Called at both ends of an invalidation: a read or computation that began before its end may be older. */
  readonly onInvalidate: InvalidationListener
}

/** How one entry is to be written. */
export interface WriteRequest {
  readonly ttlMs: number
  readonly graceMs: number
  /** A plain write, also where the request has observed a miss. */
  readonly overwrite: boolean
}

/** Scope and origin of an invalidation. */
interface Invalidation {
  /** Everything, where there is none. */
  readonly key: CacheKey | undefined
  readonly children: boolean
  readonly scope: RequestScope | undefined
  readonly origin: InvalidationOrigin
}

const FAILED: Written = { outcome: 'failed' }

/**
 * Writes and invalidates entries: fills and plain writes, deletes, soft expiries and `clear`. An invalidation that the
 * store did not confirm becomes pending.
 */
export class StoreWriter {
  readonly #store: Store
  readonly #failsafe: Failsafe
  readonly #pending: PendingInvalidations
  readonly #memories: Memories
  readonly #compressionThreshold: number | false
  readonly #maxValueBytes: number
  readonly #process: string
  readonly #onInvalidate: InvalidationListener
  /** Writes whose payloads are still being compressed. */
  readonly #compressing = new Set<{ readonly key: CacheKey; overtaken: boolean }>()

  constructor(options: StoreWriterOptions) {
    this.#store = options.store
    this.#failsafe = options.failsafe
    this.#pending = options.pending
    this.#memories = options.memories
    this.#compressionThreshold = options.compressionThreshold
    this.#maxValueBytes = options.maxValueBytes
    this.#process = options.process
    this.#onInvalidate = options.onInvalidate
  }

  /** Stores a value for `set`: as a fill where the request has observed a miss of the key, else as a plain write. */
  async write(
    key: CacheKey,
    value: unknown,
    { ttlMs, graceMs, overwrite }: WriteRequest,
    scope: RequestScope | undefined,
  ): Promise<Written> {
    // The value as it is now: what its owner does to it afterwards is not stored.
    const encoded = encodeValue(value, {
      compressionThreshold: this.#compressionThreshold,
      maxBytes: this.#maxValueBytes,
      key: key.text,
    })
    const observations = overwrite ? undefined : scope?.observations
    const isFill = observations?.isFill(key.text) ?? false
    if (isFill) this.#memories.drop(key, false)
    else this.#beginInvalidation(key, false)
    scope?.memory?.put(key, { payload: encoded })
    try {
      // Without a need to wait there is no wait: writes and deletes leave in the order of their calls.
      const payload = encoded instanceof Promise ? await this.#compressed(key, encoded) : encoded
      const basis = isFill ? await observations?.basis(key.text) : undefined
      if (!payload || (isFill && !basis)) return { outcome: 'refused' }
      const { bytes, format } = payload
      const entry: NewEntry = { format, payload: bytes, ttlMs, graceMs, writtenBy: this.#process }
      const result = await this.#store.write(key, entry, { basis })
      this.#pending.storeAnswered()
      if (!result.written) return { outcome: 'refused', fenced: result.fenced === true }
      if (basis) observations?.renew(key.text, { ...basis, frameId: result.id })
      return { outcome: 'stored', stored: entry }
    } catch (error) {
      if (!isFill) this.#addPending(error, key, false, this.#originOf(scope?.origin()))
      return this.#failsafe.absorb('set', key.text, error, FAILED)
    } finally {
      if (isFill) {
        observations?.answer(key.text)
        this.#memories.drop(key, false)
      } else this.#drop(key, false)
      scope?.memory?.outdateReads(key)
    }
  }

  /** Completes an entry for a commit; its payload is compressed where that makes it smaller. */
  async newEntry(
    payload: Payload,
    facts: Omit<NewEntry, 'payload' | 'format' | 'writtenBy'>,
  ): Promise<NewEntry> {
    const { bytes, format } = await compressPayload(payload, this.#compressionThreshold)
    return { ...facts, format, payload: bytes, writtenBy: this.#process }
  }

  /** Deletes a key, with `children` everything below it. */
  delete(
    key: CacheKey,
    children: boolean,
    scope: RequestScope | undefined,
    origin: RequestOrigin | undefined,
  ): Promise<DeleteOutcome> {
    const options = { children, origin: this.#originOf(origin) }
    const send = () => this.#store.remove(key, options)
    return this.#invalidate('delete', { key, scope, ...options }, send, 'deleted', 'absent')
  }

  /** Marks a key as stale, with `children` everything below it. It is repeated as a delete where the store fails. */
  expire(
    key: CacheKey,
    children: boolean,
    scope: RequestScope | undefined,
    origin: RequestOrigin | undefined,
  ): Promise<ExpireOutcome> {
    const options = { children, origin: this.#originOf(origin) }
    const send = () => this.#store.expire(key, options)
    return this.#invalidate('expire', { key, scope, ...options }, send, 'expired', 'absent')
  }

  /** Deletes everything under the prefix. */
  clear(scope: RequestScope | undefined, origin: RequestOrigin | undefined): Promise<ClearOutcome> {
    const named = this.#originOf(origin)
    const send = () => this.#store.clear(named)
    const everything = { key: undefined, children: true, scope, origin: named }
    return this.#invalidate('clear', everything, send, 'deleted', 'deleted')
  }

  /** `send` resolves to `false` where nothing was there: then the outcome is `absent`. */
  async #invalidate<Done, Absent>(
    operation: 'delete' | 'expire' | 'clear',
    { key, children, scope, origin }: Invalidation,
    send: () => Promise<unknown>,
    done: Done,
    absent: Absent,
  ): Promise<Done | Absent | 'failed'> {
    this.#beginInvalidation(key, children, scope)
    try {
      const wasThere = await send()
      this.#pending.storeAnswered()
      return wasThere === false ? absent : done
    } catch (error) {
      this.#addPending(error, key, children, origin)
      return this.#failsafe.absorb(operation, key?.text, error, 'failed')
    } finally {
      this.#drop(key, children, scope)
    }
  }

  /** The payload once it is compressed; `undefined` where the key was written or deleted meanwhile. */
  async #compressed(key: CacheKey, encoded: Promise<Payload>): Promise<Payload | undefined> {
    const write = { key, overtaken: false }
    this.#compressing.add(write)
    try {
      const payload = await encoded
      return write.overtaken ? undefined : payload
    } finally {
      this.#compressing.delete(write)
    }
  }

  /** Writes that are still being compressed would arrive after this: they are refused. */
  #beginInvalidation(key: CacheKey | undefined, children: boolean, scope?: RequestScope): void {
    for (const write of this.#compressing) {
      if (!key || write.key.text === key.text || (children && write.key.isWithin(key))) write.overtaken = true
    }
    this.#drop(key, children, scope)
  }

  #drop(key: CacheKey | undefined, children: boolean, scope?: RequestScope): void {
    this.#onInvalidate(key, children)
    this.#memories.drop(key, children, scope)
  }

  #addPending(
    error: unknown,
    key: CacheKey | undefined,
    children: boolean,
    origin: InvalidationOrigin,
  ): void {
    if (error instanceof CacheNotRespondingError) this.#pending.add(key, children, origin)
  }

  #originOf(origin: RequestOrigin | undefined): InvalidationOrigin {
    return { ...origin, process: this.#process }
  }
}

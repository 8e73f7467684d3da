import { compressPayload, encodeValue, type Payload } from '../codec/codec.js'
import type { NewEntry } from '../entry/body.js'
import type { CacheKey } from '../key/cache-key.js'
import { isErrorReply } from '../store/error-reply.js'
import type { Failsafe } from '../store/failsafe.js'
import type { InvalidationOrigin, Observation, Store, WriteResult } from '../store/store.js'
import type { Memories } from './memories.js'
import type { Observations } from './observations.js'
import type { ClearOutcome, DeleteOutcome, ExpireOutcome, Written } from './outcome.js'
import type { PendingInvalidations } from './pending-invalidations.js'
import type { RequestOrigin, RequestScope } from './request-scope.js'
import { UnsentWrites } from './unsent-writes.js'

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

type Lifetimes = Pick<WriteRequest, 'ttlMs' | 'graceMs'>

const FAILED: Written = { outcome: 'failed' }
const REFUSED: Written = { outcome: 'refused' }

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
  readonly #unsent = new UnsentWrites()

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
    const lifetimes = { ttlMs, graceMs }
    const observations = overwrite ? undefined : scope?.observations
    scope?.memory?.put(key, { payload: encoded })
    try {
      return await (observations?.isFill(key.text)
        ? this.#fill(key, encoded, lifetimes, observations)
        : this.#set(key, encoded, lifetimes, scope))
    } catch (error) {
      return this.#failsafe.absorb('set', key.text, error, FAILED)
    } finally {
      scope?.memory?.outdateReads(key)
    }
  }

  /** A plain write. Without a need to wait there is no wait: writes and deletes leave in the order of their calls. */
  async #set(
    key: CacheKey,
    encoded: Payload | Promise<Payload>,
    lifetimes: Lifetimes,
    scope: RequestScope | undefined,
  ): Promise<Written> {
    const covered = this.#unsent.cover(key, false)
    this.#drop(key, false)
    const unsent = encoded instanceof Promise ? this.#unsent.add(key) : undefined
    try {
      const payload = encoded instanceof Promise ? await encoded : encoded
      if (unsent) this.#unsent.remove(unsent)
      if (unsent?.covered !== undefined) {
        await unsent.covered
        return REFUSED
      }
      const entry = this.#entryOf(payload, lifetimes)
      const writing = this.#store.write(key, entry)
      unsent?.sent((origin) => this.#store.expire(key, { children: false, origin }))
      const result = await writing
      this.#pending.storeAnswered()
      return writtenAs(result, entry)
    } catch (error) {
      this.#pending.add(key, false, this.#originOf(scope?.origin()), !isErrorReply(error))
      throw error
    } finally {
      if (unsent) {
        this.#unsent.remove(unsent)
        unsent.end()
      }
      this.#drop(key, false)
      covered?.()
    }
  }

  /** A write after an observed miss. The fills of one request follow each other: the next names the result of this one. */
  async #fill(
    key: CacheKey,
    encoded: Payload | Promise<Payload>,
    lifetimes: Lifetimes,
    observations: Observations,
  ): Promise<Written> {
    this.#memories.drop(key, false)
    const observed = observations.basis(key.text)
    const filling = this.#writeOn(observed, key, encoded, lifetimes)
    observations.renew(
      key.text,
      filling.then(
        ({ basis }) => basis,
        () => observed,
      ),
    )
    try {
      return (await filling).written
    } finally {
      observations.answer(key.text)
      this.#memories.drop(key, false)
    }
  }

  /** Writes on an observation. `basis` of the result is what the next fill must name. */
  async #writeOn(
    observed: Promise<Observation | undefined>,
    key: CacheKey,
    encoded: Payload | Promise<Payload>,
    lifetimes: Lifetimes,
  ): Promise<{ readonly written: Written; readonly basis: Observation | undefined }> {
    const entry = this.#entryOf(await encoded, lifetimes)
    const basis = await observed
    if (!basis) return { written: REFUSED, basis }
    const result = await this.#store.write(key, entry, { basis })
    this.#pending.storeAnswered()
    const written = writtenAs(result, entry)
    return { written, basis: result.written ? { ...basis, frameId: result.id } : basis }
  }

  #entryOf({ bytes, format }: Payload, lifetimes: Lifetimes): NewEntry {
    return { format, payload: bytes, ...lifetimes, writtenBy: this.#process }
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
    const send = async () => {
      const behind = this.#unsent.expire(key, children, options.origin)
      const wasThere = await Promise.all([this.#store.expire(key, options), ...behind])
      return wasThere.includes(true)
    }
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
    const covered = operation === 'expire' ? undefined : this.#unsent.cover(key, children)
    this.#drop(key, children, scope)
    try {
      const wasThere = await send()
      this.#pending.storeAnswered()
      return wasThere === false ? absent : done
    } catch (error) {
      this.#pending.add(key, children, origin, !isErrorReply(error))
      return this.#failsafe.absorb(operation, key?.text, error, 'failed')
    } finally {
      this.#drop(key, children, scope)
      covered?.()
    }
  }

  #drop(key: CacheKey | undefined, children: boolean, scope?: RequestScope): void {
    this.#onInvalidate(key, children)
    this.#memories.drop(key, children, scope)
  }

  #originOf(origin: RequestOrigin | undefined): InvalidationOrigin {
    return { ...origin, process: this.#process }
  }
}

function writtenAs(result: WriteResult, entry: NewEntry): Written {
  if (result.written) return { outcome: 'stored', stored: entry }
  return { outcome: 'refused', fenced: result.fenced === true }
}

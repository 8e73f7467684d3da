import { DecodeError, decodeValue, encodeValue, type Payload } from '../codec/codec.js'
import { type EntryBody, parseBody } from '../entry.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Failsafe } from '../store/failsafe.js'
import { judge } from '../store/judge.js'
import type { Reading, Store } from '../store/store.js'
import type { ReadOutcome, WriteOutcome } from './outcome.js'
import type { RequestScope } from './request-scope.js'

export interface ChainOptions {
  readonly store: Store
  readonly failsafe: Failsafe
  /** Payloads of more bytes are compressed where it pays. */
  readonly compressAbove: number | false
  /** This process, `host:pid`: who writes. */
  readonly process: string
}

const STORE_DOWN: ReadOutcome = { hit: false, reason: 'store-down' }

/**
 * The tiers, one behind the other: request memory, then the store. A hit fills
 * the tier above it; a miss is observed where a `set` that follows it will be a
 * fill.
 */
export class TierChain {
  readonly #store: Store
  readonly #failsafe: Failsafe
  readonly #compressAbove: number | false
  readonly #process: string
  /** Writes whose values are still being compressed. */
  readonly #writes = new Set<{ readonly key: CacheKey; overtaken: boolean }>()

  constructor({ store, failsafe, compressAbove, process }: ChainOptions) {
    this.#store = store
    this.#failsafe = failsafe
    this.#compressAbove = compressAbove
    this.#process = process
  }

  /** What this request's memory holds under a key, without going any further. */
  held(key: CacheKey, scope: RequestScope | undefined): ReadOutcome | undefined {
    const slot = scope?.memory?.get(key)
    return slot && 'value' in slot ? { hit: true, value: slot.value, tier: 'request' } : undefined
  }

  async read(key: CacheKey, scope: RequestScope | undefined): Promise<ReadOutcome> {
    const memory = scope?.memory
    const slot = memory?.get(key)
    if (slot) {
      const value = 'value' in slot ? slot.value : await this.#decodeOwn(key, slot.payload, scope)
      return { hit: true, value, tier: 'request' }
    }
    const pending = memory?.beginRead(key)
    let outcome: ReadOutcome | undefined
    try {
      const found = this.#outcome(await this.#store.read(key))
      outcome = found instanceof Promise ? await found : found
      if (!outcome.hit) outcome = (await this.#observe(key, scope)) ?? outcome
    } catch (error) {
      scope?.observations?.unprovable(key.text, performance.now())
      outcome = this.#failsafe.absorb('get', key.text, error, STORE_DOWN)
    } finally {
      if (pending) memory?.endRead(pending, outcome?.hit ? outcome : undefined)
    }
    return outcome
  }

  /** Whether a read would hit, without decoding the value. A miss is observed all the same. */
  async has(key: CacheKey, scope: RequestScope | undefined): Promise<boolean> {
    if (scope?.memory?.get(key)) return true
    try {
      if (judge(await this.#store.read(key)).live) return true
      return (await this.#observe(key, scope)) !== undefined
    } catch (error) {
      scope?.observations?.unprovable(key.text, performance.now())
      return this.#failsafe.absorb('has', key.text, error, false)
    }
  }

  async write(
    key: CacheKey,
    value: unknown,
    ttlMs: number,
    scope: RequestScope | undefined,
    overwrite: boolean,
  ): Promise<WriteOutcome> {
    // The value as it is now: what its owner does to it afterwards is not stored.
    const encoded = encodeValue(value, { compressAbove: this.#compressAbove, key: key.text })
    const observations = overwrite ? undefined : scope?.observations
    const fill = observations?.isFill(key.text) ?? false
    if (!fill) this.#overtake(key, false)
    scope?.memory?.put(key, { payload: encoded })
    try {
      // Without a need to wait there is no wait: writes and deletes leave in the order of their calls.
      const payload = encoded instanceof Promise ? await this.#encoding(key, encoded) : encoded
      const basis = fill ? await observations?.basis(key.text) : undefined
      if (!payload || (fill && !basis)) return 'refused'
      const { bytes, format } = payload
      const entry = { format, payload: bytes, ttlMs, writtenBy: this.#process }
      const result = await this.#store.write(key, entry, { basis })
      if (!result.written) return 'refused'
      if (basis) observations?.renew(key.text, { ...basis, standing: result.id })
      return 'stored'
    } catch (error) {
      return this.#failsafe.absorb('set', key.text, error, 'failed')
    } finally {
      if (fill) observations?.answer(key.text)
      scope?.memory?.spoil(key)
    }
  }

  /** Whether anything was there; `undefined` when the store did not surely do it. */
  async remove(
    key: CacheKey,
    children: boolean,
    scope: RequestScope | undefined,
  ): Promise<boolean | undefined> {
    this.#overtake(key, children)
    scope?.memory?.drop(key, children)
    try {
      return await this.#store.remove(key, { children, origin: this.#origin(scope) })
    } catch (error) {
      return this.#failsafe.absorb('delete', key.text, error, undefined)
    } finally {
      scope?.memory?.drop(key, children)
    }
  }

  /** Whether the store surely did it. */
  async clear(scope: RequestScope | undefined): Promise<boolean> {
    for (const write of this.#writes) write.overtaken = true
    scope?.memory?.dropAll()
    try {
      await this.#store.clear(this.#origin(scope))
      return true
    } catch (error) {
      return this.#failsafe.absorb('clear', undefined, error, false)
    } finally {
      scope?.memory?.dropAll()
    }
  }

  /** What a frame in the store comes to for a reader; a promise only where it must be decompressed. */
  #outcome(reading: Reading): ReadOutcome | Promise<ReadOutcome> {
    const judgement = judge(reading)
    if (!judgement.live) return { hit: false, reason: judgement.reason, provenance: judgement.provenance }
    const decoded = decodeEntry(judgement.frame)
    return decoded instanceof Promise ? decoded.then(toOutcome) : toOutcome(decoded)
  }

  /**
   * Remembers what stands where a miss was, before anyone can act on the miss.
   * A value that has come in the meantime is returned: it was a hit after all.
   */
  async #observe(key: CacheKey, scope: RequestScope | undefined): Promise<ReadOutcome | undefined> {
    const observations = scope?.observations
    if (!observations) return undefined
    const now = performance.now()
    if (!observations.miss(key.text, now)) {
      await observations.basis(key.text)
      return undefined
    }
    const observing = this.#store.observe(key)
    observations.add(key.text, observing, now)
    const outcome = await this.#outcome(await observing)
    return outcome.hit ? outcome : undefined
  }

  /** The payload once it is compressed; `undefined` when its key was written or deleted meanwhile. */
  async #encoding(key: CacheKey, encoded: Promise<Payload>): Promise<Payload | undefined> {
    const write = { key, overtaken: false }
    this.#writes.add(write)
    try {
      const payload = await encoded
      return write.overtaken ? undefined : payload
    } finally {
      this.#writes.delete(write)
    }
  }

  /** A later write or delete of the key leaves before those that are still being compressed: they come to nothing. */
  #overtake(key: CacheKey, children: boolean): void {
    for (const write of this.#writes) {
      if (write.key.text === key.text || (children && write.key.isWithin(key))) write.overtaken = true
    }
  }

  async #decodeOwn(
    key: CacheKey,
    payload: Payload | Promise<Payload>,
    scope: RequestScope | undefined,
  ): Promise<unknown> {
    const pending = scope?.memory?.beginRead(key)
    const value = await decodeValue(await payload)
    if (pending) scope?.memory?.endRead(pending, { value })
    return value
  }

  #origin(scope: RequestScope | undefined) {
    return { ...scope?.origin(), process: this.#process }
  }
}

interface Decoded {
  readonly body: EntryBody
  readonly value: unknown
}

function toOutcome(decoded: Decoded | undefined): ReadOutcome {
  return decoded ? { hit: true, value: decoded.value, tier: 'store' } : { hit: false, reason: 'undecodable' }
}

/** An entry with its value, or `undefined` for bytes that cannot be read; a promise only where it must be decompressed. */
export function decodeEntry(frame: Buffer): Decoded | undefined | Promise<Decoded | undefined> {
  const body = parseBody(frame)
  if (!body) return undefined
  try {
    const value = decodeValue({ bytes: body.payload, format: body.format })
    return value instanceof Promise
      ? value.then((inflated) => ({ body, value: inflated }), unreadable)
      : { body, value }
  } catch (error) {
    return unreadable(error)
  }
}

function unreadable(error: unknown): undefined {
  if (!(error instanceof DecodeError)) throw error
}

import { channel } from 'node:diagnostics_channel'
import type { Provenance } from './entry/provenance.js'
import type { KeyedCacheError } from './errors.js'

/**
 * One operation of a cache, published on the channel `CHANNELS.operation` of `node:diagnostics_channel` when it ends. It
 * costs almost nothing without subscribers. It is published in the async context of the caller, so your own
 * `AsyncLocalStorage` identifies the request. A miss of a deleted or absent key is published one round trip later,
 * since its reason is looked up first.
 * @example
 * import { subscribe } from 'node:diagnostics_channel'
 * import { CHANNELS, type OperationMessage } from 'keyedcache'
 *
 * subscribe(CHANNELS.operation, (message) => {
 *   const { operation, key, outcome, durationMs } = message as OperationMessage
 *   console.log(operation, key, outcome, durationMs)
 * })
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
export interface OperationMessage {
  readonly operation: 'get' | 'has' | 'set' | 'delete' | 'expire' | 'clear' | 'compute'
  /** The key's text; empty for `clear`. */
  readonly key: string
  /**
   * Result of the operation:
   * - of a read: `hit` or `miss`
   * - of a `set`: `stored`, `refused` (a fill after an invalidation), or `skipped` (caching is off, or the request bypasses it)
   * - of a `delete` or a `clear`: `deleted`, or `absent` where there was nothing
   * - of an `expire`: `expired`, or `absent` where there was nothing
   * - of a `compute`, which is one run of a factory: `computed`
   * - of each of them: `failed`, which of an invalidation means that the store did not confirm it
   */
  readonly outcome:
    | 'hit'
    | 'miss'
    | 'stored'
    | 'refused'
    | 'skipped'
    | 'deleted'
    | 'expired'
    | 'absent'
    | 'computed'
    | 'failed'
  /** Whether a `delete` or an `expire` includes everything below the key. */
  readonly children?: boolean | undefined
  /** Tier in which a hit was found. */
  readonly tier?: 'request' | 'process' | 'store' | undefined
  /** Reason of a miss or of a skipped `set`: see `MissReason`. */
  readonly reason?: string | undefined
  /** Origin of the delete that caused a miss. */
  readonly provenance?: Provenance | undefined
  /** Milliseconds. */
  readonly durationMs: number
}

/** An operation that the store did not confirm, published on the channel `CHANNELS.storeFailure`. */
export interface StoreFailureMessage {
  /** The operation that failed: `get`, `set`, `getOrSet`, `delete`, …. */
  readonly operation: string
  /** The key's text; `undefined` where the operation was about no single key. */
  readonly key: string | undefined
  /** The failure. Callers got a miss or `false` instead, unless `throwOnStoreError` is set. */
  readonly error: KeyedCacheError
}

/** Names of the channels for `subscribe` of `node:diagnostics_channel`. */
export const CHANNELS = {
  /** Each operation of each cache: an `OperationMessage`. */
  operation: 'keyedcache:operation',
  /** Each failure of a store: a `StoreFailureMessage`. */
  storeFailure: 'keyedcache:store-failure',
} as const

export const operations = channel(CHANNELS.operation)
export const storeFailures = channel(CHANNELS.storeFailure)

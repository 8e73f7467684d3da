import { channel } from 'node:diagnostics_channel'
import type { Provenance } from './entry/provenance.js'
import type { KeyedCacheError } from './errors.js'

/**
 * What is published on `node:diagnostics_channel`; near-free while nobody
 * listens. Messages are published in the async context of the caller, so an
 * `AsyncLocalStorage` of one's own says which request they belong to.
 *
 * A message comes when its operation ends. A miss of a key that was deleted, or
 * has nothing in its place, comes one round trip later: its reason is the one
 * that `inspect` gives, and is looked up first.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html
 */
export interface OperationMessage {
  readonly operation: 'get' | 'has' | 'set' | 'delete' | 'expire' | 'clear' | 'compute'
  /** The key's text; empty for `clear`. */
  readonly key: string
  /**
   * Of a read `hit`, `miss`; of a `set` `stored`, `refused` (a fill that was fenced), `skipped` (it was
   * done without the cache); of a delete `deleted`, `absent` (nothing was there); of an `expire` `expired`,
   * `absent`; of all these `failed`: not surely done.
   * Of a `compute`, that is a run of a factory, `computed`, `failed`.
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
  /** Whether a delete or an `expire` took everything below along. */
  readonly children?: boolean | undefined
  /** Which tier answered a hit. */
  readonly tier?: 'request' | 'process' | 'store' | undefined
  /** Why it missed, or was skipped. */
  readonly reason?: string | undefined
  /** Who deleted it, where that is why it missed. */
  readonly provenance?: Provenance | undefined
  readonly durationMs: number
}

/** An operation that the store did not surely carry out, and what was answered instead. */
export interface StoreFailureMessage {
  readonly operation: string
  readonly key: string | undefined
  readonly error: KeyedCacheError
}

/** Names of the channels, for `diagnostics_channel.subscribe`. */
export const CHANNELS = {
  operation: 'keyedcache:operation',
  storeFailure: 'keyedcache:store-failure',
} as const

export const operations = channel(CHANNELS.operation)
export const storeFailures = channel(CHANNELS.storeFailure)

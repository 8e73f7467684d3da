import { channel } from 'node:diagnostics_channel'
import type { KeyedCacheError } from './errors.js'

/** An operation that the store did not confirm. It is published before the operation returns its fallback, or throws. */
export interface StoreFailureMessage {
  /**
   * The operation of the cache that failed. The methods for many keys fail as those for one: `getMany` as `get`. A
   * cached function, and the storing of a computed value, fail as `getOrSet`.
   */
  readonly operation: 'get' | 'getOrSet' | 'has' | 'set' | 'delete' | 'expire' | 'clear'
  /** Text of the key; undefined where the operation concerned none. */
  readonly key: string | undefined
  readonly error: KeyedCacheError
}

/**
 * A circuit breaker has opened, since its server does not respond: calls fail at once. Or it has closed again. Unlike the
 * other messages it belongs to no caller.
 */
export interface BreakerMessage {
  /** The server: `redis 127.0.0.1:6379/0`. */
  readonly server: string
  readonly state: 'closed' | 'open'
  /** The failure for which it has opened; undefined once it has closed. */
  readonly error: KeyedCacheError | undefined
  /** For how long it was open, in milliseconds; undefined where it has opened. */
  readonly openMs: number | undefined
}

/**
 * Names of the channels of `node:diagnostics_channel`, for `subscribe`. Publishing costs almost nothing without
 * subscribers. Messages are published in the async context of the caller, so that an `AsyncLocalStorage` of the
 * application identifies the request.
 * @example subscribe(CHANNELS.operation, (message) => console.log(message))
 * @see https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html
 */
export const CHANNELS = {
  operation: 'keyedcache:operation',
  storeFailure: 'keyedcache:store-failure',
  breaker: 'keyedcache:breaker',
} as const

export const operations = channel(CHANNELS.operation)
export const storeFailures = channel(CHANNELS.storeFailure)
export const breakers = channel(CHANNELS.breaker)

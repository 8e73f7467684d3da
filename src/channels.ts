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
 * Names of the channels of `node:diagnostics_channel`, for `subscribe`. Publishing costs almost nothing without
 * subscribers. Messages are published in the async context of the caller, so that an `AsyncLocalStorage` of the
 * application identifies the request.
 * @example subscribe(CHANNELS.operation, (message) => console.log(message))
 * @see https://nodejs.org/docs/latest-v20.x/api/diagnostics_channel.html
 */
export const CHANNELS = {
  operation: 'keyedcache:operation',
  storeFailure: 'keyedcache:store-failure',
} as const

export const operations = channel(CHANNELS.operation)
export const storeFailures = channel(CHANNELS.storeFailure)

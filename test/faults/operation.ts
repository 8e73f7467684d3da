import type { KeyedCache } from '../../src/cache.js'
import type { CacheOptions } from '../../src/options.js'
import type { Answer } from '../helpers/http.js'

/** What an operation needs of the store. One that needs several things is served where it gets all of them. */
export type Need =
  | 'read'
  | 'fill'
  | 'write'
  | 'invalidate'
  | 'peek'
  | 'list'
  | 'usage'
  | 'check'
  | 'report'
  | 'history'
  | 'secret'

/** The cache that an operation is called on, and its dashboard. */
export interface Subject {
  readonly cache: KeyedCache
  /** Requests a page of the dashboard, as staff. */
  ask(path: string, form?: Readonly<Record<string, string>>): Promise<Answer>
}

/** What a caller gets: a value, or the code of an error. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** One public operation, as it is documented. */
export interface Operation {
  readonly name: string
  readonly needs: readonly Need[]
  run(subject: Subject): Promise<unknown>
  /** Options of its cache. */
  readonly options?: CacheOptions
  /** Happens before the fault, with another process that the fault may not reach. */
  readonly before?: (subject: Subject, other: KeyedCache) => Promise<unknown>
  /** Done by that process during the fault. */
  readonly meanwhile?: (other: KeyedCache) => Promise<unknown>
  /** Outcome while the store provides what the operation needs. */
  readonly served: Outcome
  /** Outcome while it does not. */
  readonly failed: Outcome
  /**
   * Outcome with `throwOnStoreError` where the store is read, and takes no writes.
   * @default {@link NOT_RESPONDING}
   */
  readonly readOnly?: Outcome
  /** The outcomes in words, where a value does not say them. */
  readonly inWords?: { readonly served?: string; readonly failed?: string }
  /** Keys whose old value no process may read once the store is back. */
  readonly invalidates?: readonly string[]
  /** Whether it refreshes values in the background. */
  readonly refreshes?: true
  /** Whether the cache is of no use after it. */
  readonly ends?: true
  /** Whether it may fail or be served, since it has begun before the fault, or needs the store only for a proof. */
  readonly varies?: true
  /** Whether it is a page of the dashboard, which is shown with `throwOnStoreError` too. */
  readonly isPage?: boolean
  /** How many deadlines of the store it may take, one after the other. @default 1 */
  readonly deadlines?: number
}

export const value = (result: unknown): Outcome => ({ value: result })
/** Outcome of an operation of a cache with `throwOnStoreError`, while the store does not provide what it needs. */
export const NOT_RESPONDING: Outcome = { error: 'ERR_KEYEDCACHE_NOT_RESPONDING' }

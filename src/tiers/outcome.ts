import type { NewEntry } from '../entry/body.js'
import type { Provenance } from '../entry/provenance.js'
import type { AbsenceReason } from '../store/liveness.js'

/** The tier that returned a value: request memory, process memory or the store. */
export type Tier = 'request' | 'process' | 'store'

/** Why a read was a miss. */
export type MissReason =
  | AbsenceReason
  /** The entry is past its TTL, or was marked stale. */
  | 'expired'
  /** The entry was gone before its TTL: evicted by a full store, or lost with a restart. Found out after the read. */
  | 'evicted'
  /** The last computed value was not stored, because the key was invalidated meanwhile. Found out after the read. */
  | 'fenced'
  /** The last computation failed, and `errorTtl` keeps that failure. */
  | 'failed'
  /** `validate` rejected the stored value. */
  | 'invalid'
  /** This process has invalidated the key, and the store has not confirmed it yet. */
  | 'pending-invalidation'
  /** Caching is switched off. */
  | 'disabled'
  /** The request bypasses the cache, on behalf of staff. */
  | 'bypassed'
  /** The store failed. */
  | 'store-down'

/** A read that found no value. */
export interface Miss {
  readonly hit: false
  readonly reason: MissReason
  readonly provenance?: Provenance | undefined
}

/** A read that found a value. */
export interface Hit {
  readonly hit: true
  readonly value: unknown
  readonly tier: Tier
  /** How long computing the value took, where that is known. */
  readonly computingMs?: number
}

/** The result of a read. */
export type ReadOutcome = Hit | Miss

export const STORE_DOWN: Miss = { hit: false, reason: 'store-down' }

/**
 * The result of a `set`. `refused`: the key was invalidated since this request found it missing. `skipped`: caching was
 * off, for everyone or for this request. `failed`: the store did not confirm it.
 */
export type WriteOutcome = 'stored' | 'refused' | 'skipped' | 'failed'

/** The result of a delete. `absent`: the key was not there. `failed`: the store did not confirm it. */
export type DeleteOutcome = 'deleted' | 'absent' | 'failed'

/** The result of a soft expiry. `absent`: the key was not there. `failed`: the store did not confirm it. */
export type ExpireOutcome = 'expired' | 'absent' | 'failed'

/** The result of `clear`. `failed`: the store did not confirm it. */
export type ClearOutcome = Exclude<DeleteOutcome, 'absent'>

/** The result of a `getOrSet` that found no fresh value: `stale` returned an old one, `waited` joined a computation. */
export type ComputeOutcome = 'stale' | 'computed' | 'waited' | 'failed'

/** The result of any call of the cache. */
export type CallOutcome =
  | 'hit'
  | 'miss'
  | ComputeOutcome
  | WriteOutcome
  | DeleteOutcome
  | ExpireOutcome
  | ClearOutcome

/** The result of a `set`, for the record. */
export interface Written {
  readonly outcome: WriteOutcome
  /** The stored entry. */
  readonly stored?: NewEntry
  /** Whether it was refused because its key was invalidated, and no value has been stored since. */
  readonly fenced?: boolean
  /** Reason of a skipped `set`. */
  readonly reason?: MissReason
}

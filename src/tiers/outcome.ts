import type { NewEntry } from '../entry/body.js'
import type { Provenance } from '../entry/provenance.js'
import type { AbsenceReason } from '../store/judge.js'

/** Which tier answered: this request's memory, the process's, or the store. */
export type Tier = 'request' | 'process' | 'store'

/** Why a read was a miss. */
export type MissReason =
  | AbsenceReason
  /** It is past its TTL; it may stand by its grace still. */
  | 'expired'
  /** It was gone before its TTL: evicted by a full store, or lost with a restart. Found out after the read. */
  | 'evicted'
  /** The last value of it was not stored, since the key was invalidated meanwhile. Found out after the read. */
  | 'fenced'
  /** Computing it failed a moment ago, and that is what stands there. */
  | 'failed'
  /** What stands there is not what `validate` wants. */
  | 'invalid'
  /** This process has invalidated it, and the store does not know yet. */
  | 'pending-invalidation'
  /** Caching is switched off. */
  | 'disabled'
  /** The request does without the cache: staff asked for it. */
  | 'bypassed'
  /** The store did not answer. */
  | 'store-down'

/** A read that came to nothing. */
export interface Miss {
  readonly hit: false
  readonly reason: MissReason
  readonly provenance?: Provenance | undefined
}

/** What a read came to. */
export type ReadOutcome =
  | Miss
  | {
      readonly hit: true
      readonly value: unknown
      readonly tier: Tier
      /** How long it took to compute, where that is known. */
      readonly computingMs?: number
    }

/**
 * What a `set` came to: `refused` is a fill whose key was invalidated since its
 * miss, `skipped` one while caching was off, for all or for its request, `failed` one that did not surely
 * reach the store.
 */
export type WriteOutcome = 'stored' | 'refused' | 'skipped' | 'failed'

/** The same with what was stored, if it was. */
export interface Written {
  readonly outcome: WriteOutcome
  readonly stored?: NewEntry
  /** It was refused for an invalidation after which no value came, as far as the store tells. */
  readonly fenced?: boolean
  /** Why it was done without the cache, if it was. */
  readonly reason?: MissReason
}

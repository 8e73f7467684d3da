import type { Provenance } from '../entry/provenance.js'
import type { LoggedCall } from '../tiers/call-log.js'
import type { CallOutcome, MissReason, Tier } from '../tiers/outcome.js'

/**
 * An operation of the cache, published on `CHANNELS.operation` when it has ended. A miss of a key without an entry is
 * published one round trip later, because its reason, the one that `inspect` gives, is looked up first.
 */
export interface OperationMessage {
  /** Method that was called; `getOrSet` and cached functions publish `get`, and `compute` for each call of a factory. */
  readonly operation: Exclude<LoggedCall['operation'], 'getOrSet'> | 'compute'
  /** Text of the key; empty for `clear`. */
  readonly key: string
  /**
   * Result of the operation:
   * - `get`, `has`: `hit`, `miss`
   * - `set`: `stored`, `refused` (invalidated since it was found missing), `skipped` (caching was off), `failed`
   * - `delete`: `deleted`, `absent`, `failed`
   * - `expire`: `expired`, `absent`, `failed`
   * - `clear`: `deleted`, `failed`
   * - `compute`: `computed`, `failed`
   *
   * `failed` of a write or an invalidation: the store did not confirm it.
   */
  readonly outcome: Exclude<CallOutcome, 'stale' | 'waited'>
  /** Whether a delete or a soft expiry included everything below the key. */
  readonly children?: boolean | undefined
  /** Tier that returned a hit. */
  readonly tier?: Tier | undefined
  /** Reason of a miss, or of a skipped operation. */
  readonly reason?: MissReason | undefined
  /** Origin of the delete that caused a miss. */
  readonly provenance?: Provenance | undefined
  /** Duration of the operation, in milliseconds. */
  readonly durationMs: number
}

import { AsyncLocalStorage } from 'node:async_hooks'
import { operations } from '../channels.js'
import { lifetimeOf, type NewEntry } from '../entry/body.js'
import type { KeyedCacheError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Miss, MissReason, ReadOutcome, Written } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Counters } from './counters.js'
import type { EventLog, InvalidationResult } from './event-log.js'
import type { KeyHistoryLog } from './key-history-log.js'
import type { Counter } from './metrics.js'
import type { MissLog } from './miss-log.js'
import type { OperationMessage } from './operation-message.js'

/** Where operations are recorded; without counters nothing is counted. */
export interface Recording {
  readonly counters?: Counters
  readonly events: EventLog
  readonly keyHistory: KeyHistoryLog
  readonly misses: MissLog
}

/**
 * Records each operation: in the counters, on the diagnostics channel, and in the request log of its scope. `startedAt`
 * is when it began, by `performance.now()`. A `getOrSet` is logged by its `OpenCall`.
 */
export class Recorder {
  readonly #counters: Counters | undefined
  readonly #events: EventLog
  readonly #keyHistory: KeyHistoryLog
  readonly #misses: MissLog

  constructor({ counters, events, keyHistory, misses }: Recording) {
    this.#counters = counters
    this.#events = events
    this.#keyHistory = keyHistory
    this.#misses = misses
  }

  read(key: CacheKey, outcome: ReadOutcome, startedAt: number, scope?: RequestScope): void {
    this.reads(key, outcome, [startedAt])
    if (scope?.log) {
      const result = outcome.hit
        ? ({ outcome: 'hit', tier: outcome.tier } as const)
        : ({ outcome: 'miss', reason: outcome.reason } as const)
      scope.log.add({ operation: 'get', key: key.text, ...result }, startedAt)
    }
  }

  /** Records coalesced reads, the first to begin first. */
  reads(key: CacheKey, outcome: ReadOutcome, startedAts: readonly number[]): void {
    if (this.#counters) {
      const now = performance.now()
      const { family } = key
      for (const startedAt of startedAts) {
        if (outcome.hit) this.#counters.hit(family, outcome.tier, now - startedAt, outcome.computingMs ?? 0)
        else this.#counters.miss(family, outcome.reason, now - startedAt)
      }
    }
    if (!outcome.hit) this.#missed(key, outcome, startedAts)
    else if (operations.hasSubscribers)
      for (const startedAt of startedAts)
        publish(startedAt, { operation: 'get', key: key.text, outcome: 'hit', tier: outcome.tier })
  }

  /** Misses are published when their reason is known, which is then the one that `inspect` gives. */
  #missed(key: CacheKey, { reason, provenance }: Miss, startedAts: readonly number[]): void {
    const counted = this.#counters ? startedAts.length : 0
    const [first = 0] = startedAts
    if (!operations.hasSubscribers) {
      if (counted > 0) this.#misses.add(key, reason, first, counted)
      return
    }
    const now = performance.now()
    const inContext = AsyncLocalStorage.snapshot()
    const publishAs = (found: MissReason) => {
      const message = { operation: 'get', key: key.text, outcome: 'miss', reason: found, provenance } as const
      inContext(() => {
        for (const startedAt of startedAts) publish(startedAt, message, now)
      })
    }
    if (!this.#misses.add(key, reason, first, counted, publishAs)) publishAs(reason)
  }

  /** `skipped` is why the cache was not read, if it was not. */
  has(key: CacheKey, found: boolean, startedAt: number, scope?: RequestScope, skipped?: MissReason): void {
    const result = { outcome: found ? 'hit' : 'miss', ...(skipped && { reason: skipped }) } as const
    scope?.log?.add({ operation: 'has', key: key.text, ...result }, startedAt)
    publish(startedAt, { operation: 'has', key: key.text, ...result })
  }

  write(
    key: CacheKey,
    { outcome, stored, fenced, reason }: Written,
    startedAt: number,
    scope?: RequestScope,
  ): void {
    if (stored) {
      this.count(key, 'writes')
      this.stored(key, stored, startedAt)
    }
    if (outcome === 'refused') {
      this.count(key, 'refusedFills')
      if (fenced) this.#keyHistory.fenced(key)
    }
    const result = { outcome, ...(reason && { reason }) } as const
    scope?.log?.add({ operation: 'set', key: key.text, ...result }, startedAt)
    publish(startedAt, { operation: 'set', key: key.text, ...result })
  }

  delete(key: CacheKey, result: InvalidationResult, startedAt: number, scope?: RequestScope): void {
    const { children = false } = result
    this.count(key, 'deletes')
    if (children) this.count(key, 'treeDeletes')
    this.#keyHistory.deleted(key, children)
    this.#invalidated('delete', key, result, startedAt, scope)
  }

  expire(key: CacheKey, result: InvalidationResult, startedAt: number, scope?: RequestScope): void {
    this.count(key, 'expires')
    this.#invalidated('expire', key, result, startedAt, scope)
  }

  /** A set or computed value is in the store; its write began at `startedAt`. */
  stored(key: CacheKey, entry: NewEntry, startedAt: number): void {
    this.count(key, 'storedBytes', entry.payload.length)
    this.#keyHistory.written(key, startedAt, lifetimeOf(entry))
  }

  /** A computed value was not stored: its key was invalidated meanwhile, or the lease was lost. */
  fenced(key: CacheKey, isInvalidated: boolean): void {
    this.count(key, 'fencedCommits')
    if (isInvalidated) this.#keyHistory.fenced(key)
  }

  /** A factory that was called at `startedAt` has ended. */
  computed(key: CacheKey, startedAt: number, failed: boolean): void {
    this.#counters?.computation(key.family, performance.now() - startedAt, failed)
    publish(startedAt, { operation: 'compute', key: key.text, outcome: failed ? 'failed' : 'computed' })
  }

  count(key: CacheKey, counter: Counter, times = 1): void {
    this.#counters?.count(key.family, counter, times)
  }

  clear(result: InvalidationResult, startedAt: number, scope?: RequestScope): void {
    const { outcome } = result
    scope?.log?.add({ operation: 'clear', key: '', outcome }, startedAt)
    this.#counters?.countForCache('clears')
    this.#keyHistory.cleared()
    this.#events.invalidated('clear', '', result)
    publish(startedAt, { operation: 'clear', key: '', outcome })
  }

  #invalidated(
    operation: 'delete' | 'expire',
    key: CacheKey,
    result: InvalidationResult,
    startedAt: number,
    scope: RequestScope | undefined,
  ): void {
    const { children = false, outcome } = result
    scope?.log?.add({ operation, key: key.text, outcome, ...(children && { children }) }, startedAt)
    this.#events.invalidated(operation, key.text, result)
    publish(startedAt, { operation, key: key.text, children, outcome })
  }

  /** The store did not confirm an operation. */
  storeFailed(operation: string, key: string | undefined, error: KeyedCacheError): void {
    this.#counters?.countForCache('storeFailures')
    this.#events.storeFailed(operation, key, error)
  }
}

function publish(
  startedAt: number,
  message: Omit<OperationMessage, 'durationMs'>,
  ended = performance.now(),
): void {
  if (!operations.hasSubscribers) return
  operations.publish({ ...message, durationMs: ended - startedAt } satisfies OperationMessage)
}

import { AsyncLocalStorage } from 'node:async_hooks'
import { lifetimeOf, type NewEntry } from '../entry/body.js'
import type { KeyedCacheError } from '../errors.js'
import { type OperationMessage, operations } from '../events.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Miss, MissReason, ReadOutcome, Written } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { ComputeFigure, Counters } from './counters.js'
import type { EventLog, Invalidation } from './event-log.js'
import type { MissLog } from './miss-log.js'
import type { TraceLog } from './trace-log.js'

/** Where operations are recorded; without counters nothing is counted. */
export interface Recording {
  readonly counters?: Counters
  readonly events: EventLog
  readonly traces: TraceLog
  readonly misses: MissLog
}

/**
 * Counts each operation and tells whoever listens, and the request log of the request, if its scope has one; `left` is when
 * it began, by `performance.now()`. A `getOrSet` is put into the request log once it has ended: see `OpenCall`.
 */
export class Recorder {
  readonly #counters: Counters | undefined
  readonly #events: EventLog
  readonly #traces: TraceLog
  readonly #misses: MissLog

  constructor({ counters, events, traces, misses }: Recording) {
    this.#counters = counters
    this.#events = events
    this.#traces = traces
    this.#misses = misses
  }

  read(key: CacheKey, outcome: ReadOutcome, left: number, scope?: RequestScope): void {
    this.reads(key, outcome, [left])
    if (scope?.log) {
      const came = outcome.hit
        ? ({ outcome: 'hit', tier: outcome.tier } as const)
        : ({ outcome: 'miss', reason: outcome.reason } as const)
      scope.log.add({ operation: 'get', key: key.text, ...came }, left)
    }
  }

  /** Reads that came to the same together; `lefts` is when each began, the first of them first. */
  reads(key: CacheKey, outcome: ReadOutcome, lefts: readonly number[]): void {
    if (this.#counters) {
      const now = performance.now()
      const { family } = key
      for (const left of lefts) {
        if (outcome.hit) this.#counters.hit(family, outcome.tier, now - left, outcome.computingMs ?? 0)
        else this.#counters.miss(family, outcome.reason, now - left)
      }
    }
    if (!outcome.hit) this.#missed(key, outcome, lefts)
    else if (operations.hasSubscribers)
      for (const left of lefts)
        publish(left, { operation: 'get', key: key.text, outcome: 'hit', tier: outcome.tier })
  }

  /** Misses are published with the reason that `inspect` gives, once that is known. */
  #missed(key: CacheKey, { reason, provenance }: Miss, lefts: readonly number[]): void {
    const counted = this.#counters ? lefts.length : 0
    const [first = 0] = lefts
    if (!operations.hasSubscribers) {
      if (counted > 0) this.#misses.add(key, reason, first, counted)
      return
    }
    const now = performance.now()
    const inContext = AsyncLocalStorage.snapshot()
    const publishAs = (found: MissReason) => {
      const message = { operation: 'get', key: key.text, outcome: 'miss', reason: found, provenance } as const
      inContext(() => {
        for (const left of lefts) publish(left, message, now)
      })
    }
    if (!this.#misses.add(key, reason, first, counted, publishAs)) publishAs(reason)
  }

  /** `without` is why it was done without the cache, if it was. */
  has(key: CacheKey, found: boolean, left: number, scope?: RequestScope, without?: MissReason): void {
    const came = { outcome: found ? 'hit' : 'miss', ...(without && { reason: without }) } as const
    scope?.log?.add({ operation: 'has', key: key.text, ...came }, left)
    publish(left, { operation: 'has', key: key.text, ...came })
  }

  write(
    key: CacheKey,
    { outcome, stored, fenced, reason }: Written,
    left: number,
    scope?: RequestScope,
  ): void {
    if (stored) {
      this.#counters?.write(key.family)
      this.stored(key, stored, left)
    }
    if (outcome === 'refused') {
      this.#counters?.refusedFill(key.family)
      if (fenced) this.#traces.fenced(key)
    }
    const came = { outcome, ...(reason && { reason }) } as const
    scope?.log?.add({ operation: 'set', key: key.text, ...came }, left)
    publish(left, { operation: 'set', key: key.text, ...came })
  }

  delete(key: CacheKey, invalidation: Invalidation, left: number, scope?: RequestScope): void {
    const { children = false } = invalidation
    this.#counters?.delete(key.family, children)
    this.#traces.deleted(key, children)
    this.#invalidated('delete', key, invalidation, left, scope)
  }

  expire(key: CacheKey, invalidation: Invalidation, left: number, scope?: RequestScope): void {
    this.#counters?.expire(key.family)
    this.#invalidated('expire', key, invalidation, left, scope)
  }

  /** A value that was set or computed stands in the store since `left` at the earliest. */
  stored(key: CacheKey, entry: NewEntry, left: number): void {
    this.#counters?.stored(key.family, entry.payload.length)
    this.#traces.written(key, left, lifetimeOf(entry))
  }

  /** A value that was computed was not stored, because its key was invalidated meanwhile, or the lease was lost. */
  fenced(key: CacheKey, isInvalidated: boolean): void {
    this.count(key, 'fencedCommits')
    if (isInvalidated) this.#traces.fenced(key)
  }

  /** A factory has run since `began`. */
  computed(key: CacheKey, began: number, failed: boolean): void {
    this.#counters?.computation(key.family, performance.now() - began, failed)
    publish(began, { operation: 'compute', key: key.text, outcome: failed ? 'failed' : 'computed' })
  }

  count(key: CacheKey, figure: ComputeFigure, times = 1): void {
    this.#counters?.count(key.family, figure, times)
  }

  clear(invalidation: Invalidation, left: number, scope?: RequestScope): void {
    const { outcome } = invalidation
    scope?.log?.add({ operation: 'clear', key: '', outcome }, left)
    this.#counters?.clear()
    this.#traces.cleared()
    this.#events.invalidated('clear', '', invalidation)
    publish(left, { operation: 'clear', key: '', outcome })
  }

  #invalidated(
    operation: 'delete' | 'expire',
    key: CacheKey,
    invalidation: Invalidation,
    left: number,
    scope: RequestScope | undefined,
  ): void {
    const { children = false, outcome } = invalidation
    scope?.log?.add({ operation, key: key.text, outcome, ...(children && { children }) }, left)
    this.#events.invalidated(operation, key.text, invalidation)
    publish(left, { operation, key: key.text, children, outcome })
  }

  /** The store did not surely carry out an operation. */
  trouble(operation: string, key: string | undefined, error: KeyedCacheError): void {
    this.#counters?.trouble()
    this.#events.failed(operation, key, error)
  }
}

function publish(
  left: number,
  message: Omit<OperationMessage, 'durationMs'>,
  ended = performance.now(),
): void {
  if (!operations.hasSubscribers) return
  operations.publish({ ...message, durationMs: ended - left } satisfies OperationMessage)
}

import type { KeyedCacheError } from '../errors.js'
import { type OperationMessage, operations } from '../events.js'
import type { CacheKey } from '../key/cache-key.js'
import type { ReadOutcome, WriteOutcome } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { ComputeFigure, Counters } from './counters.js'
import type { EventLog, Invalidation } from './event-log.js'

/**
 * Counts each operation and tells whoever listens, and the ledger of the request, if its scope has one; `left` is when
 * it began, by `performance.now()`. A `getOrSet` is put into the ledger once it has ended: see `OpenCall`.
 */
export class Recorder {
  readonly #counters: Counters | undefined
  readonly #events: EventLog

  /** Without counters nothing is counted. */
  constructor(counters: Counters | undefined, events: EventLog) {
    this.#counters = counters
    this.#events = events
  }

  read(key: CacheKey, outcome: ReadOutcome, left: number, scope?: RequestScope): void {
    if (this.#counters) {
      const ms = performance.now() - left
      if (outcome.hit) this.#counters.hit(key.family, outcome.tier, ms, outcome.computingMs ?? 0)
      else this.#counters.miss(key.family, outcome.reason, ms)
    }
    if (scope?.log) {
      const came = outcome.hit
        ? ({ outcome: 'hit', tier: outcome.tier } as const)
        : ({ outcome: 'miss', reason: outcome.reason } as const)
      scope.log.add({ operation: 'get', key: key.text, ...came }, left)
    }
    if (!operations.hasSubscribers) return
    if (outcome.hit) publish(left, { operation: 'get', key: key.text, outcome: 'hit', tier: outcome.tier })
    else {
      const { reason, provenance } = outcome
      publish(left, { operation: 'get', key: key.text, outcome: 'miss', reason, provenance })
    }
  }

  has(key: CacheKey, found: boolean, left: number, scope?: RequestScope): void {
    scope?.log?.add({ operation: 'has', key: key.text, outcome: found ? 'hit' : 'miss' }, left)
    publish(left, { operation: 'has', key: key.text, outcome: found ? 'hit' : 'miss' })
  }

  write(key: CacheKey, outcome: WriteOutcome, left: number, scope?: RequestScope): void {
    if (outcome === 'stored') this.#counters?.write(key.family)
    if (outcome === 'refused') this.#counters?.refusedFill(key.family)
    scope?.log?.add({ operation: 'set', key: key.text, outcome }, left)
    publish(left, { operation: 'set', key: key.text, outcome })
  }

  delete(key: CacheKey, invalidation: Invalidation, left: number, scope?: RequestScope): void {
    this.#counters?.delete(key.family, invalidation.children === true)
    this.#invalidated('delete', key, invalidation, left, scope)
  }

  expire(key: CacheKey, invalidation: Invalidation, left: number, scope?: RequestScope): void {
    this.#counters?.expire(key.family)
    this.#invalidated('expire', key, invalidation, left, scope)
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

function publish(left: number, message: Omit<OperationMessage, 'durationMs'>): void {
  if (!operations.hasSubscribers) return
  operations.publish({ ...message, durationMs: performance.now() - left } satisfies OperationMessage)
}

import { type OperationMessage, operations } from '../events.js'
import type { CacheKey } from '../key/cache-key.js'
import type { ReadOutcome, WriteOutcome } from '../tiers/outcome.js'
import type { ComputeFigure, Counters } from './counters.js'

/** What a delete came to: `absent` when nothing was there, `failed` when it did not surely reach the store. */
export type DeleteOutcome = 'deleted' | 'absent' | 'failed'

/** Counts each operation and tells whoever listens; `left` is when it began, by `performance.now()`. */
export class Recorder {
  readonly #counters: Counters

  constructor(counters: Counters) {
    this.#counters = counters
  }

  read(key: CacheKey, outcome: ReadOutcome, left: number): void {
    const ms = performance.now() - left
    if (outcome.hit) this.#counters.hit(key.family, outcome.tier, ms, outcome.computingMs ?? 0)
    else this.#counters.miss(key.family, outcome.reason, ms)
    if (!operations.hasSubscribers) return
    if (outcome.hit) publish(left, { operation: 'get', key: key.text, outcome: 'hit', tier: outcome.tier })
    else {
      const { reason, provenance } = outcome
      publish(left, { operation: 'get', key: key.text, outcome: 'miss', reason, provenance })
    }
  }

  has(key: CacheKey, found: boolean, left: number): void {
    publish(left, { operation: 'has', key: key.text, outcome: found ? 'hit' : 'miss' })
  }

  write(key: CacheKey, outcome: WriteOutcome, left: number): void {
    if (outcome === 'stored') this.#counters.write(key.family)
    if (outcome === 'refused') this.#counters.refusedFill(key.family)
    publish(left, { operation: 'set', key: key.text, outcome })
  }

  delete(key: CacheKey, children: boolean, outcome: DeleteOutcome, left: number): void {
    this.#counters.delete(key.family, children)
    publish(left, { operation: 'delete', key: key.text, children, outcome })
  }

  /** A factory has run since `began`. */
  computed(key: CacheKey, began: number, failed: boolean): void {
    this.#counters.computation(key.family, performance.now() - began, failed)
    publish(began, { operation: 'compute', key: key.text, outcome: failed ? 'failed' : 'computed' })
  }

  count(key: CacheKey, figure: ComputeFigure, times = 1): void {
    this.#counters.count(key.family, figure, times)
  }

  clear(outcome: DeleteOutcome, left: number): void {
    this.#counters.clear()
    publish(left, { operation: 'clear', key: '', outcome })
  }
}

function publish(left: number, message: Omit<OperationMessage, 'durationMs'>): void {
  if (!operations.hasSubscribers) return
  operations.publish({ ...message, durationMs: performance.now() - left } satisfies OperationMessage)
}

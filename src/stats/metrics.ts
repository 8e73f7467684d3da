import type { MissReason } from '../tiers/outcome.js'
import type { Latency } from './latency.js'

/** One row of the table of metrics. */
interface Metric {
  /** `family`: counted for each family of keys. `cache`: counted once for the whole cache. */
  readonly per: 'family' | 'cache'
  /** `counter`: a sum. `reasons`: a sum for each reason of a miss. `latency`: a histogram for each of `of`. */
  readonly kind: 'counter' | 'reasons' | 'latency'
  /** Unit of a sum. Times may be fractions of a millisecond; all others are whole numbers. */
  readonly unit?: 'calls' | 'values' | 'bytes' | 'ms'
  /** Also a part of the history, summed over all families. */
  readonly inHistory?: true
  /** Names of the histograms. */
  readonly of?: readonly string[]
}

/**
 * Every metric of a cache. Types, sums, reports to the store, what is read back, and JSON follow from this table. A new
 * metric is one row here, one call of `Recorder.count` where it happens, and one line on the page that shows it.
 */
export const METRICS = {
  /** Reads that found a value. */
  hits: { per: 'family', kind: 'counter', unit: 'calls', inHistory: true },
  /** Hits in request memory. */
  requestHits: { per: 'family', kind: 'counter', unit: 'calls' },
  /** Hits in process memory. */
  processHits: { per: 'family', kind: 'counter', unit: 'calls' },
  /** Reads that found no value. */
  misses: { per: 'family', kind: 'counter', unit: 'calls', inHistory: true },
  /** Misses by their reason. */
  missesBy: { per: 'family', kind: 'reasons' },
  /** Values stored by `set`. */
  writes: { per: 'family', kind: 'counter', unit: 'values', inHistory: true },
  /** Size of all stored values, set and computed, as the store holds them, in bytes. */
  storedBytes: { per: 'family', kind: 'counter', unit: 'bytes' },
  /** Values not stored by `set` because their key was invalidated since it was found missing. */
  refusedFills: { per: 'family', kind: 'counter', unit: 'values', inHistory: true },
  /** Deletes of a key, with or without children. */
  deletes: { per: 'family', kind: 'counter', unit: 'calls', inHistory: true },
  /** Deletes with children. */
  treeDeletes: { per: 'family', kind: 'counter', unit: 'calls' },
  /** Soft expiries, with or without children. */
  expires: { per: 'family', kind: 'counter', unit: 'calls', inHistory: true },
  /** Values that factories computed or failed to compute; each value of a batch counts. */
  computations: { per: 'family', kind: 'counter', unit: 'values', inHistory: true },
  /** Computations that failed. */
  failedComputations: { per: 'family', kind: 'counter', unit: 'values' },
  /** Total time of all computations, in milliseconds; each value of a batch counts the whole batch. */
  computingMs: { per: 'family', kind: 'counter', unit: 'ms', inHistory: true },
  /** Total computing time of the values that hits found in the store or in process memory, in milliseconds. */
  savedMs: { per: 'family', kind: 'counter', unit: 'ms', inHistory: true },
  /** Callers that waited for the computation of another caller, in this process or another. */
  waits: { per: 'family', kind: 'counter', unit: 'calls' },
  /** Callers that received the result of another caller's computation instead of computing. */
  avoided: { per: 'family', kind: 'counter', unit: 'calls', inHistory: true },
  /** Computations begun because the lease of another process had expired. */
  takeovers: { per: 'family', kind: 'counter', unit: 'calls' },
  /** Computed values not stored because their key was invalidated meanwhile, or the lease was lost. */
  fencedCommits: { per: 'family', kind: 'counter', unit: 'values', inHistory: true },
  /** Computed values not stored because they cannot be encoded, or their computed TTL is invalid. */
  unstorable: { per: 'family', kind: 'counter', unit: 'values' },
  /** Values recomputed before they expired. */
  earlyRefreshes: { per: 'family', kind: 'counter', unit: 'values' },
  /** Reads answered with a stale value within its grace. */
  staleServed: { per: 'family', kind: 'counter', unit: 'calls', inHistory: true },
  /** Latency histograms: of hits by tier, of misses, of computations. See `quantile`. */
  latency: { per: 'family', kind: 'latency', of: ['request', 'process', 'store', 'miss', 'compute'] },
  /** Clears of the whole cache. */
  clears: { per: 'cache', kind: 'counter', unit: 'calls' },
  /** Operations that the store did not confirm: a timeout, a refusal, a lost connection. */
  storeFailures: { per: 'cache', kind: 'counter', unit: 'calls' },
} as const satisfies Readonly<Record<string, Metric>>

type Metrics = typeof METRICS

/** Names of the timed operations: hits by tier, misses, and computations. */
export type Timed = Metrics['latency']['of'][number]

/** Value of a metric, by its kind. */
type Value<M> = M extends { kind: 'counter' }
  ? number
  : M extends { kind: 'reasons' }
    ? Partial<Record<MissReason, number>>
    : Record<Timed, Latency>

/**
 * Metrics of a family of keys, or of all families together.
 * @interface
 */
export type Figures = {
  -readonly [Name in keyof Metrics as Metrics[Name] extends { per: 'family' } ? Name : never]: Value<
    Metrics[Name]
  >
}

/**
 * Metrics of the cache as a whole.
 * @interface
 */
export type CacheFigures = {
  -readonly [Name in keyof Metrics as Metrics[Name] extends { per: 'cache' } ? Name : never]: number
}

/**
 * Metrics of a step of history.
 * @interface
 */
export type HistoryFigures = {
  -readonly [Name in keyof Metrics as Metrics[Name] extends { inHistory: true } ? Name : never]: number
}

/** Name of a metric that is a sum for each family. */
export type Counter = {
  [Name in keyof Figures]: Metrics[Name] extends { kind: 'counter' } ? Name : never
}[keyof Figures]

function namesOf<Name extends keyof Metrics>(isWanted: (metric: Metric) => boolean): readonly Name[] {
  const rows = Object.entries(METRICS) as [Name, Metric][]
  return rows.filter(([, metric]) => isWanted(metric)).map(([name]) => name)
}

export const COUNTERS = namesOf<Counter>(({ per, kind }) => per === 'family' && kind === 'counter')
export const CACHE_COUNTERS = namesOf<keyof CacheFigures>(({ per }) => per === 'cache')
export const HISTORY_COUNTERS = namesOf<keyof HistoryFigures>(({ inHistory = false }) => inHistory)
export const TIMED: readonly Timed[] = METRICS.latency.of

/** Whether a sum is a time. */
export function isTime(name: Counter): boolean {
  return METRICS[name].unit === 'ms'
}

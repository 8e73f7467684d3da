import { quantile } from '../../../stats/latency.js'
import type { Figures } from '../../../stats/metrics.js'
import { latency } from '../../rendering/figures.js'

/** Latencies by the tier that answered, and of computations. */
export function latenciesOf({ processHits, latency: timed }: Readonly<Figures>) {
  return [
    { label: 'Hits in request memory', ...quantilesOf(timed.request) },
    ...(processHits > 0 ? [{ label: 'Hits in process memory', ...quantilesOf(timed.process) }] : []),
    { label: 'Hits in the store', ...quantilesOf(timed.store) },
    { label: 'Misses', ...quantilesOf(timed.miss) },
    { label: 'Computations', ...quantilesOf(timed.compute) },
  ]
}

/** Latency of all reads that went to the store. */
export function storeReadLatency({ latency: { store, miss } }: Readonly<Figures>) {
  const length = Math.max(store.length, miss.length)
  return quantilesOf(Array.from({ length }, (_, at) => (store[at] ?? 0) + (miss[at] ?? 0)))
}

function quantilesOf(counts: readonly number[]) {
  return { p50: latency(quantile(counts, 0.5)), p99: latency(quantile(counts, 0.99)) }
}

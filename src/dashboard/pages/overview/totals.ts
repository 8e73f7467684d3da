import type { HistoryFigures } from '../../../stats/metrics.js'

export function readsOf({ hits, misses }: Readonly<HistoryFigures>): number {
  return hits + misses
}

/** Number of operations of any kind; 0 where nothing happened. */
export function activityOf(figures: Readonly<HistoryFigures>): number {
  return (
    readsOf(figures) +
    figures.writes +
    figures.refusedFills +
    figures.deletes +
    figures.expires +
    figures.computations
  )
}

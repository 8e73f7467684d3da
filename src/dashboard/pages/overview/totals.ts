import type { Figures } from '../../../stats/figures.js'

export function readsOf({ hits, misses }: Readonly<Figures>): number {
  return hits + misses
}

/** Number of operations of any kind; 0 where nothing happened. */
export function activityOf(figures: Readonly<Figures>): number {
  return (
    readsOf(figures) +
    figures.writes +
    figures.refusedFills +
    figures.deletes +
    figures.expires +
    figures.computations
  )
}

import { sumOf } from '../../../stats/figures.js'
import type { HistoryFigures } from '../../../stats/metrics.js'
import type { AvailableStats } from '../../reading/available-stats.js'
import { chartOf } from '../../rendering/chart.js'
import { past, share, whole } from '../../rendering/figures.js'
import { activityOf, readsOf } from './totals.js'

const MINUTE_MS = 60_000

/** The last hour in minutes, or the last day in quarters of an hour: as a chart, and as rows without the idle steps. */
export function historyOf({ day, covers, stats }: AvailableStats, isDay: boolean, now: number) {
  const stepMs = isDay ? 15 * MINUTE_MS : MINUTE_MS
  const count = isDay ? 96 : 60
  const end = stats.now - (stats.now % stepMs) + stepMs
  const steps = Array.from({ length: count }, (_, index) => {
    const at = end - (count - index) * stepMs
    return { at, figures: sumOf(day.filter((step) => step.at >= at && step.at < at + stepMs)) }
  })
  return {
    isDay,
    isAvailable: covers !== 'cut-off',
    ...chartOf(steps.map(({ figures }) => ({ lower: figures.hits, upper: figures.misses }))),
    rows: steps
      .filter(({ figures }) => activityOf(figures) > 0)
      .reverse()
      .map(({ at, figures }) => ({ at: past(at, now), ...row(figures) })),
  }
}

function row(figures: Readonly<HistoryFigures>) {
  return {
    hits: whole(figures.hits),
    misses: whole(figures.misses),
    ratio: share(figures.hits, readsOf(figures)),
    writes: whole(figures.writes),
    deletes: whole(figures.deletes),
    computations: whole(figures.computations),
    avoided: whole(figures.avoided),
    fenced: whole(figures.fencedCommits),
  }
}

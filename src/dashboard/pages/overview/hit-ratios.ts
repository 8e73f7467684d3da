import type { HistoryStep } from '../../../stats/cache-stats.js'
import { sumOf } from '../../../stats/figures.js'
import type { HistoryFigures } from '../../../stats/metrics.js'
import type { AvailableStats } from '../../reading/available-stats.js'
import { share, whole } from '../../rendering/figures.js'
import { readsOf } from './totals.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Hit ratios of several periods until now, to the accuracy of a history step. */
export function hitRatiosOf({ stats, hour, day }: AvailableStats) {
  const last = (steps: readonly HistoryStep[], ms: number) =>
    sumOf(steps.filter(({ at }) => at > stats.now - ms))
  return [
    hitRatio('Last minute', last(hour, MINUTE_MS)),
    hitRatio('Last hour', last(hour, HOUR_MS)),
    hitRatio('Last day', last(day, DAY_MS)),
    hitRatio('Total', stats.totals),
  ]
}

function hitRatio(period: string, figures: Readonly<HistoryFigures>) {
  const reads = readsOf(figures)
  return { period, ratio: share(figures.hits, reads), reads: whole(reads) }
}

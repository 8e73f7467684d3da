import type { MissReason } from '../tiers/outcome.js'
import { addLatency, noLatency } from './latency.js'
import {
  CACHE_COUNTERS,
  type CacheFigures,
  COUNTERS,
  type Figures,
  HISTORY_COUNTERS,
  type HistoryFigures,
  TIMED,
  type Timed,
} from './metrics.js'

const NO_COUNTERS = zeros(COUNTERS)

export function noCacheFigures(): CacheFigures {
  return zeros(CACHE_COUNTERS)
}

export function noFigures(): Figures {
  return {
    ...NO_COUNTERS,
    // Reasons come from other processes: none of their names may be one of Object.prototype.
    missesBy: Object.create(null),
    latency: byTimed(noLatency),
  }
}

export function addFigures(to: Figures, from: Readonly<Figures>): Figures {
  for (const name of COUNTERS) to[name] += from[name]
  for (const timed of TIMED) addLatency(to.latency[timed], from.latency[timed])
  for (const [reason, count] of Object.entries(from.missesBy)) {
    const by = reason as MissReason
    to.missesBy[by] = (to.missesBy[by] ?? 0) + count
  }
  return to
}

/** Sum of the steps of a history. */
export function sumOf(steps: Iterable<{ readonly figures: Readonly<HistoryFigures> }>): HistoryFigures {
  const sum = zeros(HISTORY_COUNTERS)
  for (const { figures } of steps) for (const name of HISTORY_COUNTERS) sum[name] += figures[name]
  return sum
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  const counters = {} as Record<Name, number>
  for (const name of names) counters[name] = 0
  return counters
}

function byTimed<T>(make: () => T): Record<Timed, T> {
  return Object.fromEntries(TIMED.map((timed) => [timed, make()])) as Record<Timed, T>
}

import type { Counts } from '../store/statistics.js'
import type { MissReason } from '../tiers/outcome.js'
import { noFigures } from './figures.js'
import { addLatency, CLASSES } from './latency.js'
import {
  CACHE_COUNTERS,
  type CacheFigures,
  COUNTERS,
  type Counter,
  type Figures,
  HISTORY_COUNTERS,
  type HistoryFigures,
  isTime,
  TIMED,
  type Timed,
} from './metrics.js'
import { isAmount } from './untrusted.js'

// Figures as the store keeps them: whole numbers by name, without zeros, times in microseconds.

/** Name of the family whose counts are those of the cache as a whole. */
export const NO_FAMILY = ''

const REASON = 'missesBy:'
const MAX_REASON = 60
const LATENCY = 'latency:'

export function toCounts(figures: Readonly<Figures>): Map<string, number> {
  const counts = new Map<string, number>()
  const put = (name: string, count: number) => count !== 0 && counts.set(name, count)
  for (const name of COUNTERS) put(name, isTime(name) ? Math.round(figures[name] * 1_000) : figures[name])
  for (const [reason, count] of Object.entries(figures.missesBy)) put(REASON + reason, count)
  for (const timed of TIMED) {
    for (const [index, count] of figures.latency[timed].entries()) put(`${LATENCY}${timed}:${index}`, count)
  }
  return counts
}

export function cacheToCounts(figures: Readonly<CacheFigures>): Map<string, number> {
  return new Map(
    CACHE_COUNTERS.map((name) => [name, figures[name]] as const).filter(([, count]) => count > 0),
  )
}

/** The counts that are part of the history, summed over all families. */
export function historyStepsOf(families: ReadonlyMap<string, Counts>): Map<string, number> {
  const history = new Map<string, number>()
  for (const counts of families.values()) {
    for (const name of HISTORY_COUNTERS) {
      const count = counts.get(name)
      if (count) history.set(name, (history.get(name) ?? 0) + count)
    }
  }
  return history
}

/** Figures of counts; names of a newer version are left out. */
export function fromCounts(counts: Counts): Figures {
  const figures = noFigures()
  for (const name of COUNTERS) figures[name] = counterOf(counts, name)
  for (const [name, given] of counts) {
    // A reason's count may fall below zero when its misses are attributed to another reason.
    const count = amountOf(given)
    if (count === 0) continue
    if (name.startsWith(REASON) && name.length <= MAX_REASON)
      figures.missesBy[name.slice(REASON.length) as MissReason] = count
    else if (name.startsWith(LATENCY)) addClass(figures, name.slice(LATENCY.length), count)
  }
  return figures
}

export function cacheFromCounts(counts: Counts): CacheFigures {
  return byName(CACHE_COUNTERS, (name) => amountOf(counts.get(name)))
}

export function historyFromCounts(counts: Counts): HistoryFigures {
  return byName(HISTORY_COUNTERS, (name) => counterOf(counts, name))
}

function byName<Name extends string>(
  names: readonly Name[],
  read: (name: Name) => number,
): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, number>
}

function counterOf(counts: Counts, name: Counter): number {
  const count = amountOf(counts.get(name))
  return isTime(name) ? count / 1_000 : count
}

/** A count, or 0 for anything else. */
function amountOf(given: unknown): number {
  return isAmount(given) ? given : 0
}

function addClass({ latency }: Figures, name: string, count: number): void {
  const [timed = '', index = ''] = name.split(':')
  if (!Object.hasOwn(latency, timed) || !/^\d{1,2}$/.test(index) || Number(index) >= CLASSES) return
  const classes = Array<number>(Number(index)).fill(0)
  addLatency(latency[timed as Timed], [...classes, count])
}

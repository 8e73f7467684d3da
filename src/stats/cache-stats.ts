import type { HistoryBucket, ProcessReport, ReportedFigures } from '../store/statistics.js'
import type { ProcessMemoryUsage } from '../tiers/process-memory.js'
import { cacheFromCounts, fromCounts, historyFromCounts, NO_FAMILY } from './counts.js'
import { addFigures, noFigures } from './figures.js'
import type { CacheFigures, Figures, HistoryFigures } from './metrics.js'
import { isAmount, isDate } from './untrusted.js'

/** Figures of all processes of a cache. Times are milliseconds since the epoch, on the store's clock. */
export interface CacheStats extends Readonly<CacheFigures> {
  /** Processes that the figures cover: only this one with the in-memory store. */
  readonly scope: 'all processes' | 'this process'
  /** Time at which the figures were read. */
  readonly now: number
  /** Time at which counting began. */
  readonly since: number
  /** Figures of all families together. */
  readonly totals: Readonly<Figures>
  /** Figures by family: the first segment of the keys. */
  readonly families: ReadonlyMap<string, Readonly<Figures>>
  /** Processes that reported within the last 30 seconds. */
  readonly processes: readonly LiveProcess[]
}

/** A process that uses the cache, as of its last report. Times are milliseconds since the epoch. */
export interface LiveProcess {
  /** Id of one cache in one run of a process. */
  readonly id: string
  /** Name of its host. */
  readonly host: string
  /** Process id. */
  readonly pid: number
  /** Time at which its cache was created, on its own clock. */
  readonly startedAt: number
  /** Time of its last report, on the store's clock. */
  readonly seenAt: number
  /** Whether a report is overdue: the process is blocked, or has died. */
  readonly isLate: boolean
  /** Whether it is the process that read the figures. */
  readonly isThis: boolean
  /** Resident memory, in bytes. */
  readonly rss: number | undefined
  /** Usage of its process memory tier, if it has one. */
  readonly memory: Pick<ProcessMemoryUsage, 'entries' | 'bytes' | 'isServing'> | undefined
  /** Figures since the process started, of all families together. */
  readonly totals: Readonly<Figures>
}

/**
 * One step of the history as `history()` returns it: its figures by their names, of all processes and families together.
 * It is made from a `HistoryBucket`.
 */
export interface HistoryStep {
  /** Beginning of the step, in milliseconds since the epoch, on the store's clock. */
  readonly at: number
  readonly figures: Readonly<HistoryFigures>
}

/** A process reports at least every five seconds. */
const LATE_MS = 7_500

/** Maximum length of a host name in DNS. */
const MAX_HOST = 255

export function statsOf(reported: ReportedFigures, scope: CacheStats['scope'], own: string): CacheStats {
  const families = new Map<string, Figures>()
  const totals = noFigures()
  for (const [family, counts] of reported.families) {
    if (family === NO_FAMILY) continue
    const figures = fromCounts(counts)
    families.set(family, figures)
    addFigures(totals, figures)
  }
  return {
    scope,
    now: reported.now,
    since: reported.since,
    totals,
    ...cacheFromCounts(reported.families.get(NO_FAMILY) ?? new Map()),
    families,
    processes: reported.processes.flatMap((report) => liveProcess(report, reported.now, own)),
  }
}

/** A process whose description is valid: anyone with access to the store can write one. */
function liveProcess(
  { process, about, seenAt, counts }: ProcessReport,
  now: number,
  own: string,
): LiveProcess[] {
  const { host, pid, startedAt, rss, memoryEntries, memoryBytes, memoryServing } = about
  if (typeof host !== 'string' || host.length > MAX_HOST || !isAmount(pid) || !isDate(startedAt)) return []
  const hasMemory = isAmount(memoryEntries) && isAmount(memoryBytes)
  return [
    {
      id: process,
      host,
      pid,
      startedAt,
      seenAt,
      isLate: now - seenAt > LATE_MS,
      isThis: process === own,
      rss: isAmount(rss) ? rss : undefined,
      memory: hasMemory
        ? { entries: memoryEntries, bytes: memoryBytes, isServing: memoryServing === 1 }
        : undefined,
      totals: fromCounts(counts),
    },
  ]
}

export function stepsOf(buckets: readonly HistoryBucket[]): HistoryStep[] {
  return buckets.map(({ at, counts }) => ({ at, figures: historyFromCounts(counts) }))
}

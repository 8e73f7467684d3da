import type { Bucket, Gathered, ProcessReport, Tally } from '../store/statistics.js'
import type { ProcessMemoryUsage } from '../tiers/process-memory.js'
import { isAmount, isDate } from './amounts.js'
import { addFigures, type Figures, fromTally, NO_FAMILY, noFigures } from './figures.js'

/** What all processes of a cache have counted. Times in milliseconds since the epoch, on the store's clock. */
export interface CacheStats {
  /** What the figures cover: of the embedded store, this process only. */
  readonly scope: 'all processes' | 'this process'
  /** When it was asked. */
  readonly now: number
  /** When counting began. */
  readonly since: number
  readonly totals: Readonly<Figures>
  readonly clears: number
  /** Operations that the store did not surely carry out. */
  readonly troubles: number
  /** By the first segment of the key. */
  readonly families: ReadonlyMap<string, Readonly<Figures>>
  /** Those that have reported within the last half minute. */
  readonly processes: readonly LiveProcess[]
}

/** A process that uses the cache. */
export interface LiveProcess {
  /** Of this one life of the process and its cache. */
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly startedAt: number
  /** When it last reported. */
  readonly seenAt: number
  /** Whether it has not reported for longer than it should: it is held up, or has died. */
  readonly isLate: boolean
  /** Whether it is the one that is asked. */
  readonly isThis: boolean
  readonly rss: number | undefined
  /** What it keeps in its memory for all its requests; nothing where it keeps none. */
  readonly memory: Pick<ProcessMemoryUsage, 'entries' | 'bytes' | 'isServing'> | undefined
  readonly totals: Readonly<Figures>
}

/** A stretch of history, of all processes and families together. */
export interface HistoryStep {
  readonly at: number
  readonly figures: Readonly<Figures>
}

/** A process reports every second, at the least every five. */
const LATE_MS = 7_500

/** The longest name of a host, by DNS. */
const MAX_HOST = 255

export function statsOf(gathered: Gathered, scope: CacheStats['scope'], own: string): CacheStats {
  const families = new Map<string, Figures>()
  const totals = noFigures()
  for (const [family, tally] of gathered.families) {
    if (family === NO_FAMILY) continue
    const figures = fromTally(tally)
    families.set(family, figures)
    addFigures(totals, figures)
  }
  const whole: Tally = gathered.families.get(NO_FAMILY) ?? new Map()
  return {
    scope,
    now: gathered.now,
    since: gathered.since,
    totals,
    clears: whole.get('clears') ?? 0,
    troubles: whole.get('troubles') ?? 0,
    families,
    processes: gathered.processes.flatMap((report) => liveProcess(report, gathered.now, own)),
  }
}

/** A process, if what it tells about itself is of the right kind: anybody can write it. */
function liveProcess(
  { process, about, seenAt, figures }: ProcessReport,
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
      totals: fromTally(figures),
    },
  ]
}

export function stepsOf(buckets: readonly Bucket[]): HistoryStep[] {
  return buckets.map(({ at, figures }) => ({ at, figures: fromTally(figures) }))
}

import type { Counts, Report } from '../store/statistics.js'
import type { ProcessMemory } from '../tiers/process-memory.js'
import type { Counters } from './counters.js'
import { historyStepsOf } from './counts.js'
import type { EventLog } from './event-log.js'
import type { KeyHistoryLog } from './key-history-log.js'
import type { MissLog } from './miss-log.js'
import type { ReportQueue } from './report-queue.js'
import type { RequestRecord } from './request-record.js'

/** Sources of the reports of a process. */
export interface ReportSources {
  readonly host: string
  readonly pid: number
  readonly counters: Counters
  readonly events: EventLog
  readonly requests: ReportQueue<RequestRecord>
  readonly keyHistory: KeyHistoryLog
  readonly misses: MissLog
  readonly memory: ProcessMemory | undefined
}

/** Makes reports: each holds what was counted and recorded since the one before it. */
export class ReportBuilder {
  readonly #id: string
  readonly #sources: ReportSources
  readonly #startedAt: number
  /** Counts in all reports so far. */
  #counts: ReadonlyMap<string, Counts> = new Map()
  #revision = 0
  #sequence = 0

  constructor(id: string, sources: ReportSources) {
    this.#id = id
    this.#sources = sources
    this.#startedAt = sources.counters.snapshot().since
  }

  /** Number of reports so far. */
  get sequence(): number {
    return this.#sequence
  }

  /** Whether anything was counted or recorded since the last report. */
  get hasContent(): boolean {
    const { counters, misses, keyHistory, events, requests } = this.#sources
    return (
      counters.revision > this.#revision ||
      !misses.isEmpty ||
      !keyHistory.isEmpty ||
      !events.isEmpty ||
      !requests.isEmpty
    )
  }

  next(): Report {
    const { counters, events, requests, keyHistory, misses } = this.#sources
    this.#revision = counters.revision
    const counts = counters.counts()
    const families = added(this.#counts, counts)
    this.#counts = counts
    this.#sequence++
    return {
      process: this.#id,
      sequence: this.#sequence,
      about: this.#about(),
      families,
      history: historyStepsOf(families),
      events: events.take(),
      requests: requests.take((request) => misses.corrected(request)),
      changes: keyHistory.take(),
    }
  }

  #about(): Report['about'] {
    const { host, pid, memory } = this.#sources
    const { heapUsed, rss } = process.memoryUsage()
    const about = { host, pid, startedAt: this.#startedAt, heapUsed, rss }
    if (!memory) return about
    const { entries, bytes, isServing } = memory.usage
    return { ...about, memoryEntries: entries, memoryBytes: bytes, memoryServing: Number(isServing) }
  }
}

function added(
  before: ReadonlyMap<string, Counts>,
  now: ReadonlyMap<string, Counts>,
): ReadonlyMap<string, Counts> {
  const families = new Map<string, Counts>()
  for (const [family, counts] of now) {
    const known = before.get(family)
    // A reason's count disappears when its misses are attributed to another reason.
    const names = new Set([...counts.keys(), ...(known?.keys() ?? [])])
    const changed = [...names].flatMap((name) => {
      const more = (counts.get(name) ?? 0) - (known?.get(name) ?? 0)
      return more === 0 ? [] : [[name, more] as const]
    })
    if (changed.length > 0) families.set(family, new Map(changed))
  }
  return families
}

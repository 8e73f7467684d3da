import { BoundedMap } from '../bounded-map.js'
import { type KeyChange, type KeyHistory, MAX_KEY_HISTORIES } from './key-history.js'
import {
  type Counts,
  type HistoryBucket,
  MAX_EVENTS,
  MAX_FIGURES,
  MAX_REQUESTS,
  OTHER_FAMILIES,
  PROCESS_TIMEOUT_MS,
  type ProcessReport,
  RESOLUTIONS,
  type Report,
  type ReportedFigures,
  type Resolution,
  type Statistics,
} from './statistics.js'

interface KnownProcess extends ProcessReport {
  readonly sequence: number
}

/** Figures of this process only, in its memory. */
export class MemoryStatistics implements Statistics {
  readonly #since = Date.now()
  readonly #families = new Map<string, Map<string, number>>()
  readonly #processes = new Map<string, KnownProcess>()
  readonly #history = { fine: new Map<number, Map<string, number>>(), coarse: new Map() } satisfies Record<
    Resolution,
    Map<number, Map<string, number>>
  >
  readonly #events: string[] = []
  readonly #requests: string[] = []
  readonly #keyHistories = new BoundedMap<string, KeyHistory>(MAX_KEY_HISTORIES)
  #figures = 0

  async report(report: Report): Promise<void> {
    const now = Date.now()
    const { process, about } = report
    const last = this.#processes.get(process)
    const isNew = !last || last.sequence < report.sequence
    const sequence = Math.max(report.sequence, last?.sequence ?? 0)
    const counts = new Map(last?.counts)
    if (isNew) this.#count(report, counts, now)
    this.#processes.set(process, { process, sequence, about, seenAt: now, counts })
    for (const { process: other, seenAt } of this.#processes.values()) {
      if (Math.abs(now - seenAt) > PROCESS_TIMEOUT_MS) this.#processes.delete(other)
    }
  }

  async figures(): Promise<ReportedFigures> {
    const now = Date.now()
    const processes = [...this.#processes.values()].filter(({ seenAt }) => now - seenAt <= PROCESS_TIMEOUT_MS)
    return { now, since: this.#since, families: copy(this.#families), processes }
  }

  async history(resolution: Resolution): Promise<readonly HistoryBucket[]> {
    const { spanMs } = RESOLUTIONS[resolution]
    const from = Date.now() - spanMs
    return [...this.#history[resolution]].flatMap(([at, counts]) =>
      at >= from ? [{ at, counts: new Map(counts) }] : [],
    )
  }

  async events(limit: number): Promise<readonly string[]> {
    return this.#events.slice(-limit).reverse()
  }

  async requests(limit: number): Promise<readonly string[]> {
    return this.#requests.slice(-limit).reverse()
  }

  async keyHistories(names: readonly string[]): Promise<readonly KeyHistory[]> {
    return names.map((name) => this.#keyHistories.get(name) ?? [])
  }

  #count(report: Report, own: Map<string, number>, now: number): void {
    const { families, history, events, requests, changes } = report
    for (const [family, counts] of families) {
      const known = this.#families.get(family)
      if (!known && this.#figures >= MAX_FIGURES) this.#addTo(OTHER_FAMILIES, counts)
      else this.#addTo(family, counts)
      add(own, counts)
    }
    for (const [resolution, { stepMs, spanMs }] of Object.entries(RESOLUTIONS)) {
      const buckets = this.#history[resolution as Resolution]
      const at = now - (now % stepMs)
      const bucket = buckets.get(at) ?? new Map<string, number>()
      buckets.set(at, add(bucket, history))
      // Future buckets were written before the clock was set back.
      for (const old of buckets.keys()) if (old < now - spanMs || old > now) buckets.delete(old)
    }
    append(this.#events, events, MAX_EVENTS)
    append(this.#requests, requests, MAX_REQUESTS)
    for (const [name, change] of changes) this.#recordChange(name, change)
  }

  #recordChange(name: string, change: KeyChange): void {
    const known = this.#keyHistories.get(name) ?? []
    if (known.some(({ at }) => at === change.at)) return
    this.#keyHistories.set(name, [change, ...known].sort((one, other) => other.at - one.at).slice(0, 2))
  }

  #addTo(family: string, counts: Counts): void {
    const figures = this.#families.get(family) ?? new Map<string, number>()
    const before = figures.size
    this.#families.set(family, add(figures, counts))
    this.#figures += figures.size - before
  }
}

function add(figures: Map<string, number>, counts: Counts): Map<string, number> {
  for (const [name, count] of counts) figures.set(name, (figures.get(name) ?? 0) + count)
  return figures
}

function append(list: string[], items: readonly string[], max: number): void {
  for (const item of items) list.push(item)
  if (list.length > max) list.splice(0, list.length - max)
}

function copy(families: ReadonlyMap<string, Counts>): Map<string, Counts> {
  return new Map([...families].map(([family, counts]) => [family, new Map(counts)]))
}

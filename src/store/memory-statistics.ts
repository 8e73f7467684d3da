import { BoundedMap } from '../bounded-map.js'
import {
  type Bucket,
  type Gathered,
  GONE_AFTER_MS,
  MAX_EVENTS,
  MAX_FIGURES,
  MAX_REQUESTS,
  OTHER_FAMILIES,
  type ProcessReport,
  RESOLUTIONS,
  type Report,
  type Resolution,
  type Statistics,
  type Tally,
} from './statistics.js'
import { MAX_TRACED, type Trace, type Traces } from './traces.js'

interface Teller extends ProcessReport {
  readonly sequence: number
}

/** What is told within this process, where no other can hear it. */
export class MemoryStatistics implements Statistics {
  readonly #since = Date.now()
  readonly #families = new Map<string, Map<string, number>>()
  readonly #processes = new Map<string, Teller>()
  readonly #history = { fine: new Map<number, Map<string, number>>(), coarse: new Map() } satisfies Record<
    Resolution,
    Map<number, Map<string, number>>
  >
  readonly #events: string[] = []
  readonly #requests: string[] = []
  readonly #traces = new BoundedMap<string, Traces>(MAX_TRACED)
  #figures = 0

  async report(report: Report): Promise<void> {
    const now = Date.now()
    const { process, about } = report
    const last = this.#processes.get(process)
    const isNew = !last || last.sequence < report.sequence
    const sequence = Math.max(report.sequence, last?.sequence ?? 0)
    const figures = new Map(last?.figures)
    if (isNew) this.#count(report, figures, now)
    this.#processes.set(process, { process, sequence, about, seenAt: now, figures })
    for (const { process: other, seenAt } of this.#processes.values()) {
      if (Math.abs(now - seenAt) > GONE_AFTER_MS) this.#processes.delete(other)
    }
  }

  async gathered(): Promise<Gathered> {
    const now = Date.now()
    const processes = [...this.#processes.values()].filter(({ seenAt }) => now - seenAt <= GONE_AFTER_MS)
    return { now, since: this.#since, families: copy(this.#families), processes }
  }

  async history(resolution: Resolution): Promise<readonly Bucket[]> {
    const { spanMs } = RESOLUTIONS[resolution]
    const from = Date.now() - spanMs
    return [...this.#history[resolution]].flatMap(([at, figures]) =>
      at >= from ? [{ at, figures: new Map(figures) }] : [],
    )
  }

  async events(limit: number): Promise<readonly string[]> {
    return this.#events.slice(-limit).reverse()
  }

  async requests(limit: number): Promise<readonly string[]> {
    return this.#requests.slice(-limit).reverse()
  }

  async traces(names: readonly string[]): Promise<readonly Traces[]> {
    return names.map((name) => this.#traces.get(name) ?? [])
  }

  #count(report: Report, own: Map<string, number>, now: number): void {
    const { families, history, events, requests, traces } = report
    for (const [family, tally] of families) {
      const known = this.#families.get(family)
      if (!known && this.#figures >= MAX_FIGURES) this.#addTo(OTHER_FAMILIES, tally)
      else this.#addTo(family, tally)
      add(own, tally)
    }
    for (const [resolution, { stepMs, spanMs }] of Object.entries(RESOLUTIONS)) {
      const buckets = this.#history[resolution as Resolution]
      const at = now - (now % stepMs)
      const bucket = buckets.get(at) ?? new Map<string, number>()
      buckets.set(at, add(bucket, history))
      // Also what a clock wrote that was set back since.
      for (const old of buckets.keys()) if (old < now - spanMs || old > now) buckets.delete(old)
    }
    append(this.#events, events, MAX_EVENTS)
    append(this.#requests, requests, MAX_REQUESTS)
    for (const [name, trace] of traces) this.#remember(name, trace)
  }

  #remember(name: string, trace: Trace): void {
    const known = this.#traces.get(name) ?? []
    if (known.some(({ at }) => at === trace.at)) return
    this.#traces.set(name, [trace, ...known].sort((one, other) => other.at - one.at).slice(0, 2))
  }

  #addTo(family: string, tally: Tally): void {
    const figures = this.#families.get(family) ?? new Map<string, number>()
    const before = figures.size
    this.#families.set(family, add(figures, tally))
    this.#figures += figures.size - before
  }
}

function add(figures: Map<string, number>, tally: Tally): Map<string, number> {
  for (const [name, count] of tally) figures.set(name, (figures.get(name) ?? 0) + count)
  return figures
}

function append(list: string[], items: readonly string[], max: number): void {
  for (const item of items) list.push(item)
  if (list.length > max) list.splice(0, list.length - max)
}

function copy(families: ReadonlyMap<string, Tally>): Map<string, Tally> {
  return new Map([...families].map(([family, tally]) => [family, new Map(tally)]))
}

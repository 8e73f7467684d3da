import { setTimeout as pause } from 'node:timers/promises'
import { detached, ignore } from '../background.js'
import { before } from '../store/deadline.js'
import { newId } from '../store/ids.js'
import type { Report, Statistics, Tally } from '../store/statistics.js'
import type { ProcessMemory } from '../tiers/process-memory.js'
import type { Counters } from './counters.js'
import type { EventLog } from './event-log.js'
import type { Figures } from './figures.js'
import type { MissLog } from './miss-log.js'
import type { Outbox } from './outbox.js'
import type { RequestRecord } from './request-log.js'
import type { TraceLog } from './trace-log.js'

/** How often a process tells what it has counted: so that after a second all know. */
const PAUSE_MS = 750
/** How often it tells that it is there, with nothing to count. */
const BEAT_MS = 5_000

/** What goes into the history of all families. */
const HISTORY = [
  'hits',
  'misses',
  'writes',
  'deletes',
  'computations',
  'avoided',
  'fencedCommits',
  'staleServed',
  'computingMs',
  'savedMs',
] as const satisfies readonly (keyof Figures)[]

/** Where a process takes what it tells from. */
export interface Sources {
  readonly host: string
  readonly pid: number
  readonly counters: Counters
  readonly events: EventLog
  readonly requests: Outbox<RequestRecord>
  readonly traces: TraceLog
  readonly misses: MissLog
  /** What this process keeps for all its requests. */
  readonly memory: ProcessMemory | undefined
}

/**
 * Tells the store once a second what this process has counted since it last
 * did. A report that was not surely taken is sent again as it is before the
 * next: it counts once. Until the cache is first used, nothing is sent.
 */
export class Reporter {
  /** One life of one cache in one process. */
  readonly id: string
  readonly #counters: Counters
  readonly #events: EventLog
  readonly #requests: Outbox<RequestRecord>
  readonly #traces: TraceLog
  readonly #misses: MissLog
  readonly #memory: ProcessMemory | undefined
  readonly #statistics: Statistics
  readonly #about: Readonly<Record<string, string | number>>
  readonly #stopped = new AbortController()
  // Reports belong to no request.
  #told = new Map<string, Tally>()
  #unsettled: Report | undefined
  #sequence = 0
  /** How often anything had been counted when it was last told. */
  #changes = 0
  #toldAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #loop: Promise<void> | undefined
  readonly #timeoutMs: number
  #isOver = false

  /** `timeoutMs` is the deadline of the store's operations. */
  constructor(statistics: Statistics, { host, pid, ...sources }: Sources, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    const { counters, events, requests, traces, misses, memory } = sources
    this.#counters = counters
    this.#events = events
    this.#requests = requests
    this.#traces = traces
    this.#misses = misses
    this.#memory = memory
    this.#statistics = statistics
    this.id = `${host}:${pid}:${newId().toString('hex')}`
    this.#about = { host, pid, startedAt: counters.snapshot().since }
  }

  /** There is something to tell from now on. */
  start(): void {
    if (!this.#stopped.signal.aborted) this.#loop ??= detached(() => this.#repeat())
  }

  /**
   * Tells all that has been counted until now.
   * @throws CacheNotRespondingError when it was not surely taken: then it is told later
   */
  async report(): Promise<void> {
    // What is under way may have left before the last of what is to be told.
    await this.#running?.catch(ignore)
    this.#running ??= detached(() => this.#tell()).finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  /** Tells what is left, for as long as one operation of the store may take. */
  async close(): Promise<void> {
    this.#stopped.abort()
    if (!this.#loop) return
    await before(performance.now() + this.#timeoutMs, this.#last(), 'The store').catch(ignore)
    this.#isOver = true
  }

  async #last(): Promise<void> {
    await this.#loop
    await this.report()
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      await pause(PAUSE_MS, undefined, { signal, ref: false }).catch(ignore)
      const isBeat = this.#sequence > 0 && performance.now() - this.#toldAt >= BEAT_MS
      if (!signal.aborted && (isBeat || this.#unsettled || this.#news())) await this.report().catch(ignore)
    }
  }

  async #tell(): Promise<void> {
    if (this.#unsettled) await this.#send(this.#unsettled)
    // Where that fails, so would the report: they keep the reason that was found first.
    await this.#misses.explain().catch(ignore)
    // The end has not waited for it.
    if (this.#isOver) return
    await this.#send(this.#next())
  }

  async #send(report: Report): Promise<void> {
    this.#unsettled = report
    await this.#statistics.report(report)
    this.#unsettled = undefined
    this.#traces.told()
    this.#toldAt = performance.now()
  }

  #next(): Report {
    this.#changes = this.#counters.changes
    const now = this.#counters.tallies()
    const families = this.#since(now)
    const history = new Map<string, number>()
    for (const tally of families.values()) {
      for (const name of HISTORY) {
        const count = tally.get(name)
        if (count) history.set(name, (history.get(name) ?? 0) + count)
      }
    }
    this.#told = now
    this.#sequence++
    const { heapUsed, rss } = process.memoryUsage()
    const about = { ...this.#about, heapUsed, rss, ...aboutMemory(this.#memory) }
    return {
      process: this.id,
      sequence: this.#sequence,
      about,
      families,
      history,
      events: this.#events.take(),
      requests: this.#requests.take((request) => this.#misses.corrected(request)),
      traces: this.#traces.take(),
    }
  }

  #news(): boolean {
    return (
      this.#counters.changes > this.#changes ||
      !this.#misses.isEmpty ||
      !this.#traces.isEmpty ||
      !this.#events.isEmpty ||
      !this.#requests.isEmpty
    )
  }

  #since(now: ReadonlyMap<string, Tally>): Map<string, Tally> {
    const families = new Map<string, Tally>()
    for (const [family, tally] of now) {
      const told = this.#told.get(family)
      // What has gone since was counted for a reason that turned out to be another.
      const names = new Set([...tally.keys(), ...(told?.keys() ?? [])])
      const grown = [...names].flatMap((name) => {
        const more = (tally.get(name) ?? 0) - (told?.get(name) ?? 0)
        return more === 0 ? [] : [[name, more] as const]
      })
      if (grown.length > 0) families.set(family, new Map(grown))
    }
    return families
  }
}

function aboutMemory(memory: ProcessMemory | undefined): Record<string, number> {
  if (!memory) return {}
  const { entries, bytes, isServing } = memory.usage
  return { memoryEntries: entries, memoryBytes: bytes, memoryServing: Number(isServing) }
}

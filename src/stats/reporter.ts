import { setTimeout as pause } from 'node:timers/promises'
import { detached, ignore } from '../background.js'
import { withDeadline } from '../store/deadline.js'
import { newId } from '../store/ids.js'
import type { Report, Statistics } from '../store/statistics.js'
import { ReportBuilder, type ReportSources } from './report-builder.js'

/** Pause between two reports, so that figures are a second old at most. */
const PAUSE_MS = 750
/** Time after which a process reports although nothing was counted. */
const HEARTBEAT_MS = 5_000

/**
 * Reports to the store what this process has counted, about once a second. A report that was not confirmed is sent again
 * unchanged before the next one, and counts once. Nothing is sent until the cache is first used.
 */
export class Reporter {
  /** Id of this cache in this run of the process. */
  readonly id: string
  readonly #statistics: Statistics
  readonly #sources: ReportSources
  readonly #reports: ReportBuilder
  readonly #timeoutMs: number
  readonly #stopped = new AbortController()
  #unconfirmed: Report | undefined
  #reportedAt = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  #loop: Promise<void> | undefined
  #isOver = false

  /** `timeoutMs` is the deadline of the store's operations. */
  constructor(statistics: Statistics, sources: ReportSources, timeoutMs: number) {
    this.id = `${sources.host}:${sources.pid}:${newId().toString('hex')}`
    this.#statistics = statistics
    this.#sources = sources
    this.#reports = new ReportBuilder(this.id, sources)
    this.#timeoutMs = timeoutMs
  }

  /** Begins to report. */
  start(): void {
    if (!this.#stopped.signal.aborted) this.#loop ??= detached(() => this.#repeat())
  }

  /**
   * Reports everything counted so far.
   * @throws CacheNotRespondingError when the store did not confirm it: then it is reported later
   */
  async report(): Promise<void> {
    // A report under way may have been made before the last count.
    await this.#running?.catch(ignore)
    this.#running ??= detached(() => this.#reportNow()).finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  /** Ends reporting, after a last report that may take as long as one operation of the store. */
  async close(): Promise<void> {
    this.#stopped.abort()
    if (!this.#loop) return
    await withDeadline(performance.now() + this.#timeoutMs, this.#last(), 'The store').catch(ignore)
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
      if (!signal.aborted && this.#isDue()) await this.report().catch(ignore)
    }
  }

  #isDue(): boolean {
    const { sequence, hasContent } = this.#reports
    const isHeartbeat = sequence > 0 && performance.now() - this.#reportedAt >= HEARTBEAT_MS
    return isHeartbeat || this.#unconfirmed !== undefined || hasContent
  }

  async #reportNow(): Promise<void> {
    if (this.#unconfirmed) await this.#send(this.#unconfirmed)
    // When this fails, the report will fail too: the misses keep the reason that was found first.
    await this.#sources.misses.explain().catch(ignore)
    // `close` may have stopped waiting.
    if (this.#isOver) return
    await this.#send(this.#reports.next())
  }

  async #send(report: Report): Promise<void> {
    this.#unconfirmed = report
    await this.#statistics.report(report)
    this.#unconfirmed = undefined
    this.#sources.keyHistory.confirmed()
    this.#reportedAt = performance.now()
  }
}

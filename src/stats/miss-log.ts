import { detached, ignore } from '../background.js'
import type { CacheKey } from '../key/cache-key.js'
import type { KeyHistory } from '../store/key-history.js'
import type { Statistics } from '../store/statistics.js'
import type { MissReason } from '../tiers/outcome.js'
import type { Counters } from './counters.js'
import { type Explanation, explainMiss, isExplainable } from './explain.js'
import { FoundReasons } from './found-reasons.js'
import type { KeyHistoryLog } from './key-history-log.js'
import { type ReportedHistory, readKeyHistories } from './read-key-histories.js'
import type { RequestRecord } from './request-record.js'

/** Maximum number of groups that are explained at a time; further misses keep the reason found in their place. */
const MAX_GROUPS = 500

/** Maximum number of publications of one group; further misses are published with the reason found in their place. */
const MAX_PUBLISHED = 10_000

/** Clocks of two processes are estimates: a write reported this shortly before a read may have come after it. */
const DOUBT_MS = 25

/** Misses of one key with the same reason and the same last change. */
interface MissGroup {
  readonly key: CacheKey
  readonly reason: MissReason
  /** When the first of them began, by `performance.now()`: later changes explain nothing. */
  readonly at: number
  /** The unreported change of the key at that time. */
  readonly unreported: KeyHistory
  /** Number of misses that are counted. */
  count: number
  /** Publishes the misses when their reason is known. */
  readonly publish: Publish[]
}

/** Publishes misses with their reason. */
export type Publish = (reason: MissReason) => void

/**
 * Misses that the history of their key may explain. They are counted at once, and counted for another reason when that
 * is found, which is before the next report.
 */
export class MissLog {
  readonly #statistics: Statistics
  readonly #keyHistory: KeyHistoryLog
  readonly #counters: Counters
  readonly #found = new FoundReasons()
  #groups = new Map<string, MissGroup>()
  /** Whether an explanation of published misses is under way or scheduled. */
  #isExplaining = false

  constructor(statistics: Statistics, keyHistory: KeyHistoryLog, counters: Counters) {
    this.#statistics = statistics
    this.#keyHistory = keyHistory
    this.#counters = counters
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0
  }

  /**
   * Adds misses of a key, of which the first began at `at` and `times` are counted. With `publish` they are explained at
   * once. Returns whether `publish` will be called: not for a reason that needs no explanation, nor beyond the maximum.
   */
  add(key: CacheKey, reason: MissReason, at: number, times: number, publish?: Publish): boolean {
    if (!isExplainable(reason)) return false
    const change = this.#keyHistory.of(key.text)
    const id = `${reason} ${change?.at ?? ''} ${key.text}`
    let group = this.#groups.get(id)
    if (!group) {
      if (this.#groups.size >= MAX_GROUPS) return false
      group = { key, reason, at, unreported: change ? [change] : [], count: 0, publish: [] }
      this.#groups.set(id, group)
    }
    group.count += times
    if (!publish || group.publish.length >= MAX_PUBLISHED) return false
    group.publish.push(publish)
    this.#explainSoon()
    return true
  }

  /**
   * Explains all misses of this moment.
   * @throws CacheNotRespondingError: then they keep the reason found in their place
   */
  async explain(): Promise<void> {
    const groups = [...this.#groups.values()]
    this.#groups = new Map()
    if (groups.length === 0) return
    const reasons = groups.map(({ reason }) => reason)
    try {
      const histories = await this.#histories(groups.map(({ key }) => key))
      for (const [index, { key, reason, at, unreported, count }] of groups.entries()) {
        const { reported, above } = histories[index] as ReportedHistory
        const own = [...unreported, ...surelyBefore(at, reported)]
        const found = explainMiss({ reason, at, own, above })
        if (found.reason === reason) continue
        reasons[index] = found.reason
        if (count > 0) this.#counters.correctMisses(key.family, reason, found.reason, count)
        this.#found.add(key.text, found.reason, at)
      }
    } finally {
      for (const [index, { publish }] of groups.entries())
        for (const one of publish) one(reasons[index] as MissReason)
    }
  }

  /** Explains published misses, one batch after the other. */
  #explainSoon(): void {
    if (this.#isExplaining) return
    this.#isExplaining = true
    detached(() => setImmediate(() => void this.#explainAll()))
  }

  async #explainAll(): Promise<void> {
    // A failure has published them with the reason found in their place.
    while (!this.isEmpty) await this.explain().catch(ignore)
    this.#isExplaining = false
  }

  /**
   * Explains why a key is missing now. Nothing is counted.
   * @throws CacheNotRespondingError
   */
  async explainOne(key: CacheKey, reason: MissReason): Promise<Explanation> {
    if (!isExplainable(reason)) return { reason }
    const [history] = await this.#histories([key])
    const { reported, above } = history as ReportedHistory
    const change = this.#keyHistory.of(key.text)
    const own = change ? [change, ...reported] : reported
    return explainMiss({ reason, at: performance.now(), own, above })
  }

  /** A logged request with the reasons that were found since. */
  corrected(request: RequestRecord): RequestRecord {
    return this.#found.correct(request)
  }

  #histories(keys: readonly CacheKey[]): Promise<ReportedHistory[]> {
    return readKeyHistories(keys, this.#statistics, this.#keyHistory)
  }
}

function surelyBefore(at: number, changes: KeyHistory): KeyHistory {
  return changes.filter((change) => change.kind !== 'written' || change.at <= at - DOUBT_MS)
}

import { detached, ignore } from '../background.js'
import { BoundedMap } from '../bounded-map.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Statistics } from '../store/statistics.js'
import { type Traces, treeOf } from '../store/traces.js'
import type { MissReason } from '../tiers/outcome.js'
import type { Counters } from './counters.js'
import { type Explanation, explain, isExplainable } from './explain.js'
import type { RequestRecord } from './request-log.js'
import type { TraceLog } from './trace-log.js'

/** So many different ones are explained in one go; the rest keep the reason that was found in their place. */
const MAX_MISSES = 500
/** So many explanations are kept for the requests that they belong to, and good for those of so long. */
const MAX_EXPLAINED = 1_000
const EXPLAINED_MS = 2_000

/** Clocks of two processes are estimates: what was told to be written so shortly before a read may have come after it. */
const DOUBT_MS = 25

/** The most publications that wait for one explanation: beyond it, misses are published as they were found. */
const MAX_PUBLISHED = 10_000

/** Misses of one key that look alike. */
interface Miss {
  readonly key: CacheKey
  readonly reason: MissReason
  /** When the first of them began, by `performance.now()`: what was written since explains nothing. */
  readonly at: number
  /** What this process had not told yet of its key then. */
  readonly own: Traces
  /** How many of them are counted. */
  count: number
  /** Publish them, once the reason is known. */
  readonly publish: Publish[]
}

/** Publishes misses with their reason. */
export type Publish = (reason: MissReason) => void

/**
 * Misses whose reason is not all in the key's place. They are counted at once,
 * and explained before they are told: by what all processes remember of the
 * key and of what lies above it.
 */
export class MissLog {
  readonly #statistics: Statistics
  readonly #traces: TraceLog
  readonly #counters: Counters
  #misses = new Map<string, Miss>()
  /** Whether an explanation is under way, or about to begin, for misses that wait to be published. */
  #isHurrying = false
  readonly #explained = new BoundedMap<string, { readonly at: number; readonly reason: MissReason }>(
    MAX_EXPLAINED,
  )

  constructor(statistics: Statistics, traces: TraceLog, counters: Counters) {
    this.#statistics = statistics
    this.#traces = traces
    this.#counters = counters
  }

  get isEmpty(): boolean {
    return this.#misses.size === 0
  }

  /**
   * Adds misses of one key, of which the first began at `at` and `times` are counted. With `publish` they are explained
   * at once: returns whether that will be called. It is not for a reason that needs no explanation, and beyond what can
   * be explained.
   */
  add(key: CacheKey, reason: MissReason, at: number, times: number, publish?: Publish): boolean {
    if (!isExplainable(reason)) return false
    const own = this.#traces.of(key.text)
    const id = `${reason} ${own?.at ?? ''} ${key.text}`
    let miss = this.#misses.get(id)
    if (!miss) {
      if (this.#misses.size >= MAX_MISSES) return false
      miss = { key, reason, at, own: own ? [own] : [], count: 0, publish: [] }
      this.#misses.set(id, miss)
    }
    miss.count += times
    if (!publish || miss.publish.length >= MAX_PUBLISHED) return false
    miss.publish.push(publish)
    this.#hurry()
    return true
  }

  /**
   * Explains those that there are.
   * @throws CacheNotRespondingError: then they stay as they are
   */
  async explain(): Promise<void> {
    const misses = [...this.#misses.values()]
    this.#misses = new Map()
    if (misses.length === 0) return
    const reasons = misses.map(({ reason }) => reason)
    try {
      const remembered = await this.#remembered(misses.map(({ key }) => key))
      for (const [index, { key, reason, at, own, count }] of misses.entries()) {
        const { traces, above } = remembered[index] as Remembered
        const found = explain({ reason, at, traces: [...own, ...surelyBefore(at, traces)], above })
        if (found.reason === reason) continue
        reasons[index] = found.reason
        if (count > 0) this.#counters.correctMisses(key.family, reason, found.reason, count)
        this.#explained.set(key.text, { at, reason: found.reason })
      }
    } finally {
      for (const [index, { publish }] of misses.entries())
        for (const one of publish) one(reasons[index] as MissReason)
    }
  }

  /** Explains what waits to be published, one batch after the other. */
  #hurry(): void {
    if (this.#isHurrying) return
    this.#isHurrying = true
    detached(() => setImmediate(() => void this.#explainAll()))
  }

  async #explainAll(): Promise<void> {
    // Where that fails, they are published with the reason that was found in their place.
    while (!this.isEmpty) await this.explain().catch(ignore)
    this.#isHurrying = false
  }

  /**
   * Why a key is missing now for this reason, as far as is known. Nothing is counted.
   * @throws CacheNotRespondingError
   */
  async explainOne(key: CacheKey, reason: MissReason): Promise<Explanation> {
    if (!isExplainable(reason)) return { reason }
    const [remembered] = await this.#remembered([key])
    const { traces, above } = remembered as Remembered
    const own = this.#traces.of(key.text)
    return explain({ reason, at: performance.now(), traces: own ? [own, ...traces] : traces, above })
  }

  /** A request that was taken down, with the reasons that have been found since. */
  corrected(request: RequestRecord): RequestRecord {
    const calls = request.calls.map((call) => {
      if (!isExplainable(call.reason as MissReason)) return call
      const found = this.#explained.get(call.key)
      const began = request.at + call.afterMs - performance.timeOrigin
      // What was found is about the first of several misses, which may be another request's.
      const isOfIt = found && found.at >= began - EXPLAINED_MS && found.at <= began + call.durationMs + 1
      return isOfIt ? { ...call, reason: found.reason } : call
    })
    return { ...request, calls }
  }

  /** What is remembered of keys, and of the trees above them with what this process has not told of those yet. */
  async #remembered(keys: readonly CacheKey[]): Promise<Remembered[]> {
    const trees = (key: CacheKey) => [treeOf(), ...key.ancestors.map(treeOf)]
    const names = [...new Set(keys.flatMap((key) => [key.text, ...trees(key)]))]
    const all = await this.#statistics.traces(names)
    const byName = new Map(names.map((name, index) => [name, all[index] as Traces]))
    const of = (name: string) => byName.get(name) ?? []
    return keys.map((key) => ({
      traces: of(key.text),
      above: trees(key).map((tree) => {
        const untold = this.#traces.of(tree)
        return untold ? [untold, ...of(tree)] : of(tree)
      }),
    }))
  }
}

function surelyBefore(at: number, traces: Traces): Traces {
  return traces.filter((trace) => trace.kind !== 'written' || trace.at <= at - DOUBT_MS)
}

interface Remembered {
  readonly traces: Traces
  readonly above: readonly Traces[]
}

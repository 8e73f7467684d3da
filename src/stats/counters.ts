import type { BreakerStatus } from '../store/health.js'
import { type Counts, OTHER_FAMILIES } from '../store/statistics.js'
import type { MissReason, Tier } from '../tiers/outcome.js'
import { cacheToCounts, NO_FAMILY, toCounts } from './counts.js'
import { addFigures, noCacheFigures, noFigures } from './figures.js'
import { record } from './latency.js'
import type { CacheFigures, Counter, Figures } from './metrics.js'

/** Figures of this process since it started, and its circuit breakers as they are now. */
export interface ProcessStats extends Readonly<CacheFigures> {
  /** `host:pid` */
  readonly process: string
  /** Time at which counting began, in milliseconds since the epoch. */
  readonly since: number
  /** Figures of all families together. */
  readonly totals: Readonly<Figures>
  /** Figures by family: the first segment of the keys. Families beyond the first hundred are counted as `other`. */
  readonly families: ReadonlyMap<string, Readonly<Figures>>
  /** One for each server of the store. None for a store in this process. */
  readonly breakers: readonly BreakerStatus[]
}

/** Figures of this process since it started. */
type ProcessFigures = Omit<ProcessStats, 'breakers'>

/** Maximum number of families that are counted separately. */
const MAX_FAMILIES = 100

/** Figures of this process, in memory. */
export class Counters {
  readonly #process: string
  readonly #since = Date.now()
  readonly #families = new Map<string, Figures>()
  readonly #cache = noCacheFigures()
  readonly #onFirst: () => void
  #revision = 0

  /** `onFirst` is called at the first count. */
  constructor(process: string, onFirst: () => void) {
    this.#process = process
    this.#onFirst = onFirst
  }

  /** A hit that took `ms`, of a value that took `computingMs` to compute. */
  hit(family: string, tier: Tier, ms: number, computingMs: number): void {
    const figures = this.#of(family)
    figures.hits++
    figures.savedMs += computingMs
    if (tier === 'request') figures.requestHits++
    else if (tier === 'process') figures.processHits++
    record(figures.latency[tier], ms)
  }

  miss(family: string, reason: MissReason, ms: number): void {
    const figures = this.#of(family)
    figures.misses++
    figures.missesBy[reason] = (figures.missesBy[reason] ?? 0) + 1
    record(figures.latency.miss, ms)
  }

  /** Attributes misses that were counted for one reason to another. */
  correctMisses(family: string, from: MissReason, to: MissReason, times: number): void {
    // A family beyond the maximum may hold fewer misses of that reason than `times`.
    const { missesBy } = this.#of(family)
    const rest = (missesBy[from] ?? 0) - times
    if (rest > 0) missesBy[from] = rest
    else delete missesBy[from]
    missesBy[to] = (missesBy[to] ?? 0) + times
  }

  computation(family: string, computingMs: number, failed: boolean): void {
    const figures = this.#of(family)
    figures.computations++
    figures.computingMs += computingMs
    if (failed) figures.failedComputations++
    record(figures.latency.compute, computingMs)
  }

  count(family: string, counter: Counter, times = 1): void {
    this.#of(family)[counter] += times
  }

  /** Counts something that concerns the cache as a whole. */
  countForCache(counter: keyof CacheFigures): void {
    this.#change()
    this.#cache[counter]++
  }

  /** Changes with every count. */
  get revision(): number {
    return this.#revision
  }

  /** The figures as counts by family. */
  counts(): Map<string, Counts> {
    const counts = new Map<string, Counts>()
    for (const [family, figures] of this.#families) counts.set(family, toCounts(figures))
    return counts.set(NO_FAMILY, cacheToCounts(this.#cache))
  }

  /** A copy of the present figures. */
  snapshot(): ProcessFigures {
    const totals = noFigures()
    const families = new Map<string, Figures>()
    for (const [family, figures] of this.#families) {
      families.set(family, addFigures(noFigures(), figures))
      addFigures(totals, figures)
    }
    return { process: this.#process, since: this.#since, totals, ...this.#cache, families }
  }

  #change(): void {
    if (this.#revision++ === 0) this.#onFirst()
  }

  #of(family: string): Figures {
    this.#change()
    let figures = this.#families.get(family)
    if (figures === undefined) {
      if (this.#families.size >= MAX_FAMILIES && family !== OTHER_FAMILIES) return this.#of(OTHER_FAMILIES)
      figures = noFigures()
      this.#families.set(family, figures)
    }
    return figures
  }
}

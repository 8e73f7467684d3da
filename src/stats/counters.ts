import { OTHER_FAMILIES, type Tally } from '../store/statistics.js'
import type { MissReason, Tier } from '../tiers/outcome.js'
import { addFigures, type Figures, NO_FAMILY, noFigures, toTally } from './figures.js'
import { record } from './latency.js'

/** Figures that are counted one by one as they happen. */
export type ComputeFigure =
  | 'waits'
  | 'avoided'
  | 'takeovers'
  | 'fencedCommits'
  | 'unstorable'
  | 'earlyRefreshes'
  | 'staleServed'

/** What one process has counted since it started. */
export interface ProcessStats {
  /** `host:pid` */
  readonly process: string
  /** When counting began, in milliseconds since the epoch. */
  readonly since: number
  readonly totals: Readonly<Figures>
  readonly clears: number
  /** Operations that the store did not surely carry out. */
  readonly troubles: number
  /** By the first segment of the key; beyond the first hundred families together as `other`. */
  readonly families: ReadonlyMap<string, Readonly<Figures>>
}

/** More families than this are counted together. */
const MAX_FAMILIES = 100

/** Counts in memory, without any I/O. */
export class Counters {
  readonly #process: string
  readonly #since = Date.now()
  readonly #families = new Map<string, Figures>()
  readonly #onFirst: () => void
  #changes = 0
  #clears = 0
  #troubles = 0

  /** `onFirst` is called once there is something to tell. */
  constructor(process: string, onFirst: () => void) {
    this.#process = process
    this.#onFirst = onFirst
  }

  /** A hit that took so long, of a value that took so long to compute. */
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

  /** Of the misses counted for one reason, so many were for another. */
  correctMisses(family: string, from: MissReason, to: MissReason, times: number): void {
    // Beyond the first hundred, families are counted together.
    const { missesBy } = this.#of(family)
    const left = (missesBy[from] ?? 0) - times
    if (left > 0) missesBy[from] = left
    else delete missesBy[from]
    missesBy[to] = (missesBy[to] ?? 0) + times
  }

  write(family: string): void {
    this.#of(family).writes++
  }

  /** A value of so many bytes was stored, whether it was set or computed. */
  stored(family: string, bytes: number): void {
    this.#of(family).storedBytes += bytes
  }

  refusedFill(family: string): void {
    this.#of(family).refusedFills++
  }

  delete(family: string, children: boolean): void {
    const figures = this.#of(family)
    figures.deletes++
    if (children) figures.treeDeletes++
  }

  expire(family: string): void {
    this.#of(family).expires++
  }

  computation(family: string, computingMs: number, failed: boolean): void {
    const figures = this.#of(family)
    figures.computations++
    figures.computingMs += computingMs
    if (failed) figures.failedComputations++
    record(figures.latency.compute, computingMs)
  }

  count(family: string, figure: ComputeFigure, times: number): void {
    this.#of(family)[figure] += times
  }

  clear(): void {
    this.#change()
    this.#clears++
  }

  trouble(): void {
    this.#change()
    this.#troubles++
  }

  /** How often anything was counted. */
  get changes(): number {
    return this.#changes
  }

  /** The same figures as `snapshot` gives, by family, as whole numbers by name. */
  tallies(): Map<string, Tally> {
    const tallies = new Map<string, Tally>()
    for (const [family, figures] of this.#families) tallies.set(family, toTally(figures))
    const whole = Object.entries({ clears: this.#clears, troubles: this.#troubles })
    return tallies.set(NO_FAMILY, new Map(whole.filter(([, count]) => count > 0)))
  }

  /** The figures at this moment: a copy. */
  snapshot(): ProcessStats {
    const totals = noFigures()
    const families = new Map<string, Figures>()
    for (const [family, figures] of this.#families) {
      families.set(family, addFigures(noFigures(), figures))
      addFigures(totals, figures)
    }
    return {
      process: this.#process,
      since: this.#since,
      totals,
      clears: this.#clears,
      troubles: this.#troubles,
      families,
    }
  }

  #change(): void {
    if (this.#changes++ === 0) this.#onFirst()
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

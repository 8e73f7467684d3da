import type { MissReason, Tier } from '../tiers/outcome.js'

/** What was counted of one family, or of all. Plain numbers since the process started. */
export interface Figures {
  hits: number
  /** Of the hits, those that a request's own memory answered. */
  requestHits: number
  misses: number
  missesBy: Partial<Record<MissReason, number>>
  writes: number
  /** Fills that were not stored because their key was invalidated meanwhile. */
  refusedFills: number
  deletes: number
  /** Of the deletes, those with children. */
  treeDeletes: number
  /** Values that factories have computed, each of a batch by itself, and how many of them failed. */
  computations: number
  failedComputations: number
  /** What they took together, in milliseconds; each of a batch as long as the batch. */
  computingMs: number
  /** Callers that waited for somebody else's computation, in this process or another. */
  waits: number
  /** Callers that got what somebody else has computed meanwhile: computations that were avoided. */
  avoided: number
  /** Computations begun because another process had let its lease lapse: it died, or was held up. */
  takeovers: number
  /** Values that were computed and not stored, because their key was invalidated meanwhile or the lease was lost. */
  fencedCommits: number
  /** Values computed anew before they expired. */
  earlyRefreshes: number
  /** Reads that were answered with a stale value, by its grace. */
  staleServed: number
}

/** Figures that are counted one by one as they happen. */
export type ComputeFigure =
  | 'waits'
  | 'avoided'
  | 'takeovers'
  | 'fencedCommits'
  | 'earlyRefreshes'
  | 'staleServed'

export interface CacheStats {
  /** What the figures cover. */
  readonly scope: 'this process'
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
export const OTHER_FAMILIES = 'other'

/** Counts in memory, without any I/O. */
export class Counters {
  readonly #process: string
  readonly #since = Date.now()
  readonly #families = new Map<string, Figures>()
  #clears = 0
  #troubles = 0

  constructor(process: string) {
    this.#process = process
  }

  hit(family: string, tier: Tier): void {
    const figures = this.#of(family)
    figures.hits++
    if (tier === 'request') figures.requestHits++
  }

  miss(family: string, reason: MissReason): void {
    const figures = this.#of(family)
    figures.misses++
    figures.missesBy[reason] = (figures.missesBy[reason] ?? 0) + 1
  }

  write(family: string): void {
    this.#of(family).writes++
  }

  refusedFill(family: string): void {
    this.#of(family).refusedFills++
  }

  delete(family: string, children: boolean): void {
    const figures = this.#of(family)
    figures.deletes++
    if (children) figures.treeDeletes++
  }

  computation(family: string, computingMs: number, failed: boolean): void {
    const figures = this.#of(family)
    figures.computations++
    figures.computingMs += computingMs
    if (failed) figures.failedComputations++
  }

  count(family: string, figure: ComputeFigure, times: number): void {
    this.#of(family)[figure] += times
  }

  clear(): void {
    this.#clears++
  }

  trouble(): void {
    this.#troubles++
  }

  /** The figures at this moment: a copy. */
  snapshot(): CacheStats {
    const totals = noFigures()
    const families = new Map<string, Figures>()
    for (const [family, figures] of this.#families) {
      families.set(family, structuredClone(figures))
      add(totals, figures)
    }
    return {
      scope: 'this process',
      process: this.#process,
      since: this.#since,
      totals,
      clears: this.#clears,
      troubles: this.#troubles,
      families,
    }
  }

  #of(family: string): Figures {
    let figures = this.#families.get(family)
    if (figures === undefined) {
      if (this.#families.size >= MAX_FAMILIES && family !== OTHER_FAMILIES) return this.#of(OTHER_FAMILIES)
      figures = noFigures()
      this.#families.set(family, figures)
    }
    return figures
  }
}

function noFigures(): Figures {
  return {
    hits: 0,
    requestHits: 0,
    misses: 0,
    missesBy: {},
    writes: 0,
    refusedFills: 0,
    deletes: 0,
    treeDeletes: 0,
    computations: 0,
    failedComputations: 0,
    computingMs: 0,
    waits: 0,
    avoided: 0,
    takeovers: 0,
    fencedCommits: 0,
    earlyRefreshes: 0,
    staleServed: 0,
  }
}

function add(totals: Figures, { missesBy, ...figures }: Figures): void {
  for (const name of Object.keys(figures) as (keyof typeof figures)[]) totals[name] += figures[name]
  for (const [reason, count] of Object.entries(missesBy)) {
    const by = reason as MissReason
    totals.missesBy[by] = (totals.missesBy[by] ?? 0) + count
  }
}

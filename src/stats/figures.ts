import type { Tally } from '../store/statistics.js'
import type { MissReason, Tier } from '../tiers/outcome.js'
import { isAmount } from './amounts.js'
import { addLatency, CLASSES, type Latency, noLatency } from './latency.js'

/** What was counted of one family, or of all. */
export interface Figures {
  hits: number
  /** Of the hits, those that a request's own memory answered. */
  requestHits: number
  /** Of the hits, those that the process's memory answered. */
  processHits: number
  misses: number
  missesBy: Partial<Record<MissReason, number>>
  writes: number
  /** Bytes of the values that were stored, set and computed ones, as the store holds them. */
  storedBytes: number
  /** Fills that were not stored because their key was invalidated meanwhile. */
  refusedFills: number
  deletes: number
  /** Of the deletes, those with children. */
  treeDeletes: number
  /** Soft expiries, with children or without. */
  expires: number
  /** Values that factories have computed, each of a batch by itself, and how many of them failed. */
  computations: number
  failedComputations: number
  /** What they took together, in milliseconds; each of a batch as long as the batch. */
  computingMs: number
  /** What hits in the store would have taken to compute: each as long as it took when it was computed. */
  savedMs: number
  /** Callers that waited for somebody else's computation, in this process or another. */
  waits: number
  /** Callers that got what somebody else has computed meanwhile: computations that were avoided. */
  avoided: number
  /** Computations begun because another process had let its lease lapse: it died, or was held up. */
  takeovers: number
  /** Values that were computed and not stored, because their key was invalidated meanwhile or the lease was lost. */
  fencedCommits: number
  /** Values that were computed and not stored, because they cannot be, or the TTL computed for them is no duration. */
  unstorable: number
  /** Values computed anew before they expired. */
  earlyRefreshes: number
  /** Reads that were answered with a stale value, by its grace. */
  staleServed: number
  /** How long reads took, by what answered them, and computations: see `quantile`. */
  latency: Record<Timed, Latency>
}

/** What is timed: hits by their tier, misses, runs of factories. */
export type Timed = Tier | 'miss' | 'compute'

const TIMED = ['request', 'process', 'store', 'miss', 'compute'] as const satisfies readonly Timed[]

/** Figures that are plain counts. */
type Count = Exclude<keyof Figures, 'missesBy' | 'latency' | 'computingMs' | 'savedMs'>

const COUNTS = [
  'hits',
  'requestHits',
  'processHits',
  'misses',
  'writes',
  'storedBytes',
  'refusedFills',
  'deletes',
  'treeDeletes',
  'expires',
  'computations',
  'failedComputations',
  'waits',
  'avoided',
  'takeovers',
  'fencedCommits',
  'unstorable',
  'earlyRefreshes',
  'staleServed',
] as const satisfies readonly Count[]

const TIMES = ['computingMs', 'savedMs'] as const

export function noFigures(): Figures {
  return {
    hits: 0,
    requestHits: 0,
    processHits: 0,
    misses: 0,
    // Reasons are names from anywhere: none of them may be one of Object.prototype.
    missesBy: Object.create(null),
    writes: 0,
    storedBytes: 0,
    refusedFills: 0,
    deletes: 0,
    treeDeletes: 0,
    expires: 0,
    computations: 0,
    failedComputations: 0,
    computingMs: 0,
    savedMs: 0,
    waits: 0,
    avoided: 0,
    takeovers: 0,
    fencedCommits: 0,
    unstorable: 0,
    earlyRefreshes: 0,
    staleServed: 0,
    latency: {
      request: noLatency(),
      process: noLatency(),
      store: noLatency(),
      miss: noLatency(),
      compute: noLatency(),
    },
  }
}

export function addFigures(to: Figures, from: Readonly<Figures>): Figures {
  for (const name of COUNTS) to[name] += from[name]
  for (const name of TIMES) to[name] += from[name]
  for (const timed of TIMED) addLatency(to.latency[timed], from.latency[timed])
  for (const [reason, count] of Object.entries(from.missesBy)) {
    const by = reason as MissReason
    to.missesBy[by] = (to.missesBy[by] ?? 0) + count
  }
  return to
}

/** Stands for the cache as a whole among the families. */
export const NO_FAMILY = ''

const REASON = 'miss:'
const MAX_REASON = 60
const LATENCY = 'in:'

/** The same as whole numbers by name, without those that are 0: times in microseconds. */
export function toTally(figures: Readonly<Figures>): Map<string, number> {
  const tally = new Map<string, number>()
  const put = (name: string, count: number) => count !== 0 && tally.set(name, count)
  for (const name of COUNTS) put(name, figures[name])
  for (const name of TIMES) put(name, Math.round(figures[name] * 1_000))
  for (const [reason, count] of Object.entries(figures.missesBy)) put(REASON + reason, count)
  for (const timed of TIMED) {
    for (const [index, count] of figures.latency[timed].entries()) put(`${LATENCY}${timed}:${index}`, count)
  }
  return tally
}

/** Names that are not known, from a newer version, are left out. */
export function fromTally(tally: Tally): Figures {
  const figures = noFigures()
  for (const name of COUNTS) figures[name] = countOf(tally.get(name))
  for (const name of TIMES) figures[name] = countOf(tally.get(name)) / 1_000
  for (const [name, given] of tally) {
    // What was counted for one reason may all turn out to have another, also after a store has lost what was told.
    const count = countOf(given)
    if (count === 0) continue
    if (name.startsWith(REASON) && name.length <= MAX_REASON)
      figures.missesBy[name.slice(REASON.length) as MissReason] = count
    else if (name.startsWith(LATENCY)) addClass(figures, name.slice(LATENCY.length), count)
  }
  return figures
}

/** A count, or 0 for what is none. */
function countOf(given: unknown): number {
  return isAmount(given) ? given : 0
}

function addClass({ latency }: Figures, name: string, count: number): void {
  const [timed = '', index = ''] = name.split(':')
  if (!Object.hasOwn(latency, timed) || !/^\d{1,2}$/.test(index) || Number(index) >= CLASSES) return
  const counts = Array<number>(Number(index)).fill(0)
  addLatency(latency[timed as Timed], [...counts, count])
}

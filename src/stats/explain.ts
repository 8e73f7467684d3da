import type { Trace, Traces } from '../store/traces.js'
import type { MissReason } from '../tiers/outcome.js'

/** Reasons of which more may be known than what stands in the key's place tells. */
const EXPLAINABLE = new Set<MissReason>(['absent', 'deleted', 'ancestor-deleted'])

export function isExplainable(reason: MissReason): boolean {
  return EXPLAINABLE.has(reason)
}

/** Clocks of two processes are estimates: what is gone so shortly before its time has expired. */
const TOLERANCE_MS = 1_000

/** Why a read missed, as far as is known. */
export interface Explanation {
  readonly reason: MissReason
  /** What that follows from; nothing where the reason is what was found in the key's place. */
  readonly trace?: Trace
  /** For `ancestor-deleted`: how many segments the deleted ancestor has; 0 is the prefix. */
  readonly depth?: number
}

export interface Evidence {
  /** What was found in the key's place. */
  readonly reason: MissReason
  /** When, by `performance.now()`. */
  readonly at: number
  /** What is remembered of the key, in no order. */
  readonly traces: Traces
  /** The same of the trees above it, the prefix's first. */
  readonly above: readonly Traces[]
}

/**
 * Tells apart what looks alike in the store. Only what was before the miss
 * counts: by the time it is explained, the key has mostly been written anew.
 */
export function explain({ reason, at, traces, above }: Evidence): Explanation {
  const own = newestBefore(at, traces)
  if (own === undefined) return { reason }
  const deletes = above.map((tree) => newestBefore(at, tree)?.at ?? Number.NEGATIVE_INFINITY)
  const latest = Math.max(...deletes)
  if (latest > own.at) {
    const depth = deletes.indexOf(latest)
    const trace = { kind: 'deleted', at: latest, until: latest } as const
    return reason === 'absent' ? { reason: 'ancestor-deleted', trace, depth } : { reason }
  }
  // A delete is what stood in the way of the value that was fenced: what came of that says more.
  if (own.kind === 'fenced') return { reason: 'fenced', trace: own }
  if (reason !== 'absent') return { reason }
  if (own.kind === 'deleted') return { reason: 'deleted', trace: own }
  return { reason: at < own.until - TOLERANCE_MS ? 'evicted' : 'expired', trace: own }
}

function newestBefore(at: number, traces: Traces): Trace | undefined {
  return traces.reduce<Trace | undefined>(
    (newest, trace) => (trace.at <= at && (newest === undefined || trace.at > newest.at) ? trace : newest),
    undefined,
  )
}

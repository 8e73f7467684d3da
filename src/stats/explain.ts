import type { KeyChange, KeyHistory } from '../store/key-history.js'
import type { MissReason } from '../tiers/outcome.js'

/** Reasons that a key's history may replace by a better one. */
const EXPLAINABLE = new Set<MissReason>(['absent', 'deleted', 'ancestor-deleted'])

export function isExplainable(reason: MissReason): boolean {
  return EXPLAINABLE.has(reason)
}

/** Clocks of two processes are estimates: a value that was gone this shortly before its expiry has expired. */
const TOLERANCE_MS = 1_000

/** Why a read missed, as far as the key's history shows. */
export interface Explanation {
  readonly reason: MissReason
  /** The change that explains the miss; nothing where the reason is what was found in the key's place. */
  readonly change?: KeyChange
  /** For `ancestor-deleted`: number of segments of the deleted ancestor; 0 is the prefix. */
  readonly depth?: number
}

export interface MissEvidence {
  /** Reason that was found in the key's place. */
  readonly reason: MissReason
  /** Time of the read, by `performance.now()`. */
  readonly at: number
  /** Changes of the key, in any order. */
  readonly own: KeyHistory
  /** Changes of the trees above it, the prefix's first. */
  readonly above: readonly KeyHistory[]
}

/**
 * Explains a miss from the history of its key. Only changes before the read count: when it is explained, the key has
 * often been written again.
 */
export function explainMiss({ reason, at, own, above }: MissEvidence): Explanation {
  const change = newestBefore(at, own)
  if (change === undefined) return { reason }
  const deletes = above.map((tree) => newestBefore(at, tree)?.at ?? Number.NEGATIVE_INFINITY)
  const latest = Math.max(...deletes)
  if (latest > change.at) {
    const depth = deletes.indexOf(latest)
    const deleted = { kind: 'deleted', at: latest, until: latest } as const
    return reason === 'absent' ? { reason: 'ancestor-deleted', change: deleted, depth } : { reason }
  }
  // A delete that fenced a value leaves a tombstone too. That the value was refused explains more than the delete.
  if (change.kind === 'fenced') return { reason: 'fenced', change }
  if (reason !== 'absent') return { reason }
  if (change.kind === 'deleted') return { reason: 'deleted', change }
  return { reason: at < change.until - TOLERANCE_MS ? 'evicted' : 'expired', change }
}

function newestBefore(at: number, changes: KeyHistory): KeyChange | undefined {
  return changes.reduce<KeyChange | undefined>(
    (newest, change) =>
      change.at <= at && (newest === undefined || change.at > newest.at) ? change : newest,
    undefined,
  )
}

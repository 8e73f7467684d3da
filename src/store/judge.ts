import { expiredAt } from '../entry/expiry.js'
import { firstBrokenGeneration, parseFrame } from '../entry/frame.js'
import { parseGeneration } from '../entry/generation.js'
import type { Provenance } from '../entry/provenance.js'
import type { Reading } from './store.js'

/** Why a key is not cached, as far as the store can tell. */
export type AbsenceReason =
  /** Nothing stands there: never set, expired, or evicted. What is known beside that is found out later: see `Trace`. */
  | 'absent'
  /** It was deleted. */
  | 'deleted'
  /** Something above it was deleted with its children, or everything was cleared. */
  | 'ancestor-deleted'
  /** A generation above it is gone without a delete: evicted, or lost with a restart. */
  | 'generation-lost'
  /** What stands there is foreign, damaged or from a newer version. */
  | 'undecodable'

export type Judgement =
  | {
      readonly live: true
      readonly frame: Buffer
      /** Since when it is stale because somebody let it expire. */
      readonly expiredAt: number | undefined
    }
  | {
      readonly live: false
      readonly reason: AbsenceReason
      readonly provenance?: Provenance | undefined
      /** For `ancestor-deleted`: how many segments the deleted ancestor has; 0 is the prefix. */
      readonly depth?: number
    }

/** Says whether what was read is a live value. Only positive evidence counts: see docs/architecture.md. */
export function judge({ frame, generations }: Pick<Reading, 'frame' | 'generations'>): Judgement {
  if (frame === null) return { live: false, reason: 'absent' }
  const parsed = parseFrame(frame)
  switch (parsed.kind) {
    case 'marker':
      return { live: false, reason: 'absent' }
    case 'tombstone':
      return { live: false, reason: 'deleted', provenance: parsed.provenance }
    case 'unreadable':
      return { live: false, reason: 'undecodable' }
    case 'value':
      break
  }
  const broken = firstBrokenGeneration(frame, generations)
  if (broken === -1) return { live: true, frame, expiredAt: expiredAt(frame, generations) }
  if (parsed.generations !== generations.length) return { live: false, reason: 'undecodable' }
  const standing = generations[broken]
  const provenance = standing ? parseGeneration(standing)?.provenance : undefined
  return provenance
    ? { live: false, reason: 'ancestor-deleted', provenance, depth: broken }
    : { live: false, reason: 'generation-lost', depth: broken }
}

import { expiredAt } from '../entry/expiry.js'
import { firstBrokenGeneration, parseFrame } from '../entry/frame.js'
import { parseGeneration } from '../entry/generation.js'
import type { Provenance } from '../entry/provenance.js'
import type { ReadResult } from './store.js'

/** Why a key is not cached, as far as the store shows it. */
export type AbsenceReason =
  /** There is no frame, or a marker: never set, expired or evicted. */
  | 'absent'
  /** It was deleted. */
  | 'deleted'
  /** An ancestor was deleted with its children, or everything was cleared. */
  | 'ancestor-deleted'
  /** A generation above it is absent: evicted, or lost in a restart. */
  | 'generation-lost'
  /** The bytes are foreign, damaged or from a newer version. */
  | 'undecodable'

export type Liveness =
  | {
      readonly live: true
      readonly frame: Buffer
      /** Time of the soft expiry that made it stale, on the store's clock. */
      readonly expiredAt: number | undefined
    }
  | {
      readonly live: false
      readonly reason: AbsenceReason
      readonly provenance?: Provenance | undefined
      /** Number of segments of the deleted ancestor; 0 for the prefix. */
      readonly depth?: number
    }

/** Decides whether a reading is a live value, and if not, why. Only positive evidence counts: see docs/architecture.md. */
export function checkLiveness({ frame, generations }: Pick<ReadResult, 'frame' | 'generations'>): Liveness {
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
  const current = generations[broken]
  const provenance = current ? parseGeneration(current)?.provenance : undefined
  return provenance
    ? { live: false, reason: 'ancestor-deleted', provenance, depth: broken }
    : { live: false, reason: 'generation-lost', depth: broken }
}

import type { Figures } from '../../../stats/metrics.js'
import { share, whole } from '../../rendering/figures.js'
import { labelOf } from '../../rendering/label-of.js'
import { REASONS } from '../../rendering/reasons.js'

/** Misses by reason, the most frequent first. */
export function missReasonsOf({ missesBy, misses }: Readonly<Figures>) {
  return Object.entries(missesBy)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => ({
      // A newer version's process may report a reason that has no label here.
      label: labelOf(REASONS, reason) ?? reason,
      count: whole(count),
      share: share(count, misses),
    }))
}

import type { CacheStats } from '../../../stats/cache-stats.js'
import type { Figures } from '../../../stats/metrics.js'
import { OTHER_FAMILIES } from '../../../store/statistics.js'
import { maskKey } from '../../masking/mask-key.js'
import type { PageRequest } from '../../page-request.js'
import { latency, nonZero, share, size, whole } from '../../rendering/figures.js'
import { storeReadLatency } from './latencies.js'
import { missReasonsOf } from './miss-reasons.js'
import { readsOf } from './totals.js'

/** Beyond this number, new families are counted together. */
const MAX_FAMILIES = 100

/** Figures by the first segment of the key, the busiest family first. */
export function familiesOf(families: CacheStats['families'], request: PageRequest) {
  const isCut = families.size > MAX_FAMILIES
  return [...families]
    .sort(([, one], [, other]) => readsOf(other) - readsOf(one))
    .map(([name, figures]) => ({
      ...nameOf(name, isCut, request),
      reads: whole(readsOf(figures)),
      hits: whole(figures.hits),
      misses: whole(figures.misses),
      ratio: share(figures.hits, readsOf(figures)),
      reasons: missReasonsOf(figures),
      writes: whole(figures.writes),
      written: nonZero(figures.storedBytes, size),
      deletes: whole(figures.deletes),
      computations: whole(figures.computations),
      averageCompute: averageComputeOf(figures),
      ...storeReadLatency(figures),
    }))
}

function nameOf(name: string, isCut: boolean, { links, secrets }: PageRequest) {
  const isRest = isCut && name === OTHER_FAMILIES
  const { text, key } = maskKey(name, secrets)
  return { name: text, isRest, href: isRest || !key ? undefined : links.keys({ under: name }) }
}

function averageComputeOf({ computations, computingMs }: Readonly<Figures>): string {
  return latency(computations === 0 ? undefined : computingMs / computations)
}

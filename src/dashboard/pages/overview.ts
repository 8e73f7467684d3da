import { CacheNotRespondingError } from '../../errors.js'
import type { Figures } from '../../stats/figures.js'
import { OTHER_FAMILIES } from '../../store/statistics.js'
import type { MissReason } from '../../tiers/outcome.js'
import { past, share, whole } from '../figures.js'
import type { Page, Visit } from '../visit.js'

const REASONS: Record<MissReason, string> = {
  absent: 'never set, expired or evicted',
  deleted: 'deleted',
  'ancestor-deleted': 'deleted with something above it',
  'generation-lost': 'the store lost its generation',
  undecodable: 'unreadable bytes',
  expired: 'expired, and stale',
  failed: 'computing it failed a moment ago',
  invalid: 'not of the shape that is wanted',
  'unsettled-delete': 'deleted here, and the store does not know yet',
  disabled: 'caching was off',
  'store-down': 'the store did not answer',
}

/** How the store is, and what this process has counted. */
export async function overview({ cache, now, links }: Visit): Promise<Page> {
  const stats = cache.processStats()
  const { totals } = stats
  const families = [...stats.families].sort(([, one], [, other]) => calls(other) - calls(one))
  return {
    view: 'overview',
    title: 'Overview',
    data: {
      store: await probe(cache),
      enabled: cache.enabled,
      process: stats.process,
      since: past(stats.since, now),
      quiet: volume(totals) === 0 && stats.clears === 0,
      ratio: share(totals.hits, calls(totals)),
      reads: whole(calls(totals)),
      figures: [
        figure('Hits', totals.hits),
        figure('of these from request memory', totals.requestHits, 'part'),
        figure('Misses', totals.misses),
        figure('Writes', totals.writes),
        figure(
          'Refused fills',
          totals.refusedFills,
          '',
          'Values computed from data that was invalidated meanwhile: not stored, so that nobody reads them.',
        ),
        figure(
          'Computations',
          totals.computations,
          '',
          'Runs of the factories of getOrSet and cached functions.',
        ),
        figure('of these failed', totals.failedComputations, 'part'),
        figure(
          'Computations avoided',
          totals.avoided,
          '',
          'Callers that waited and got what somebody else was computing, in this process or another.',
        ),
        figure(
          'Fenced commits',
          totals.fencedCommits,
          '',
          'Values that were computed while their key was invalidated: not stored, so that nobody reads them.',
        ),
        figure('Served stale', totals.staleServed, '', 'Expired values served by their grace.'),
        figure('Deletes', totals.deletes),
        figure('of these with children', totals.treeDeletes, 'part'),
        figure('Clears', stats.clears),
        figure(
          'Troubles',
          stats.troubles,
          stats.troubles > 0 ? 'bad' : '',
          'Operations that the store did not surely carry out.',
        ),
      ],
      reasons: reasonsOf(totals),
      families: families.map(([name, figures]) => ({
        name,
        // Beyond the first hundred, families are counted together: nothing lies under that name.
        href: name === OTHER_FAMILIES && families.length > 100 ? undefined : links.keys({ under: name }),
        calls: whole(calls(figures)),
        hits: whole(figures.hits),
        requestHits: whole(figures.requestHits),
        misses: whole(figures.misses),
        ratio: share(figures.hits, calls(figures)),
        reasons: reasonsOf(figures),
        writes: whole(figures.writes),
        deletes: whole(figures.deletes),
      })),
    },
  }
}

async function probe(cache: Visit['cache']) {
  const began = performance.now()
  try {
    await cache.check()
    return { up: true, answer: `${(performance.now() - began).toFixed(1)} ms` }
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    return { up: false, answer: error.message }
  }
}

function figure(label: string, count: number, kind = '', hint = '') {
  return { label, value: whole(count), kind, hint }
}

function reasonsOf({ missesBy, misses }: Readonly<Figures>) {
  return Object.entries(missesBy)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => ({
      label: REASONS[reason as MissReason],
      count: whole(count),
      share: share(count, misses),
    }))
}

function calls({ hits, misses }: Readonly<Figures>): number {
  return hits + misses
}

function volume(figures: Readonly<Figures>): number {
  return calls(figures) + figures.writes + figures.refusedFills + figures.deletes + figures.computations
}

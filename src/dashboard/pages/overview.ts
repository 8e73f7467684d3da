import { internalsOf } from '../../cache.js'
import { formatDuration } from '../../duration.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { HistoryStep } from '../../stats/cache-stats.js'
import { sumOf } from '../../stats/figures.js'
import { quantile } from '../../stats/latency.js'
import type { Figures, HistoryFigures } from '../../stats/metrics.js'
import { OTHER_FAMILIES } from '../../store/statistics.js'
import { chartOf } from '../chart.js'
import { latency, past, share, size, whole } from '../figures.js'
import { type KnownStats, knownStats } from '../known-stats.js'
import { maskKey } from '../mask-key.js'
import type { Page, PageRequest } from '../page-request.js'
import { REASONS } from '../reasons.js'
import { wordsFor } from '../words-for.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How the store is, and what all processes have counted. */
export async function overview({ cache, links, now, parameters, secrets }: PageRequest): Promise<Page> {
  const store = await probe(cache)
  const [known, usage] = await Promise.all([knownStats(cache), store.up ? usageOf(cache) : undefined])
  const { stats } = known
  const { totals } = stats
  const familyOf = (name: string, isCut: boolean) => {
    // Beyond the first hundred, families are counted together: nothing lies under that name.
    const isRest = isCut && name === OTHER_FAMILIES
    const { text, key } = maskKey(name, secrets)
    return { name: text, isRest, href: isRest || !key ? undefined : links.keys({ under: name }) }
  }
  const families = [...stats.families].sort(([, one], [, other]) => calls(other) - calls(one))
  return {
    view: 'overview',
    title: 'Overview',
    live: true,
    data: {
      store,
      usage,
      unsettled: cache.pendingInvalidations,
      enabled: cache.enabled,
      isCounting: internalsOf(cache).isCounting,
      covers: known.covers,
      process: cache.processStats().process,
      processes: stats.processes.length,
      since: past(stats.since, stats.now),
      quiet: volume(totals) === 0 && stats.clears === 0,
      windows: windowsOf(known),
      figures: boardOf(stats),
      reasons: reasonsOf(totals),
      times: timesOf(totals),
      history: historyOf(known, parameters.text('span') === 'day', now),
      families: families.map(([name, figures]) => ({
        ...familyOf(name, families.length > 100),
        calls: whole(calls(figures)),
        hits: whole(figures.hits),
        misses: whole(figures.misses),
        ratio: share(figures.hits, calls(figures)),
        reasons: reasonsOf(figures),
        writes: whole(figures.writes),
        stored: figures.storedBytes === 0 ? '–' : size(figures.storedBytes),
        deletes: whole(figures.deletes),
        computations: whole(figures.computations),
        computing: figures.computations === 0 ? '–' : latency(figures.computingMs / figures.computations),
        median: latency(quantile(readsOf(figures), 0.5)),
        p99: latency(quantile(readsOf(figures), 0.99)),
      })),
    },
  }
}

async function probe(cache: PageRequest['cache']) {
  const began = performance.now()
  try {
    await cache.check()
    return { up: true, answer: `${(performance.now() - began).toFixed(1)} ms` }
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    return { up: false, answer: error.message }
  }
}

/** From so much of its limit on a store counts as nearly full. */
const NEARLY_FULL = 0.9

/** How full the store is; nothing where it does not say. */
async function usageOf(cache: PageRequest['cache']) {
  const usage = await cache.usage().catch(unlessDown)
  if (!usage) return undefined
  const { usedBytes, maxBytes, evictions, policy } = usage
  return {
    used: size(usedBytes),
    max: maxBytes === undefined ? undefined : size(maxBytes),
    // A store that evicts is meant to be full.
    isTight: policy === 'noeviction' && maxBytes !== undefined && usedBytes > maxBytes * NEARLY_FULL,
    evictions: evictions === 0 ? 'nothing' : whole(evictions),
    policy,
  }
}

function unlessDown(error: unknown): undefined {
  if (!(error instanceof CacheNotRespondingError)) throw error
}

/** Hit ratios of stretches of time until now, as far as steps of history allow. */
function windowsOf({ stats, hour, day }: KnownStats) {
  const ratio = (label: string, figures: Readonly<HistoryFigures>) => ({
    label,
    ratio: share(figures.hits, calls(figures)),
    reads: whole(calls(figures)),
  })
  const last = (steps: readonly HistoryStep[], ms: number) =>
    sumOf(steps.filter(({ at }) => at > stats.now - ms))
  return [
    ratio('Last minute', last(hour, MINUTE_MS)),
    ratio('Last hour', last(hour, HOUR_MS)),
    ratio('Last day', last(day, DAY_MS)),
    ratio('All', stats.totals),
  ]
}

function boardOf({ totals, clears, storeFailures }: KnownStats['stats']) {
  return [
    figure('Hits', totals.hits),
    figure('of these from request memory', totals.requestHits, 'part'),
    ...(totals.processHits > 0
      ? [
          figure(
            'of these from process memory',
            totals.processHits,
            'part',
            'Read before by the same process, which is told when it changes.',
          ),
        ]
      : []),
    figure('Misses', totals.misses),
    figure(
      'of these gone before their TTL',
      totals.missesBy.evicted ?? 0,
      'part',
      'Misses of what a full store has evicted, or lost with a restart, as far as is remembered.',
    ),
    figure('Writes', totals.writes),
    {
      label: 'Bytes stored',
      value: totals.storedBytes === 0 ? '–' : size(totals.storedBytes),
      kind: '',
      hint: 'Of all values that were set or computed, as the store holds them: not what it holds now.',
    },
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
    {
      label: 'Computing time',
      value: totals.computingMs === 0 ? '–' : formatDuration(totals.computingMs),
      kind: '',
      hint: 'What all computations took together.',
    },
    {
      label: 'Time saved',
      value: totals.savedMs === 0 ? '–' : `~ ${formatDuration(totals.savedMs)}`,
      kind: '',
      hint: 'For each hit in the store, or in process memory: how long it took to compute the value that was found.',
    },
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
    ...(totals.unstorable > 0
      ? [
          figure(
            'Values not stored',
            totals.unstorable,
            'bad',
            'Computed values that cannot be stored, or whose computed TTL is no duration. A warning in the log names each family.',
          ),
        ]
      : []),
    figure(
      'Takeovers',
      totals.takeovers,
      '',
      'Computations begun because the process that was at it had died, or was held up.',
    ),
    figure('Early refreshes', totals.earlyRefreshes, '', 'Values computed anew before they expired.'),
    figure('Served stale', totals.staleServed, '', 'Expired values served by their grace.'),
    figure('Deletes', totals.deletes),
    figure('of these with children', totals.treeDeletes, 'part'),
    figure(
      'Soft expiries',
      totals.expires,
      '',
      'Keys, or everything below one, let expire: stale from then on, served by a grace while computed anew.',
    ),
    figure('Clears', clears),
    figure(
      'Troubles',
      storeFailures,
      storeFailures > 0 ? 'bad' : '',
      'Operations that the store did not surely carry out.',
    ),
  ]
}

function figure(label: string, count: number, kind = '', hint = '') {
  return { label, value: whole(count), kind, hint }
}

/** The last hour in minutes, or the last day in quarters of an hour. */
function historyOf({ day, covers, stats }: KnownStats, isDay: boolean, now: number) {
  const stepMs = isDay ? 15 * MINUTE_MS : MINUTE_MS
  const count = isDay ? 96 : 60
  const end = stats.now - (stats.now % stepMs) + stepMs
  const steps = Array.from({ length: count }, (_, index) => {
    const at = end - (count - index) * stepMs
    return { at, figures: sumOf(day.filter((step) => step.at >= at && step.at < at + stepMs)) }
  })
  return {
    isDay,
    isKnown: covers !== 'cut-off',
    ...chartOf(steps.map(({ figures }) => ({ lower: figures.hits, upper: figures.misses }))),
    rows: steps
      .filter(({ figures }) => volume(figures) > 0)
      .reverse()
      .map(({ at, figures }) => ({
        at: past(at, now),
        hits: whole(figures.hits),
        misses: whole(figures.misses),
        ratio: share(figures.hits, calls(figures)),
        writes: whole(figures.writes),
        deletes: whole(figures.deletes),
        computations: whole(figures.computations),
        avoided: whole(figures.avoided),
        fenced: whole(figures.fencedCommits),
      })),
  }
}

function reasonsOf({ missesBy, misses }: Readonly<Figures>) {
  return Object.entries(missesBy)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => ({
      label: wordsFor(REASONS, reason) ?? reason,
      count: whole(count),
      share: share(count, misses),
    }))
}

/** By what answered: how long half of them took at most, and nearly all. */
function timesOf({ processHits, latency: { request, process, store, miss, compute } }: Readonly<Figures>) {
  const row = (of: string, times: readonly number[]) => ({
    of,
    median: latency(quantile(times, 0.5)),
    p99: latency(quantile(times, 0.99)),
  })
  return [
    row('Hits in request memory', request),
    ...(processHits > 0 ? [row('Hits in process memory', process)] : []),
    row('Hits in the store', store),
    row('Misses', miss),
    row('Computations', compute),
  ]
}

/** How long reads took that went to the store. */
function readsOf({ latency: { store, miss } }: Readonly<Figures>): number[] {
  return Array.from(
    { length: Math.max(store.length, miss.length) },
    (_, i) => (store[i] ?? 0) + (miss[i] ?? 0),
  )
}

function calls({ hits, misses }: Readonly<HistoryFigures>): number {
  return hits + misses
}

function volume(figures: Readonly<HistoryFigures>): number {
  return (
    calls(figures) +
    figures.writes +
    figures.refusedFills +
    figures.deletes +
    figures.expires +
    figures.computations
  )
}

import { internalsOf } from '../../../cache.js'
import type { Page } from '../../handler-result.js'
import type { PageRequest } from '../../page-request.js'
import { readAvailableStats } from '../../reading/available-stats.js'
import { past } from '../../rendering/figures.js'
import { boardOf } from './board.js'
import { breakersOf } from './breakers.js'
import { familiesOf } from './families.js'
import { historyOf } from './history.js'
import { hitRatiosOf } from './hit-ratios.js'
import { latenciesOf } from './latencies.js'
import { missReasonsOf } from './miss-reasons.js'
import { probeStore, storeMemory } from './store-status.js'
import { activityOf } from './totals.js'

/** `GET /`: the state of the store, and the statistics of all processes. */
export async function overview(request: PageRequest): Promise<Page> {
  const { cache, now, parameters } = request
  const store = await probeStore(cache)
  const [available, memory] = await Promise.all([
    readAvailableStats(cache),
    store.isUp ? storeMemory(cache) : undefined,
  ])
  const { stats, covers } = available
  return {
    view: 'overview',
    title: 'Overview',
    live: true,
    data: {
      store,
      breakers: breakersOf(cache.processStats().breakers, now),
      memory,
      pending: cache.pendingInvalidations,
      enabled: cache.enabled,
      isCounting: internalsOf(cache).isCounting,
      covers,
      process: cache.processStats().process,
      processes: stats.processes.length,
      since: past(stats.since, stats.now),
      isIdle: activityOf(stats.totals) === 0 && stats.clears === 0,
      hitRatios: hitRatiosOf(available),
      board: boardOf(stats),
      missReasons: missReasonsOf(stats.totals),
      latencies: latenciesOf(stats.totals),
      history: historyOf(available, parameters.text('span') === 'day', now),
      families: familiesOf(stats.families, request),
    },
  }
}

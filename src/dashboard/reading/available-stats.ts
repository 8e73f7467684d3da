import type { KeyedCache } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheStats, HistoryStep } from '../../stats/cache-stats.js'

/** What is known of a cache's figures at the moment. */
export interface AvailableStats {
  readonly stats: Omit<CacheStats, 'scope'>
  /** Whose figures these are: `cut-off` is this process alone, since the store does not tell of the others. */
  readonly covers: 'all' | 'one' | 'cut-off'
  /** In steps of ten seconds; nothing while cut off. */
  readonly hour: readonly HistoryStep[]
  /** In minutes. */
  readonly day: readonly HistoryStep[]
}

/** The figures of all processes, or where the store does not answer, of this one. */
export async function readStats(cache: KeyedCache): Promise<AvailableStats> {
  try {
    const stats = await cache.stats()
    const [hour, day] = await Promise.all([cache.history('fine'), cache.history('coarse')])
    return { stats, covers: stats.scope === 'all processes' ? 'all' : 'one', hour, day }
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    const stats = { ...cache.processStats(), now: Date.now(), processes: [] }
    return { stats, covers: 'cut-off', hour: [], day: [] }
  }
}

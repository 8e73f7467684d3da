import type { KeyedCache } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheStats, HistoryStep } from '../../stats/cache-stats.js'

/** A cache's statistics, as far as they are available now. */
export interface AvailableStats {
  readonly stats: Omit<CacheStats, 'scope'>
  /**
   * `all`: all processes. `one`: this process, whose store is not shared. `cut-off`: this process, because the store
   * with the figures of the others is not responding.
   */
  readonly covers: 'all' | 'one' | 'cut-off'
  /** Steps of ten seconds; empty while cut off. */
  readonly hour: readonly HistoryStep[]
  /** Steps of a minute; empty while cut off. */
  readonly day: readonly HistoryStep[]
}

/** Reads the statistics of all processes, or of this process while the store is down. */
export async function readAvailableStats(cache: KeyedCache): Promise<AvailableStats> {
  try {
    const stats = await cache.stats()
    const [hour, day] = await Promise.all([cache.history('fine'), cache.history('coarse')])
    return { stats, covers: stats.scope === 'all processes' ? 'all' : 'one', hour, day }
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    const { breakers: _, ...figures } = cache.processStats()
    const stats = { ...figures, now: Date.now(), processes: [] }
    return { stats, covers: 'cut-off', hour: [], day: [] }
  }
}

import { formatDuration } from '../../duration.js'
import type { LiveProcess } from '../../stats/cache-stats.js'
import type { Page, PageRequest } from '../page-request.js'
import { readStats } from '../reading/available-stats.js'
import { past, share, size, whole } from '../rendering/figures.js'

/** The processes that use the cache, and how each does. */
export async function processesPage({ cache }: PageRequest): Promise<Page> {
  const { stats, covers } = await readStats(cache)
  return {
    view: 'processes',
    title: 'Processes',
    live: true,
    data: {
      covers,
      process: cache.processStats().process,
      // Of those that keep nothing, a column would say nothing.
      hasMemories: stats.processes.some(({ memory }) => memory !== undefined),
      processes: [...stats.processes].sort(byName).map((one) => row(one, stats.now)),
    },
  }
}

function row(
  { host, pid, startedAt, seenAt, isLate, isThis, rss, memory, totals }: LiveProcess,
  now: number,
) {
  const reads = totals.hits + totals.misses
  return {
    name: `${host}:${pid}`,
    isThis,
    isLate,
    uptime: formatDuration(Math.max(0, now - startedAt)),
    started: past(startedAt, now),
    seen: past(seenAt, now),
    rss: rss === undefined ? '–' : size(rss),
    memory: memory && {
      entries: whole(memory.entries),
      size: size(memory.bytes),
      isServing: memory.isServing,
    },
    reads: whole(reads),
    ratio: share(totals.hits, reads),
    writes: whole(totals.writes),
    deletes: whole(totals.deletes),
    computations: whole(totals.computations),
  }
}

function byName(one: LiveProcess, other: LiveProcess): number {
  return one.host.localeCompare(other.host) || one.pid - other.pid || one.startedAt - other.startedAt
}

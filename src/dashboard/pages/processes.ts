import { formatDuration } from '../../duration.js'
import type { LiveProcess } from '../../stats/cache-stats.js'
import type { Page } from '../handler-result.js'
import type { PageRequest } from '../page-request.js'
import { readAvailableStats } from '../reading/available-stats.js'
import { countOf, nonZero, past, share, size, whole } from '../rendering/figures.js'

/** `GET /processes`: the processes that use the cache, with their figures. */
export async function processesPage({ cache }: PageRequest): Promise<Page> {
  const { stats, covers } = await readAvailableStats(cache)
  return {
    view: 'processes',
    title: 'Processes',
    live: true,
    data: {
      covers,
      process: cache.processStats().process,
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
    rss: nonZero(rss ?? 0, size),
    memory: memory && {
      content: `${countOf(memory.entries, 'value')}, ${size(memory.bytes)}`,
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

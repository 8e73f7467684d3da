import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'
import { type CacheEvent, eventsOf } from '../stats/cache-event.js'
import { type CacheStats, type HistoryStep, statsOf, stepsOf } from '../stats/cache-stats.js'
import { type RequestRecord, recordsOf } from '../stats/request-record.js'
import { MAX_EVENTS, MAX_REQUESTS, RESOLUTIONS, type Resolution } from '../store/statistics.js'
import type { Core } from './core.js'

// Shared statistics. This process reports before it reads them, so that they hold everything it has counted so far.

export async function readStats(core: Core): Promise<CacheStats> {
  const { reporter, statistics } = core
  await reporter.report()
  return statsOf(await statistics.figures(), statisticsScope(core), reporter.id)
}

export async function readHistory({ statistics }: Core, resolution: Resolution): Promise<HistoryStep[]> {
  return stepsOf(await statistics.history(resolution))
}

export async function readEvents(core: Core, limit: number): Promise<CacheEvent[]> {
  return eventsOf(await newest(core, 'events', limit, MAX_EVENTS))
}

export async function readRequests(core: Core, limit: number): Promise<RequestRecord[]> {
  return recordsOf(await newest(core, 'requests', limit, MAX_REQUESTS))
}

/** @throws ConfigurationError for anything but a number */
export function checkLimit(limit: number, method: string): number {
  if (typeof limit === 'number') return limit
  throw new ConfigurationError(`The limit of ${method}(limit) must be a number, not ${describeValue(limit)}.`)
}

/** @throws ConfigurationError */
export function checkResolution(resolution: Resolution): Resolution {
  if (typeof resolution === 'string' && Object.hasOwn(RESOLUTIONS, resolution)) return resolution
  throw new ConfigurationError(`history() takes 'fine' or 'coarse', not ${describeValue(resolution)}.`)
}

/** Processes that the figures and events cover. */
export function statisticsScope({ store }: Core): CacheStats['scope'] {
  return store.shared && store.statistics ? 'all processes' : 'this process'
}

async function newest(
  { reporter, statistics }: Core,
  what: 'events' | 'requests',
  limit: number,
  most: number,
): Promise<readonly string[]> {
  const wanted = Math.min(Math.trunc(limit), most)
  if (!(wanted > 0)) return []
  await reporter.report()
  return await statistics[what](wanted)
}

import type { CacheStats, HistoryStep } from '../../stats/cache-stats.js'
import { quantile } from '../../stats/latency.js'
import type { Figures } from '../../stats/metrics.js'
import type { Json } from '../handler-result.js'
import { maskKey } from '../masking/mask-key.js'
import type { PageRequest } from '../page-request.js'

/** `GET /api/stats`: the data of the overview. Times in milliseconds. */
export async function statsJson({ cache, secrets }: PageRequest): Promise<Json> {
  const { processes: _, families, totals, ...stats } = await cache.stats()
  const [hour, day] = await Promise.all([cache.history('fine'), cache.history('coarse')])
  return {
    json: {
      ...stats,
      prefix: cache.keyPrefix,
      store: cache.storeDescription,
      enabled: cache.enabled,
      totals: figuresJson(totals),
      families: [...families].map(([name, figures]) => ({
        family: maskKey(name, secrets).text,
        ...figuresJson(figures),
      })),
      history: { tenSeconds: hour.map(stepJson), minutes: day.map(stepJson) },
    },
  }
}

/** `GET /api/processes`: the data of the processes page. */
export async function processesJson({ cache }: PageRequest): Promise<Json> {
  const { scope, now, processes } = await cache.stats()
  return { json: { scope, now, processes: processes.map(processJson) } }
}

function processJson({ totals, ...process }: CacheStats['processes'][number]) {
  return { ...process, totals: figuresJson(totals) }
}

function stepJson({ at, figures }: HistoryStep) {
  return { at, ...Object.fromEntries(Object.entries(figures).filter(([, count]) => count !== 0)) }
}

function figuresJson({ latency, ...figures }: Readonly<Figures>) {
  const quantiles = Object.entries(latency).map(([timed, counts]) => [
    timed,
    { p50: quantile(counts, 0.5) ?? null, p99: quantile(counts, 0.99) ?? null },
  ])
  return { ...figures, latencyMs: Object.fromEntries(quantiles) }
}

import { randomBytes } from 'node:crypto'
import { KeyedCache } from './cache.js'
import { CachedFunctions } from './compute/cached-functions.js'
import { Computing } from './compute/computing.js'
import { Flights } from './compute/flight.js'
import { Policies } from './compute/policy.js'
import { Turns } from './compute/turns.js'
import { Warnings } from './compute/warnings.js'
import { openCaches } from './open-caches.js'
import { type CacheOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { Counters } from './stats/counters.js'
import { EventLog } from './stats/event-log.js'
import { KeyHistoryLog } from './stats/key-history-log.js'
import { MissLog } from './stats/miss-log.js'
import { Recorder } from './stats/recorder.js'
import { ReportQueue } from './stats/report-queue.js'
import { Reporter } from './stats/reporter.js'
import type { RequestRecord } from './stats/request-record.js'
import { Failsafe } from './store/failsafe.js'
import { MemoryStatistics } from './store/memory-statistics.js'
import { MemoryStore } from './store/memory-store.js'
import { SECRET_BYTES } from './store/store.js'
import { type InvalidationListener, TierChain } from './tiers/chain.js'
import { Scopes } from './tiers/context.js'
import { PendingInvalidations } from './tiers/pending-invalidations.js'
import { ProcessMemory } from './tiers/process-memory.js'

/**
 * Makes a cache; it connects when it is first used. Without options the
 * environment decides: `REDIS_URL`, `KEYEDCACHE_PREFIX`, `KEYEDCACHE_ALIAS`,
 * `KEYEDCACHE_ENABLED`; without `REDIS_URL` entries live in this process.
 * @example const cache = createCache({ redis: 'redis://127.0.0.1:6379', keyPrefix: 'shop' })
 * @throws ConfigurationError that says what to write
 */
export function createCache(given?: CacheOptions): KeyedCache {
  const options = resolveOptions(given)
  const { store, compressionThreshold, maxValueBytes, process } = options
  const counters: Counters = new Counters(process, () => reporter.start())
  const statistics = store.statistics ?? new MemoryStatistics()
  const events = new EventLog(process, () => reporter.start())
  const requests = new ReportQueue<RequestRecord>(() => reporter.start())
  const memory = openMemory(options)
  const keyHistory = new KeyHistoryLog(() => reporter.start())
  const misses = new MissLog(statistics, keyHistory, counters)
  const { host, pid } = options
  const sources = { host, pid, counters, events, requests, keyHistory, misses, memory }
  const reporter: Reporter = new Reporter(statistics, sources, options.storeTimeoutMs)
  const recorder = new Recorder({ ...(options.stats && { counters }), events, keyHistory, misses })
  const failsafe = new Failsafe(
    options.throwOnStoreError,
    options.logger,
    recorder.storeFailed.bind(recorder),
  )
  const flights = new Flights()
  const onInvalidate: InvalidationListener = (key, children) => {
    flights.invalidate(key, children)
    memory?.invalidate(key, children)
  }
  const pending = new PendingInvalidations(store, options.storeTimeoutMs, options.logger)
  const chain = new TierChain({
    store,
    failsafe,
    pending,
    memory,
    compressionThreshold,
    maxValueBytes,
    process,
    onInvalidate,
  })
  const scopes = new Scopes(options.requestMemory)
  const warnings = new Warnings(options.logger)
  const cache: KeyedCache = new KeyedCache({
    options,
    store,
    pending,
    memory,
    chain,
    counters,
    recorder,
    reporter,
    misses,
    requests,
    statistics,
    scopes,
    computing: new Computing({
      store,
      chain,
      failsafe,
      recorder,
      flights,
      scopes,
      warnings,
      turns: new Turns(),
    }),
    secret: store.secret?.bind(store) ?? ownSecret(),
    policies: new Policies(options.compute),
    functions: new CachedFunctions(options.logger),
    onClose: () => openCaches.delete(cache),
    enabled: options.enabled,
  })
  openCaches.set(cache, options)
  return cache
}

/** The process's memory, where it is wanted and the store tells of changes; the embedded store is in this process already. */
function openMemory({ store, memory, logger }: ResolvedOptions): ProcessMemory | undefined {
  if (!memory) return undefined
  if (store.tracking) {
    return new ProcessMemory(store.tracking, memory, ({ message }) => {
      logger.warn(
        `keyedcache: nothing is kept in this process's memory, since the store does not tell of changes. ${message}`,
      )
    })
  }
  if (!(store instanceof MemoryStore)) {
    logger.warn(
      `keyedcache: the option memory does nothing here, since ${store.description} does not tell of changes.`,
    )
  }
  return undefined
}

/** For a store that keeps none. */
function ownSecret(): () => Promise<Buffer> {
  const secret = randomBytes(SECRET_BYTES)
  return async () => secret
}

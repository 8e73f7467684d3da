import { randomBytes } from 'node:crypto'
import { reportBreakers } from './cache/breaker-changes.js'
import { type KeyedCache, openCache } from './cache.js'
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
import { Scopes } from './tiers/context.js'
import { Memories } from './tiers/memories.js'
import { PendingInvalidations } from './tiers/pending-invalidations.js'
import { ProcessMemory } from './tiers/process-memory.js'
import { StoreReader } from './tiers/store-reader.js'
import { StoreWriter } from './tiers/store-writer.js'

/**
 * Makes a cache, which connects at its first operation. Defaults come from the environment: `REDIS_URL`,
 * `KEYEDCACHE_PREFIX`, `KEYEDCACHE_ALIAS`, `KEYEDCACHE_ENABLED`. Without `REDIS_URL` entries are stored in this process.
 * @example const cache = createCache({ redis: 'redis://127.0.0.1:6379', keyPrefix: 'shop' })
 * @throws ConfigurationError that says what to write
 */
export function createCache(given?: CacheOptions): KeyedCache {
  return cacheWith(resolveOptions(given))
}

/** Makes a cache of resolved options: of their store as it is, which must keep its own deadlines. */
export function cacheWith(options: ResolvedOptions): KeyedCache {
  const { store, compressionThreshold, maxValueBytes, process } = options
  const counters: Counters = new Counters(process, () => reporter.start())
  const statistics = store.statistics ?? new MemoryStatistics()
  const events = new EventLog(process, () => reporter.start())
  const requests = new ReportQueue<RequestRecord>(() => reporter.start())
  const processMemory = openMemory(options)
  const keyHistory = new KeyHistoryLog(() => reporter.start())
  const misses = new MissLog(statistics, keyHistory, counters)
  const { host, pid } = options
  const sources = { host, pid, counters, events, requests, keyHistory, misses, memory: processMemory }
  const reporter: Reporter = new Reporter(statistics, sources, options.storeTimeoutMs)
  const recorder = new Recorder({ ...(options.stats && { counters }), events, keyHistory, misses })
  const failsafe = new Failsafe(
    options.throwOnStoreError,
    options.logger,
    recorder.storeFailed.bind(recorder),
  )
  const flights = new Flights()
  const pending = new PendingInvalidations(store, options.storeTimeoutMs, options.logger)
  if (store.health) reportBreakers(store.health, pending, options.logger)
  const memories = new Memories(processMemory)
  const tiers = { store, failsafe, pending, memories, maxValueBytes }
  const reader = new StoreReader(tiers)
  const onInvalidate = flights.invalidate.bind(flights)
  const writer = new StoreWriter({ ...tiers, compressionThreshold, process, onInvalidate })
  const scopes = new Scopes(options.requestMemory)
  const warnings = new Warnings(options.logger)
  const cache: KeyedCache = openCache({
    options,
    store,
    reader,
    writer,
    memories,
    processMemory,
    pending,
    flights,
    counters,
    recorder,
    reporter,
    misses,
    requests,
    statistics,
    scopes,
    computing: new Computing({
      ...tiers,
      reader,
      writer,
      recorder,
      flights,
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

/** Makes process memory, where the store reports changes. The embedded store is in this process already. */
function openMemory({ store, memory, logger }: ResolvedOptions): ProcessMemory | undefined {
  if (!memory) return undefined
  if (store.tracking) {
    return new ProcessMemory(store.tracking, memory, ({ message }) => {
      logger.warn(`keyedcache: process memory is off, since the store does not report changes. ${message}`)
    })
  }
  if (!(store instanceof MemoryStore)) {
    logger.warn(
      `keyedcache: the option memory has no effect, since ${store.description} does not report changes.`,
    )
  }
  return undefined
}

/** The key of signatures of this process, where the store keeps none. */
function ownSecret(): () => Promise<Buffer> {
  const secret = randomBytes(SECRET_BYTES)
  return async () => secret
}

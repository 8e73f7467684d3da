/**
 * The public API of the package: `import { keyedCache } from 'keyedcache'`.
 * @module keyedcache
 */

export {
  type DeleteOptions,
  type ExpireOptions,
  type GetOptions,
  KeyedCache,
  type SetOptions,
} from './cache.js'
export { type BreakerMessage, CHANNELS, type StoreFailureMessage } from './channels.js'
export type { ManyFactory } from './compute/batch.js'
export type { CachedFunction, CachedOptions } from './compute/cached-functions.js'
export type { Factory, FactoryContext } from './compute/factory.js'
export type { EarlyRefreshOption, GetOrSetOptions } from './compute/options.js'
export { createCache } from './create-cache.js'
export type {
  AuditEvent,
  CsrfHook,
  DashboardOptions,
  RedactOption,
  SecretName,
} from './dashboard/mount.js'
export type { DurationText, Timeout, Ttl } from './duration.js'
export type { Provenance } from './entry/provenance.js'
export {
  CacheClosedError,
  CacheNotRespondingError,
  ComputeCycleError,
  ComputeFailedError,
  ComputeTimeoutError,
  ConfigurationError,
  type ErrorDetails,
  InvalidKeyError,
  KeyedCacheError,
  NotCachedError,
  UnserializableValueError,
  ValueTooLargeError,
} from './errors.js'
export { type KeyedCacheHandler, keyedCache, type MiddlewareOptions } from './express/middleware.js'
export type { Inspection } from './inspection.js'
export {
  CacheKey,
  type CacheKeyed,
  type Identified,
  type KeyInput,
  type KeyPairs,
  type KeyPart,
  type PrimaryKey,
  type ValueObject,
} from './key/cache-key.js'
export type { DecodedPart } from './key/segment.js'
export type { Logger } from './logger.js'
export {
  type AnyClass,
  type CachedClass,
  type CachedInstance,
  CachedObject,
  type CachedObjectOptions,
  type CachedStatics,
  type FindOptions,
  type Loader,
  type MixinConstructor,
  type ModelClass,
  type NoObject,
} from './model/cached-object.js'
export type {
  BackendOption,
  CacheOptions,
  ProcessMemoryOption,
  RequestLogOption,
  StoreOption,
  TimeoutOptions,
} from './options.js'
export type { CacheEvent, EventOutcome } from './stats/cache-event.js'
export type { CacheStats, HistoryStep, LiveProcess } from './stats/cache-stats.js'
export type { ProcessStats } from './stats/counters.js'
export { type Latency, quantile } from './stats/latency.js'
export type { CacheFigures, Figures, HistoryFigures, Timed } from './stats/metrics.js'
export type { OperationMessage } from './stats/operation-message.js'
export type { CallRecord, RequestRecord } from './stats/request-record.js'
export type { BreakerState } from './store/breaker.js'
export type { BreakerStatus, StoreHealth } from './store/health.js'
export type { KeyChange, KeyChangeKind, KeyHistory } from './store/key-history.js'
export type { AbsenceReason } from './store/liveness.js'
export type { MemoryStoreOptions } from './store/memory-store.js'
export type { RedisClusterOptions, RedisServerOptions, RedisTarget } from './store/redis/target.js'
export type {
  Counts,
  HistoryBucket,
  ProcessReport,
  Report,
  ReportedFigures,
  Resolution,
  Statistics,
} from './store/statistics.js'
export type {
  AcquireOptions,
  AcquireResult,
  CommitOptions,
  InvalidateOptions,
  InvalidationOrigin,
  LeaseWatch,
  ListedEntry,
  ListOptions,
  ListPage,
  NewEntry,
  Observation,
  PeekResult,
  ReadOptions,
  ReadResult,
  ReleaseOptions,
  Store,
  StoreUsage,
  WakeWaiter,
  WriteOptions,
  WriteResult,
} from './store/store.js'
export type { Tracking, TrackingListener } from './store/tracking.js'
export type { LoggedCall } from './tiers/call-log.js'
export type {
  CallOutcome,
  ClearOutcome,
  ComputeOutcome,
  DeleteOutcome,
  ExpireOutcome,
  MissReason,
  Tier,
  WriteOutcome,
} from './tiers/outcome.js'
export type { ProcessMemoryUsage } from './tiers/process-memory.js'
export type { RequestOrigin } from './tiers/request-scope.js'

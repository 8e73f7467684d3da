import { hostname } from 'node:os'
import { COMPRESSION_THRESHOLD, DEFAULT_VALUE_BYTES } from './codec/codec.js'
import {
  type ComputeDefaults,
  type EarlyRefreshOption,
  parseEarlyRefresh,
  parseGrace,
  parseStrictValues,
} from './compute/options.js'
import { parseDuration, parseTimeout, parseTtl, type Timeout, type Ttl } from './duration.js'
import { ConfigurationError } from './errors.js'
import type { Logger } from './logger.js'
import { aBoolean, aPositiveWholeNumber, aText, notNull } from './option-checks.js'
import { type BackendOption, chooseBackend } from './options/backend.js'
import { type Environment, isEnabled } from './options/environment.js'
import { resolveKeyPrefix } from './options/key-prefix.js'
import { resolveLogger } from './options/logger.js'
import { checkCompressionThreshold, checkMaxValueBytes, checkTtlJitter } from './options/numbers.js'
import { type ProcessMemoryOption, resolveProcessMemory } from './options/process-memory.js'
import { type RequestLogOption, resolveRequestLog } from './options/request-log.js'
import { openStore, type StoreOption } from './options/store.js'
import { type KnownOptions, OptionsReader } from './options-reader.js'
import { RedisStore } from './store/redis/redis-store.js'
import type { RedisTarget } from './store/redis/target.js'
import type { Store } from './store/store.js'
import type { ProcessMemoryOptions } from './tiers/process-memory.js'

export type { BackendOption, ProcessMemoryOption, RequestLogOption, StoreOption }

/** Limits of time: milliseconds, or a text with its unit. */
export interface TimeoutOptions {
  /**
   * Maximum time of one operation of the store, connecting included.
   * @default '250ms'
   */
  store?: Timeout | undefined
  /**
   * Maximum time of one attempt to connect.
   * @default '2s'
   */
  connect?: Timeout | undefined
  /**
   * How long a lease lasts unless it is renewed: how long the computation of a process that died blocks others.
   * @default '5s'
   */
  lease?: Timeout | undefined
  /**
   * Maximum time that a caller waits for the computation of another one, which then loses its lease. Must be longer than
   * computing takes.
   * @default '60s'
   */
  wait?: Timeout | undefined
}

/** Options of `createCache`. A value that is not allowed is a `ConfigurationError`, and so is an unknown name. */
export interface CacheOptions {
  /**
   * Redis: a URL, options of ioredis, the nodes of a Cluster, or a client of ioredis, which the cache never closes.
   * @default `REDIS_URL`
   * @example 'redis://127.0.0.1:6379', 'redis+sentinel://a:26379,b:26379/mymaster', 'redis+cluster://a:7000,b:7000'
   */
  redis?: RedisTarget | undefined
  /**
   * A store other than Redis.
   * @default `'memory'`, where there is no `REDIS_URL`
   * @example 'memory', { memory: { maxEntries: 10_000 } }
   */
  store?: StoreOption | undefined
  /**
   * Several of the above by name, of which `alias` chooses one.
   * @example { default: 'redis://cache-1', catalog: { store: 'memory' } }
   */
  backends?: Readonly<Record<string, BackendOption | undefined>> | undefined
  /**
   * Name of the backend that this cache uses.
   * @default `KEYEDCACHE_ALIAS`, else 'default'
   */
  alias?: string | undefined
  /**
   * Beginning of all names in Redis: separates applications and sites there. Required in production.
   * @default `KEYEDCACHE_PREFIX`, else 'keyedcache'
   * @example 'shop'
   */
  keyPrefix?: string | undefined
  /**
   * Lifetime of an entry whose call gives none, in seconds or as a text.
   * @default 300
   * @example 300, '5m', '1h'
   */
  ttl?: Ttl | undefined
  /**
   * Maximum lifetime of any entry, in seconds or as a text.
   * @default '30d'
   */
  maxTtl?: Ttl | undefined
  /**
   * Random share by which each TTL is shortened, from 0 to less than 1: entries that were written together do not expire
   * together.
   * @default 0
   * @example 0.1
   */
  ttlJitter?: number | undefined
  /**
   * How long after its TTL `getOrSet` may still return a value, while it is refreshed or when computing fails: in seconds
   * or as a text. `false` is never.
   * @default false
   * @example '1d'
   */
  grace?: Ttl | false | undefined
  /**
   * Refresh values shortly before they expire, by chance, so that no caller waits. `beta` above 1 refreshes earlier.
   * @default false
   * @example true, { beta: 1.5 }
   */
  earlyRefresh?: EarlyRefreshOption | undefined
  /**
   * Reject with an `UnserializableValueError` where `getOrSet` has computed a value that cannot be stored, instead of
   * returning it.
   * @default false
   */
  strictValues?: boolean | undefined
  /**
   * Keep what a request reads and writes in the memory of that request.
   * @default true
   */
  requestMemory?: boolean | undefined
  /**
   * Keep what this process reads in its own memory, for all its requests. Redis 6 or later reports changes
   * (`CLIENT TRACKING`): an entry that another process deletes is gone here milliseconds later, and never returned for
   * longer than a second.
   * @default false
   * @example {}, { maxEntries: 50_000, maxBytes: 256 * 1024 * 1024 }
   */
  memory?: false | ProcessMemoryOption | undefined
  /**
   * Size in bytes above which a value is compressed, where that makes it smaller. `false` is never.
   * @default 32 KiB
   */
  compressionThreshold?: number | false | undefined
  /**
   * Maximum size in bytes of one serialised value, before compression; at most 64 MiB. `set` rejects a larger one with a
   * `ValueTooLargeError`, `getOrSet` returns it without storing it, and one that is stored is a miss. Reading a value
   * takes about four times as much memory.
   * @default 16 MiB
   */
  maxValueBytes?: number | undefined
  /**
   * Count operations, and report the figures to the store every second: the dashboard shows those of all processes.
   * @default true
   */
  stats?: boolean | undefined
  /**
   * Requests that are logged with their calls of the cache: `true` for all, a share of them, or `false` for none. Those
   * of staff are always logged, unless it is `false`.
   * @default true; { sample: 0.01 } with NODE_ENV=production
   */
  requestLog?: boolean | RequestLogOption | undefined
  /** Limits of time. */
  timeouts?: TimeoutOptions | undefined
  /**
   * Reject with a `CacheNotRespondingError` where the store fails, instead of answering as if nothing were cached.
   * @default false
   */
  throwOnStoreError?: boolean | undefined
  /**
   * Whether caching is on. Where it is off, reads miss and `set` does nothing; deletes go through.
   * @default `KEYEDCACHE_ENABLED`, else true
   */
  enabled?: boolean | undefined
  /**
   * Where warnings go.
   * @default console
   */
  logger?: Logger | undefined
}

/** The options of a cache with all defaults filled in, checked. */
export interface ResolvedOptions {
  readonly store: Store
  readonly storeTimeoutMs: number
  readonly alias: string
  readonly keyPrefix: string
  readonly ttlMs: number
  readonly maxTtlMs: number
  readonly ttlJitter: number
  readonly compute: ComputeDefaults
  readonly requestMemory: boolean
  readonly memory: ProcessMemoryOptions | undefined
  readonly compressionThreshold: number | false
  readonly maxValueBytes: number
  /** Whether operations are counted. */
  readonly stats: boolean
  /** The share of the requests that are logged, from 0 to 1. */
  readonly requestLogShare: number
  readonly throwOnStoreError: boolean
  readonly enabled: boolean
  readonly logger: Logger
  readonly host: string
  readonly pid: number
  /** This process: `host:pid`. */
  readonly process: string
}

/** The names of all options, with what can be checked at once. The rest is checked in `src/options`. */
export const CACHE_OPTIONS: KnownOptions<CacheOptions> = {
  redis: notNull,
  store: notNull,
  backends: notNull,
  alias: aText,
  keyPrefix: aText,
  ttl: notNull,
  maxTtl: notNull,
  ttlJitter: notNull,
  grace: notNull,
  earlyRefresh: notNull,
  strictValues: aBoolean,
  requestMemory: aBoolean,
  memory: notNull,
  compressionThreshold: notNull,
  maxValueBytes: aPositiveWholeNumber,
  stats: aBoolean,
  requestLog: notNull,
  timeouts: notNull,
  throwOnStoreError: aBoolean,
  enabled: aBoolean,
  logger: notNull,
}

const OPTIONS = new OptionsReader<CacheOptions>('option', CACHE_OPTIONS)
const TIMEOUTS = new OptionsReader<TimeoutOptions>('timeout', {
  store: notNull,
  connect: notNull,
  lease: notNull,
  wait: notNull,
})

/**
 * Checks the options, and fills in the defaults and what the environment says.
 * @throws ConfigurationError that says what to write
 */
export function resolveOptions(given?: CacheOptions, env: Environment = process.env): ResolvedOptions {
  try {
    return resolve(given, env)
  } catch (error) {
    if (error instanceof ConfigurationError) throw error
    throw new ConfigurationError('The options of the cache cannot be used: reading them throws an error.', {
      cause: error,
    })
  }
}

function resolve(given: CacheOptions | undefined, env: Environment): ResolvedOptions {
  const options = OPTIONS.take(given)
  const timeouts = TIMEOUTS.take(options.timeouts)
  const logger = resolveLogger(options.logger ?? console)
  const isProduction = env.NODE_ENV === 'production'
  const { alias, backend } = chooseBackend(options, env)
  const keyPrefix = resolveKeyPrefix(options.keyPrefix, env, 'redis' in backend && isProduction)
  if (isProduction && !('redis' in backend) && backend.store === undefined) {
    logger.warn(
      'keyedcache: no Redis is configured, so each process keeps its own entries in memory, and a delete in one is not seen by the others. Set REDIS_URL, or write store: "memory" if that is meant.',
    )
  }
  const maxTtlMs = parseDuration(options.maxTtl ?? '30d', 'maxTtl')
  const ttlMs = parseTtl(options.ttl ?? 300, maxTtlMs)
  const ttlJitter = checkTtlJitter(options.ttlJitter ?? 0)
  const timeoutMs = parseTimeout(timeouts.store ?? '250ms', 'timeouts.store')
  const connectTimeoutMs = parseTimeout(timeouts.connect ?? '2s', 'timeouts.connect')
  const { pid } = process
  const host = hostname()
  return {
    store:
      'redis' in backend
        ? new RedisStore({ redis: backend.redis, keyPrefix, timeoutMs, connectTimeoutMs })
        : openStore(backend.store ?? 'memory', timeoutMs),
    storeTimeoutMs: timeoutMs,
    alias,
    keyPrefix,
    ttlMs,
    maxTtlMs,
    ttlJitter,
    compute: {
      ttlMs,
      maxTtlMs,
      ttlJitter,
      graceMs: parseGrace(options.grace ?? false, maxTtlMs),
      beta: parseEarlyRefresh(options.earlyRefresh ?? false),
      leaseMs: parseTimeout(timeouts.lease ?? '5s', 'timeouts.lease'),
      waitMs: parseTimeout(timeouts.wait ?? '60s', 'timeouts.wait'),
      strictValues: parseStrictValues(options.strictValues ?? false),
    },
    requestMemory: options.requestMemory ?? true,
    memory: resolveProcessMemory(options.memory ?? false, maxTtlMs),
    compressionThreshold: checkCompressionThreshold(options.compressionThreshold ?? COMPRESSION_THRESHOLD),
    maxValueBytes: checkMaxValueBytes(options.maxValueBytes ?? DEFAULT_VALUE_BYTES),
    stats: options.stats ?? true,
    requestLogShare: resolveRequestLog(options.requestLog ?? { sample: isProduction ? 0.01 : 1 }),
    throwOnStoreError: options.throwOnStoreError ?? false,
    enabled: options.enabled ?? isEnabled(env),
    logger,
    host,
    pid,
    process: `${host}:${pid}`,
  }
}

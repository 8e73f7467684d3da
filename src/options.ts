import { hostname } from 'node:os'
import { ignore } from './background.js'
import { COMPRESSION_THRESHOLD, DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from './codec/codec.js'
import {
  type ComputeDefaults,
  type EarlyRefreshOption,
  parseEarlyRefresh,
  parseGrace,
  parseStrictValues,
} from './compute/options.js'
import { parseDuration, parseTimeout, parseTtl, type Timeout, type Ttl } from './duration.js'
import { ConfigurationError } from './errors.js'
import { describeValue } from './key/describe-value.js'
import { aBoolean, aPositiveWholeNumber, aText, notNull } from './option-checks.js'
import type { Logger } from './store/failsafe.js'
import { MemoryStore, type MemoryStoreOptions } from './store/memory-store.js'
import { isKeyPrefix } from './store/redis/names.js'
import { RedisStore } from './store/redis/redis-store.js'
import { checkTarget, type RedisTarget } from './store/redis/target.js'
import type { Store } from './store/store.js'
import { storeWithDeadlines } from './store/store-with-deadlines.js'
import { STORE_METHODS } from './store/wrap-store.js'
import { type KnownOptions, OptionsReader } from './take-options.js'
import type { ProcessMemoryOptions } from './tiers/process-memory.js'

/** What to use instead of Redis: the embedded store, or one of one's own. */
export type StoreOption = 'memory' | { readonly memory: MemoryStoreOptions } | Store

/** One place where entries live. A text is a Redis URL. */
export type BackendOption =
  | string
  | { readonly redis: RedisTarget | undefined }
  | { readonly store: StoreOption | undefined }

interface BackendParts {
  readonly redis?: RedisTarget | undefined
  readonly store?: StoreOption | undefined
}

export interface ProcessMemoryOption {
  /** The most entries; 10,000 by default. */
  readonly maxEntries?: number | undefined
  /** The most bytes of keys and values together, about; 64 MiB by default. */
  readonly maxBytes?: number | undefined
  /** How long a value may be served without asking Redis, beside its own TTL. Default: as long as it lives. */
  readonly ttl?: Ttl | undefined
}

export interface CacheOptions {
  /** A Redis URL, ioredis options, or an ioredis client (never closed by us). Default: `REDIS_URL`. */
  redis?: RedisTarget | undefined
  /** Instead of `redis`. Default, where `REDIS_URL` is not set: `'memory'`. */
  store?: StoreOption | undefined
  /** Several of the above by name; `alias` says which one this cache uses. */
  backends?: Readonly<Record<string, BackendOption | undefined>> | undefined
  /** Default: `KEYEDCACHE_ALIAS`, else `default`. */
  alias?: string | undefined
  /** Separates applications and sites in one Redis; obligatory there in production. Default: `KEYEDCACHE_PREFIX`. */
  keyPrefix?: string | undefined
  /** How long an entry lives where `set` does not say. Default: 300 seconds. */
  ttl?: Ttl | undefined
  /** No entry may live longer. Default: 30 days. */
  maxTtl?: Ttl | undefined
  /** Shortens each TTL by a random part of up to this share (0 to 1), so that what was set together does not expire together. Default: 0. */
  ttlJitter?: number | undefined
  /**
   * How long after its TTL a value may still be served by `getOrSet`, while a new one is computed or when computing
   * fails. Default: 0, never.
   */
  grace?: Ttl | false | undefined
  /** Compute a value anew shortly before it expires, now and then, so that nobody waits for it. Default: false. */
  earlyRefresh?: EarlyRefreshOption | undefined
  /**
   * Reject with an `UnserializableValueError` where `getOrSet` has computed a value that cannot be stored, instead of
   * returning it without storing it. Default: false.
   */
  strictValues?: boolean | undefined
  /** Keep what a request has read in that request's memory. Default: true. */
  requestMemory?: boolean | undefined
  /**
   * Keep what this process has read in its memory, for all its requests, and serve it from there without asking Redis.
   * Redis tells of changes (`CLIENT TRACKING`, Redis 6 or later): what another process deletes is gone here
   * milliseconds later, and never served for longer than a second. `{}` for the defaults. Default: false.
   */
  memory?: false | ProcessMemoryOption | undefined
  /** Values of more bytes are compressed where it pays; `false` for never. Default: 32 KiB. */
  compressionThreshold?: number | false | undefined
  /**
   * Maximum size in bytes of one serialised value, before it is compressed. `set` rejects a larger one with a
   * `ValueTooLargeError`; `getOrSet` returns it without storing it. A larger one that another process has stored is a
   * miss. The memory that reading a value takes is bounded too, by about four times as much. At most 64 MiB.
   * @default 16 MiB
   */
  maxValueBytes?: number | undefined
  /** Count what happens, and tell the store once a second, so that the dashboard knows of all processes. Default: true. */
  stats?: boolean | undefined
  /**
   * Which requests are taken down with their calls of the cache, for the dashboard: `true` for every one, a share of
   * them (0 to 1), or none. Staff's are in it too, unless it is `false`. Default: every one, in production 1 in 100.
   */
  requestLog?: boolean | { readonly sample: number } | undefined
  /** In milliseconds, or as durations. */
  timeouts?:
    | {
        /** The most that a store operation may take, connecting included. Default: 250 ms. */
        store?: Timeout | undefined
        /** The most that one attempt to connect may take. Default: 2 s. */
        connect?: Timeout | undefined
        /** How long a process that died keeps others from computing what it computed. Default: 5 s. */
        lease?: Timeout | undefined
        /**
         * The most that anyone waits for somebody else's computation, which then loses its lease. Must be longer than
         * computing takes. Default: 60 s.
         */
        wait?: Timeout | undefined
      }
    | undefined
  /** Reject where the store fails, instead of answering as if nothing were cached. Default: false. */
  throwOnStoreError?: boolean | undefined
  /** Switched off, reads miss and `set` does nothing. Default: `KEYEDCACHE_ENABLED`, else true. */
  enabled?: boolean | undefined
  /** Where warnings go. Default: `console`. */
  logger?: Logger | undefined
}

/** The options once everything is decided: what the cache works with. */
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
  /** Whether anything is counted. */
  readonly stats: boolean
  /** Which share of the requests is taken down. */
  readonly requestLogShare: number
  readonly throwOnStoreError: boolean
  readonly enabled: boolean
  readonly logger: Logger
  readonly host: string
  readonly pid: number
  /** This process: `host:pid`. */
  readonly process: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** The options of `createCache`. Most are checked where they are resolved. */
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
const TIMEOUTS = new OptionsReader<NonNullable<CacheOptions['timeouts']>>('timeout', {
  store: notNull,
  connect: notNull,
  lease: notNull,
  wait: notNull,
})
const LIMITS = { maxEntries: aPositiveWholeNumber, maxBytes: aPositiveWholeNumber }
const MEMORY = new OptionsReader<ProcessMemoryOption>('option', { ...LIMITS, ttl: true }, 'memory')
const STORE = new OptionsReader<{ readonly memory: MemoryStoreOptions }>('option', { memory: true }, 'store')
const STORE_LIMITS = new OptionsReader<MemoryStoreOptions>('limit', LIMITS, 'the memory store')
const REQUEST_LOG = new OptionsReader<{ readonly sample: number }>('option', { sample: true }, 'requestLog')

/**
 * Decides everything once.
 * @throws ConfigurationError that says what to write.
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
  const production = env.NODE_ENV === 'production'
  const alias = options.alias ?? env.KEYEDCACHE_ALIAS ?? 'default'
  const backend = chooseBackend(options, alias, env)
  const keyPrefix = resolvePrefix(
    options.keyPrefix ?? env.KEYEDCACHE_PREFIX,
    'redis' in backend && production,
  )
  if (production && !('redis' in backend) && backend.store === undefined) {
    logger.warn(
      'keyedcache: no Redis is configured, so each process keeps its own entries in memory, and a delete in one is not seen by the others. Set REDIS_URL, or write store: "memory" if that is meant.',
    )
  }
  const maxTtlMs = parseDuration(options.maxTtl ?? '30d', 'maxTtl')
  const ttlMs = parseTtl(options.ttl ?? 300, maxTtlMs)
  const ttlJitter = resolveShare(options.ttlJitter ?? 0)
  const storeTimeoutMs = parseTimeout(timeouts.store ?? '250ms', 'timeouts.store')
  return {
    store: openStore(backend, keyPrefix, {
      timeoutMs: storeTimeoutMs,
      connectTimeoutMs: parseTimeout(timeouts.connect ?? '2s', 'timeouts.connect'),
    }),
    storeTimeoutMs,
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
    memory: resolveMemory(options.memory ?? false, maxTtlMs),
    compressionThreshold: resolveThreshold(options.compressionThreshold ?? COMPRESSION_THRESHOLD),
    maxValueBytes: resolveMaxValue(options.maxValueBytes ?? DEFAULT_VALUE_BYTES),
    stats: options.stats ?? true,
    requestLogShare: resolveRequestLog(options.requestLog ?? { sample: production ? 0.01 : 1 }),
    throwOnStoreError: options.throwOnStoreError ?? false,
    enabled: options.enabled ?? isEnabled(env.KEYEDCACHE_ENABLED),
    logger,
    host: hostname(),
    pid: process.pid,
    process: `${hostname()}:${process.pid}`,
  }
}

/** A backend with what it lacks left open: `store: undefined` is nobody's choice. */
type Backend = { readonly redis: RedisTarget } | { readonly store: StoreOption | undefined }

function chooseBackend(options: CacheOptions, alias: string, env: Environment): Backend {
  const { redis, store, backends } = options
  const given = (['redis', 'store', 'backends'] as const).filter((name) => options[name] !== undefined)
  if (given.length > 1) {
    throw new ConfigurationError(`Give one of ${given.join(' and ')}: both say where entries live.`)
  }
  if (backends !== undefined) return namedBackend(backends, alias)
  if (alias !== 'default') {
    throw new ConfigurationError(
      `There is no backend "${shown(alias)}": only the default one is configured. Name it in \`backends\`.`,
    )
  }
  if (redis !== undefined) return { redis: checkTarget(redis) }
  const url = env.REDIS_URL
  return store === undefined && url ? { redis: checkTarget(url, 'REDIS_URL') } : { store }
}

/** The backend of this alias; the others must be right too. */
function namedBackend(backends: NonNullable<CacheOptions['backends']>, alias: string): Backend {
  if (typeof backends !== 'object' || Array.isArray(backends)) {
    throw new ConfigurationError(
      "backends must be an object of names: { default: 'redis://…', catalog: { store: 'memory' } }.",
    )
  }
  const known = new Map<string, Backend>()
  for (const [name, backend] of Object.entries(backends)) {
    if (backend !== undefined) known.set(name, checkBackend(backend, name))
  }
  const chosen = known.get(alias)
  if (chosen !== undefined) return chosen
  const names = [...known.keys()].map((name) => `"${name}"`)
  const unset = Object.hasOwn(backends, alias) ? ' Its value is undefined.' : ''
  throw new ConfigurationError(
    `There is no backend "${shown(alias)}". Known are ${names.join(', ') || 'none'}.${unset}`,
  )
}

function checkBackend(backend: BackendOption, name: string): Backend {
  if (typeof backend === 'string') return { redis: checkTarget(backend, `backend "${name}"`) }
  const { redis, store } = new OptionsReader<BackendParts>(
    'option',
    { redis: true, store: true },
    `backend "${name}"`,
  ).take(backend)
  if ((redis === undefined) === (store === undefined)) {
    throw new ConfigurationError(
      `The backend "${name}" must have either redis or store: it has ${redis === undefined ? 'none of them' : 'both'}.`,
    )
  }
  return redis === undefined ? { store } : { redis: checkTarget(redis, `redis of backend "${name}"`) }
}

function openStore(
  backend: Backend,
  keyPrefix: string,
  timeouts: { readonly timeoutMs: number; readonly connectTimeoutMs: number },
): Store {
  if ('redis' in backend) return new RedisStore({ redis: backend.redis, keyPrefix, ...timeouts })
  const { store = 'memory' } = backend
  if (store === 'memory') return new MemoryStore()
  if (typeof store === 'object' && store !== null && 'read' in store) {
    return storeWithDeadlines(checkStore(store), timeouts.timeoutMs)
  }
  if (typeof store === 'object' && store !== null && 'memory' in store) {
    const { memory } = STORE.take(store)
    return new MemoryStore(STORE_LIMITS.take(memory))
  }
  throw new ConfigurationError(
    `store must be 'memory', { memory: { maxEntries, maxBytes } } or an object with the store interface.`,
  )
}

/** @throws ConfigurationError for one that lacks a method */
function checkStore(store: Store): Store {
  const missing = STORE_METHODS.filter((name) => typeof store[name] !== 'function')
  if (missing.length === 0) return store
  throw new ConfigurationError(`store lacks methods of the store interface: ${missing.join(', ')}.`)
}

const MEMORY_DEFAULTS = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 }

function resolveMemory(
  memory: false | ProcessMemoryOption,
  maxTtlMs: number,
): ProcessMemoryOptions | undefined {
  if (memory === false) return undefined
  if (typeof memory !== 'object' || memory === null) {
    throw new ConfigurationError(
      'memory must be false, or { maxEntries, maxBytes, ttl }, of which each has a default: memory: {}.',
    )
  }
  const { ttl, ...limits } = MEMORY.take(memory)
  return {
    maxEntries: limits.maxEntries ?? MEMORY_DEFAULTS.maxEntries,
    maxBytes: limits.maxBytes ?? MEMORY_DEFAULTS.maxBytes,
    ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : parseTtl(ttl, maxTtlMs),
  }
}

function resolvePrefix(prefix: string | undefined, obligatory: boolean): string {
  if (prefix === undefined || prefix === '') {
    if (!obligatory) return 'keyedcache'
    throw new ConfigurationError(
      "In production a Redis needs a key prefix, so that applications and sites never meet: write keyPrefix: 'shop' or set KEYEDCACHE_PREFIX=shop.",
    )
  }
  if (isKeyPrefix(prefix)) return prefix
  throw new ConfigurationError(
    `keyPrefix may hold letters, digits, "_", "-", "." and single colons between them, at most 100 characters: not '${shown(prefix)}'.`,
  )
}

function resolveShare(share: number): number {
  if (typeof share === 'number' && share >= 0 && share < 1) return share
  throw new ConfigurationError(
    `ttlJitter must be a share from 0 to less than 1, not ${describeValue(share)}.`,
  )
}

function resolveMaxValue(bytes: number): number {
  if (bytes <= MAX_VALUE_BYTES) return bytes
  throw new ConfigurationError(
    `maxValueBytes is ${bytes}, more than ${MAX_VALUE_BYTES} (64 MiB): store larger values in parts, or as files.`,
  )
}

function resolveThreshold(bytes: number | false): number | false {
  if (bytes === false || (typeof bytes === 'number' && bytes >= 0)) return bytes
  throw new ConfigurationError(
    `compressionThreshold must be a number of bytes, or false, not ${describeValue(bytes)}.`,
  )
}

function resolveRequestLog(requestLog: boolean | { readonly sample: number }): number {
  if (typeof requestLog === 'boolean') return requestLog ? 1 : 0
  if (typeof requestLog === 'object' && requestLog !== null) {
    const { sample } = REQUEST_LOG.take(requestLog)
    if (typeof sample === 'number' && sample > 0 && sample <= 1) return sample
  }
  throw new ConfigurationError(
    'requestLog must be true for every request, false for none, or a share of them above 0 and at most 1: requestLog: { sample: 0.01 }.',
  )
}

function resolveLogger(logger: Logger): Logger {
  if (typeof logger?.warn === 'function') return unfailing(logger)
  throw new ConfigurationError('logger must have a method warn(message).')
}

function isEnabled(text: string | undefined): boolean {
  if (text === undefined || /^(1|true|yes|on|)$/i.test(text)) return true
  if (/^(0|false|no|off)$/i.test(text)) return false
  throw new ConfigurationError(`KEYEDCACHE_ENABLED must be true or false, not '${shown(text)}'.`)
}

/** A setting as a message shows it; one that may be an address with a password is not shown. */
function shown(text: string): string {
  return /[@/]/.test(text) ? '…' : text.slice(0, 100)
}

/** A logger whose failure keeps nothing from being done, and ends no process: many warnings come from timers. */
function unfailing(logger: Logger): Logger {
  return {
    warn(message) {
      try {
        const logging: unknown = logger.warn(message)
        if (logging instanceof Promise) logging.catch(ignore)
      } catch {
        // Nobody is left to be warned.
      }
    },
  }
}

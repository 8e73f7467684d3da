import { hostname } from 'node:os'
import { COMPRESS_ABOVE, DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from './codec/codec.js'
import {
  type ComputeDefaults,
  type EarlyRefreshOption,
  parseEarlyRefresh,
  parseGrace,
} from './compute/options.js'
import { type Duration, parseDuration, parseTimeout, parseTtl } from './duration.js'
import { ConfigurationError } from './errors.js'
import { withDeadlines } from './store/deadline.js'
import type { Logger } from './store/failsafe.js'
import { MemoryStore, type MemoryStoreOptions } from './store/memory-store.js'
import type { RedisTarget } from './store/redis/connection.js'
import { isKeyPrefix } from './store/redis/names.js'
import { RedisStore } from './store/redis/redis-store.js'
import type { Store } from './store/store.js'
import type { ProcessMemoryOptions } from './tiers/process-memory.js'
import { refuseUnknown } from './unknown-options.js'

/** What to use instead of Redis: the embedded store, or one of one's own. */
export type StoreOption = 'memory' | { readonly memory: MemoryStoreOptions } | Store

/** One place where entries live. A text is a Redis URL. */
export type BackendOption = string | { readonly redis: RedisTarget } | { readonly store: StoreOption }

export interface ProcessMemoryOption {
  /** The most entries; 10,000 by default. */
  readonly maxEntries?: number
  /** The most bytes of keys and values together, about; 64 MiB by default. */
  readonly maxBytes?: number
  /** How long a value may be served without asking Redis, beside its own TTL. Default: as long as it lives. */
  readonly ttl?: Duration
}

export interface CacheOptions {
  /** A Redis URL, ioredis options, or an ioredis client (never closed by us). Default: `REDIS_URL`. */
  redis?: RedisTarget
  /** Instead of `redis`. Default, where `REDIS_URL` is not set: `'memory'`. */
  store?: StoreOption
  /** Several of the above by name; `alias` says which one this cache uses. */
  backends?: Record<string, BackendOption>
  /** Default: `KEYEDCACHE_ALIAS`, else `default`. */
  alias?: string
  /** Separates applications and sites in one Redis; obligatory there in production. Default: `KEYEDCACHE_PREFIX`. */
  keyPrefix?: string
  /** How long an entry lives where `set` does not say. Default: 300 seconds. */
  ttl?: Duration
  /** No entry may live longer. Default: 30 days. */
  maxTtl?: Duration
  /** Shortens each TTL by a random part of up to this share (0 to 1), so that what was set together does not expire together. Default: 0. */
  ttlJitter?: number
  /**
   * How long after its TTL a value may still be served by `getOrSet`, while a new one is computed or when computing
   * fails. Default: 0, never.
   */
  grace?: Duration | false
  /** Compute a value anew shortly before it expires, now and then, so that nobody waits for it. Default: false. */
  earlyRefresh?: EarlyRefreshOption
  /** Keep what a request has read in that request's memory. Default: true. */
  requestMemory?: boolean
  /**
   * Keep what this process has read in its memory, for all its requests, and serve it from there without asking Redis.
   * Redis tells of changes (`CLIENT TRACKING`, Redis 6 or later): what another process deletes is gone here
   * milliseconds later, and never served for longer than a second. `{}` for the defaults. Default: false.
   */
  memory?: false | ProcessMemoryOption
  /** Values of more bytes are compressed where it pays; `false` for never. Default: 32 KiB. */
  compressAbove?: number | false
  /**
   * Maximum size of one value, in bytes of its serialised form before compression, at most 128 MiB. `set` throws a
   * `ValueTooLargeError` for a larger one before anything is sent, a larger one in the store is a miss. The same limit
   * bounds the memory that reading a value takes, about four times as much. Default: 32 MiB.
   */
  maxValueBytes?: number
  /** Count what happens, and tell the store once a second, so that the dashboard knows of all processes. Default: true. */
  stats?: boolean
  /**
   * Which requests are taken down with their calls of the cache, for the dashboard: `true` for every one, a share of
   * them (0 to 1), or none. Staff's are in it too, unless it is `false`. Default: every one, in production 1 in 100.
   */
  ledger?: boolean | { readonly sample: number }
  /** In milliseconds, or as durations. */
  timeouts?: {
    /** The most that a store operation may take, connecting included. Default: 250 ms. */
    store?: Duration
    /** The most that one attempt to connect may take. Default: 2 s. */
    connect?: Duration
    /** How long a process that died keeps others from computing what it computed. Default: 5 s. */
    lease?: Duration
    /**
     * The most that anyone waits for somebody else's computation, which then loses its lease. Must be longer than
     * computing takes. Default: 60 s.
     */
    wait?: Duration
  }
  /** Reject where the store fails, instead of answering as if nothing were cached. Default: false. */
  throwOnStoreError?: boolean
  /** Switched off, reads miss and `set` does nothing. Default: `KEYEDCACHE_ENABLED`, else true. */
  enabled?: boolean
  /** Where warnings go. Default: `console`. */
  logger?: Logger
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
  readonly compressAbove: number | false
  readonly maxValueBytes: number
  /** Whether anything is counted. */
  readonly stats: boolean
  /** Which share of the requests is taken down. */
  readonly ledgerShare: number
  readonly throwOnStoreError: boolean
  readonly enabled: boolean
  readonly logger: Logger
  readonly host: string
  readonly pid: number
  /** This process: `host:pid`. */
  readonly process: string
}

type Environment = Readonly<Record<string, string | undefined>>

const KNOWN = {
  redis: true,
  store: true,
  backends: true,
  alias: true,
  keyPrefix: true,
  ttl: true,
  maxTtl: true,
  ttlJitter: true,
  grace: true,
  earlyRefresh: true,
  requestMemory: true,
  memory: true,
  compressAbove: true,
  maxValueBytes: true,
  stats: true,
  ledger: true,
  timeouts: true,
  throwOnStoreError: true,
  enabled: true,
  logger: true,
} satisfies Record<keyof CacheOptions, true>

/**
 * Decides everything once.
 * @throws ConfigurationError that says what to write.
 */
export function resolveOptions(options: CacheOptions = {}, env: Environment = process.env): ResolvedOptions {
  refuseUnknown(options, KNOWN, 'option')
  const timeouts = options.timeouts ?? {}
  refuseUnknown(timeouts, { store: true, connect: true, lease: true, wait: true }, 'timeout')
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
    },
    requestMemory: options.requestMemory ?? true,
    memory: resolveMemory(options.memory ?? false, maxTtlMs),
    compressAbove: resolveThreshold(options.compressAbove ?? COMPRESS_ABOVE),
    maxValueBytes: resolveValueBytes(options.maxValueBytes ?? DEFAULT_VALUE_BYTES),
    stats: options.stats ?? true,
    ledgerShare: resolveLedger(options.ledger ?? { sample: production ? 0.01 : 1 }),
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

function chooseBackend({ redis, store, backends }: CacheOptions, alias: string, env: Environment): Backend {
  const given = Object.entries({ redis, store, backends }).filter(([, value]) => value != null)
  if (given.length > 1) {
    throw new ConfigurationError(
      `Give one of ${given.map(([name]) => name).join(' and ')}: both say where entries live.`,
    )
  }
  if (backends != null) return namedBackend(backends, alias)
  if (alias !== 'default') {
    throw new ConfigurationError(
      `There is no backend "${alias}": only the default one is configured. Name it in \`backends\`.`,
    )
  }
  if (redis != null) return { redis }
  const url = env.REDIS_URL
  return store === undefined && url ? { redis: url } : { store }
}

function namedBackend(backends: Record<string, BackendOption>, alias: string): Backend {
  const backend = Object.hasOwn(backends, alias) ? backends[alias] : undefined
  if (backend == null) {
    const names = Object.keys(backends).map((name) => `"${name}"`)
    throw new ConfigurationError(`There is no backend "${alias}". Known are ${names.join(', ') || 'none'}.`)
  }
  if (typeof backend === 'string') return { redis: backend }
  refuseUnknown(backend, { redis: true, store: true }, `option of backend "${alias}",`)
  return backend
}

function openStore(
  backend: Backend,
  keyPrefix: string,
  timeouts: { readonly timeoutMs: number; readonly connectTimeoutMs: number },
): Store {
  if ('redis' in backend) return new RedisStore({ redis: checkTarget(backend.redis), keyPrefix, ...timeouts })
  const { store = 'memory' } = backend
  if (store === 'memory') return new MemoryStore()
  if (typeof store === 'object' && store !== null && 'read' in store)
    return withDeadlines(store, timeouts.timeoutMs)
  if (typeof store === 'object' && store !== null && 'memory' in store) {
    return new MemoryStore(checkLimits(store.memory, 'the memory store'))
  }
  throw new ConfigurationError(
    `store must be 'memory', { memory: { maxEntries, maxBytes } } or an object with the store interface.`,
  )
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
  const { ttl, ...limits } = memory
  refuseUnknown(memory, { maxEntries: true, maxBytes: true, ttl: true }, 'option of memory,')
  checkLimits(limits, 'memory')
  return {
    ...MEMORY_DEFAULTS,
    ...limits,
    ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : parseTtl(ttl, maxTtlMs),
  }
}

function checkLimits(limits: MemoryStoreOptions, of: string): MemoryStoreOptions {
  refuseUnknown(limits, { maxEntries: true, maxBytes: true }, `limit of ${of},`)
  for (const [name, limit] of Object.entries(limits)) {
    if (Number.isSafeInteger(limit) && limit > 0) continue
    throw new ConfigurationError(`${name} of ${of} must be a positive whole number, not ${String(limit)}.`)
  }
  return limits
}

function checkTarget(target: RedisTarget): RedisTarget {
  if (typeof target !== 'string') return target
  if (/^redis\+(cluster|sentinel):/.test(target)) {
    throw new ConfigurationError(
      'A Redis URL of a cluster or of sentinels is not supported yet: for sentinels give ioredis options, redis: { sentinels, name }.',
    )
  }
  if (/^(rediss?:\/\/|\/|unix:)/.test(target)) return target
  throw new ConfigurationError(
    `redis must be a URL like redis://127.0.0.1:6379/0, not '${target.replace(/\/\/.*@/, '//…@')}'.`,
  )
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
    `keyPrefix may hold letters, digits, "_", "-", "." and single colons between them, at most 100 characters: not '${prefix.slice(0, 100)}'.`,
  )
}

function resolveShare(share: number): number {
  if (typeof share === 'number' && share >= 0 && share < 1) return share
  throw new ConfigurationError(`ttlJitter must be a share from 0 to less than 1, not ${share}.`)
}

function resolveThreshold(bytes: number | false): number | false {
  if (bytes === false || (typeof bytes === 'number' && bytes >= 0)) return bytes
  throw new ConfigurationError(`compressAbove must be a number of bytes, or false, not ${String(bytes)}.`)
}

function resolveValueBytes(bytes: number): number {
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= MAX_VALUE_BYTES) return bytes
  throw new ConfigurationError(
    `maxValueBytes must be a positive whole number of bytes, at most ${MAX_VALUE_BYTES}, not ${String(bytes)}.`,
  )
}

function resolveLedger(ledger: boolean | { readonly sample: number }): number {
  if (typeof ledger === 'boolean') return ledger ? 1 : 0
  if (typeof ledger === 'object' && ledger !== null) {
    refuseUnknown(ledger, { sample: true }, 'option of ledger,')
    if (typeof ledger.sample === 'number' && ledger.sample > 0 && ledger.sample <= 1) return ledger.sample
  }
  throw new ConfigurationError(
    'ledger must be true for every request, false for none, or a share of them above 0 and at most 1: ledger: { sample: 0.01 }.',
  )
}

function resolveLogger(logger: Logger): Logger {
  if (typeof logger?.warn === 'function') return logger
  throw new ConfigurationError('logger must have a method warn(message).')
}

function isEnabled(text: string | undefined): boolean {
  if (text === undefined || /^(1|true|yes|on|)$/i.test(text)) return true
  if (/^(0|false|no|off)$/i.test(text)) return false
  throw new ConfigurationError(`KEYEDCACHE_ENABLED must be true or false, not '${text}'.`)
}

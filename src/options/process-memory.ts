import { parseTtl, type Ttl } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import { aPositiveWholeNumber } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import type { ProcessMemoryOptions } from '../tiers/process-memory.js'

/** Limits of process memory. */
export interface ProcessMemoryOption {
  /**
   * Maximum number of entries.
   * @default 10_000
   */
  readonly maxEntries?: number | undefined
  /**
   * Maximum size of all keys and values together, in bytes, about.
   * @default 64 MiB
   */
  readonly maxBytes?: number | undefined
  /**
   * Maximum time for which a value is returned without asking Redis, in seconds or as a text.
   * @default the rest of the entry's own TTL
   */
  readonly ttl?: Ttl | undefined
}

const DEFAULTS = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 }

const OPTIONS = new OptionsReader<ProcessMemoryOption>(
  'option',
  { maxEntries: aPositiveWholeNumber, maxBytes: aPositiveWholeNumber, ttl: true },
  'memory',
)

/**
 * The option `memory`; `undefined` for no process memory.
 * @throws ConfigurationError
 */
export function resolveProcessMemory(
  memory: false | ProcessMemoryOption,
  maxTtlMs: number,
): ProcessMemoryOptions | undefined {
  if (memory === false) return undefined
  if (typeof memory !== 'object' || memory === null) {
    throw new ConfigurationError(
      'memory must be false, or { maxEntries, maxBytes, ttl }, of which each has a default: memory: {}.',
    )
  }
  const { ttl, maxEntries, maxBytes } = OPTIONS.take(memory)
  return {
    maxEntries: maxEntries ?? DEFAULTS.maxEntries,
    maxBytes: maxBytes ?? DEFAULTS.maxBytes,
    ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : parseTtl(ttl, maxTtlMs),
  }
}

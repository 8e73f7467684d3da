import { jittered, parseGrace } from '../compute/options.js'
import { parseTtl, type Ttl } from '../duration.js'
import type { CacheKey } from '../key/cache-key.js'
import { TTL_IS_AN_OPTION } from '../option-advice.js'
import { aBoolean } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import type { Written } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import { missWithoutCache } from './caching-off.js'
import type { Core } from './core.js'

/** Options of `set`. */
export interface SetOptions {
  /**
   * Lifetime of the value, in seconds or as a text.
   * @default the cache's `ttl`
   * @example 60, '1h'
   */
  readonly ttl?: Ttl | undefined
  /**
   * How long after its TTL `getOrSet` may still return the value, in seconds or as a text. `false` is never.
   * @default the cache's `grace`
   */
  readonly grace?: Ttl | false | undefined
  /**
   * Store the value also where the key was invalidated since this request found it missing: for a value that was not made
   * from data read after that.
   * @default false
   */
  readonly overwrite?: boolean | undefined
}

export const SET_OPTIONS = new OptionsReader<SetOptions>(
  'option',
  { ttl: true, grace: true, overwrite: aBoolean },
  'set',
  TTL_IS_AN_OPTION,
)

const FAILED: Written = { outcome: 'failed' }

/** Stores a value, and records it. Resolves to whether it was stored. */
export async function write(
  core: Core,
  key: CacheKey,
  value: unknown,
  given: SetOptions | undefined,
  scope: RequestScope | undefined,
): Promise<boolean> {
  const { options, recorder, writer } = core
  const { ttl, grace, overwrite = false } = SET_OPTIONS.take(given)
  const { maxTtlMs, ttlJitter, compute } = options
  const ttlMs = jittered(ttl === undefined ? options.ttlMs : parseTtl(ttl, maxTtlMs), ttlJitter)
  const graceMs = grace === undefined ? compute.graceMs : parseGrace(grace, maxTtlMs)
  const startedAt = performance.now()
  const missed = missWithoutCache(core, scope)
  let written = FAILED
  try {
    written = missed
      ? { outcome: 'skipped', reason: missed.reason }
      : await writer.write(key, value, { ttlMs, graceMs, overwrite }, scope)
  } finally {
    recorder.write(key, written, startedAt, scope)
  }
  return written.outcome === 'stored'
}

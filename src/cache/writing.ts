import { jittered, parseGrace } from '../compute/options.js'
import { parseTtl, type Ttl } from '../duration.js'
import type { CacheKey } from '../key/cache-key.js'
import { aBoolean } from '../option-checks.js'
import { OptionsReader } from '../take-options.js'
import type { Written } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Core } from './core.js'
import { without } from './without.js'

export interface SetOptions {
  /** How long it lives. Default: the cache's `ttl`. */
  readonly ttl?: Ttl | undefined
  /** How long after its TTL `getOrSet` may still serve it. Default: the cache's `grace`. */
  readonly grace?: Ttl | false | undefined
  /** Store it whatever happened since this request found the key missing: for a value that does not come from what was read then. */
  readonly overwrite?: boolean | undefined
}

export const SET_OPTIONS = new OptionsReader<SetOptions>(
  'option',
  { ttl: true, grace: true, overwrite: aBoolean },
  'set',
)

const FAILED: Written = { outcome: 'failed' }

/** Stores a value; resolves to whether it was stored. */
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
  const missed = without(core, scope)
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

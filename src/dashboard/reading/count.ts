import type { KeyedCache } from '../../cache.js'
import type { CacheKey } from '../../key/cache-key.js'
import { scan } from './scan.js'

/** Number of live keys at and below a key, as far as a bounded scan finds them. */
export interface Count {
  readonly keys: number
  /** Whether there may be more. */
  readonly more: boolean
  /** Some of the keys. */
  readonly samples: readonly CacheKey[]
  /** Number of the keys whose value was computed. */
  readonly computed: number
  /** Time that computing them took, all together. */
  readonly computingMs: number
}

/** Maximum number of keys that are counted. */
const MAX_COUNTED = 5_000

/** Maximum number of samples. */
const MAX_SAMPLES = 8

/**
 * Counts the live keys at and below a key, or all of them.
 * @throws CacheNotRespondingError
 */
export async function count(cache: KeyedCache, under?: CacheKey): Promise<Count> {
  const { entries, cursor } = await scan(cache, { under, enough: MAX_COUNTED })
  const samples = entries.slice(0, MAX_SAMPLES).map(({ key }) => key)
  const times = entries.map(({ computingMs }) => computingMs).filter((ms) => ms > 0)
  const computingMs = times.reduce((sum, ms) => sum + ms, 0)
  return { keys: entries.length, more: cursor !== undefined, samples, computed: times.length, computingMs }
}

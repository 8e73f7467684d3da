import type { KeyedCache } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import { describeUnknown, type Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'

/** A look at a key, also where the cache throws what it cannot answer. */
export async function inspect(cache: KeyedCache, key: CacheKey): Promise<Inspection> {
  try {
    return await cache.inspect(key)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return describeUnknown(key)
    throw error
  }
}

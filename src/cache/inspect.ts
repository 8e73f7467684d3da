import { CacheNotRespondingError } from '../errors.js'
import { describe, describeUnknown, type Inspection } from '../inspection.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Core } from './core.js'

/** Whether a key is cached, and why not; past all that counts, and past the request's memory. */
export async function inspect(
  { chain, misses, options, store }: Core,
  key: CacheKey,
  buildUpTo?: number,
): Promise<Inspection> {
  try {
    const peek = await store.peek(key)
    const standing = await chain.standing(key, peek, buildUpTo)
    const explained = standing.state === 'missing' ? await misses.explainOne(key, standing.reason) : undefined
    const isRemembered = chain.remembers(key)
    return describe(key, peek, standing, { keyPrefix: options.keyPrefix, explained, isRemembered })
  } catch (error) {
    if (options.throwOnStoreError || !(error instanceof CacheNotRespondingError)) throw error
    return describeUnknown(key)
  }
}

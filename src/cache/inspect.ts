import { CacheNotRespondingError } from '../errors.js'
import { describe, describeUnknown, type Inspection } from '../inspection.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Explanation } from '../stats/explain.js'
import type { MissReason } from '../tiers/outcome.js'
import type { Core } from './core.js'

/** Describes a key, without counting it and without request memory. */
export async function inspectKey(
  { memories, misses, options, reader, store }: Core,
  key: CacheKey,
  buildUpTo?: number,
): Promise<Inspection> {
  try {
    const wasPending = reader.isPending(key)
    const peek = await store.peek(key)
    const entry = await reader.stateOf(key, peek, wasPending, buildUpTo)
    const explained =
      entry.state === 'missing'
        ? await misses.explainOne(key, entry.reason).catch(unexplained(entry.reason))
        : undefined
    const isInMemory = memories.isInProcess(key)
    return describe(key, peek, entry, { keyPrefix: options.keyPrefix, explained, isInMemory })
  } catch (error) {
    if (options.throwOnStoreError || !(error instanceof CacheNotRespondingError)) throw error
    return describeUnknown(key)
  }
}

/** The reason that was found in the key's place, where the statistics fail: the store itself has answered. */
function unexplained(reason: MissReason): (error: unknown) => Explanation {
  return (error) => {
    if (!(error instanceof CacheNotRespondingError)) throw error
    return { reason }
  }
}

import type { CacheKey } from '../key/cache-key.js'
import { KEY_IS_ONE_ARRAY } from '../option-advice.js'
import { OptionsReader } from '../options-reader.js'
import { type ReadOutcome, STORE_DOWN } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import { missWithoutCache } from './caching-off.js'
import type { Core } from './core.js'

/** Options of `get`. */
export interface GetOptions<D = unknown> {
  /**
   * Returned where the key is not cached.
   * @default undefined
   */
  readonly default?: D | undefined
}

export const GET_OPTIONS = new OptionsReader<GetOptions>('option', { default: true }, 'get', KEY_IS_ONE_ARRAY)

/** Reads a key, and records the read. Not a promise where a memory hits: that is the shortest way of a read. */
export function read(
  core: Core,
  key: CacheKey,
  scope: RequestScope | undefined,
): ReadOutcome | Promise<ReadOutcome> {
  const startedAt = performance.now()
  const missed = missWithoutCache(core, scope)
  if (missed) {
    scope?.observations?.unprovable(key.text, startedAt)
    core.recorder.read(key, missed, startedAt, scope)
    return missed
  }
  const hit = core.memories.get(key, scope)
  if (hit === undefined) return recorded(core, key, core.reader.get(key, scope), startedAt, scope)
  if (hit instanceof Promise) return recorded(core, key, hit, startedAt, scope)
  core.recorder.read(key, hit, startedAt, scope)
  return hit
}

/** Records a read at its end, also one that rejects. */
async function recorded(
  { recorder }: Core,
  key: CacheKey,
  reading: Promise<ReadOutcome>,
  startedAt: number,
  scope: RequestScope | undefined,
): Promise<ReadOutcome> {
  let outcome: ReadOutcome = STORE_DOWN
  try {
    outcome = await reading
    return outcome
  } finally {
    recorder.read(key, outcome, startedAt, scope)
  }
}

/** Whether a read would hit. */
export async function isCached(core: Core, key: CacheKey, scope: RequestScope | undefined): Promise<boolean> {
  const { memories, reader, recorder } = core
  const startedAt = performance.now()
  const missed = missWithoutCache(core, scope)
  if (missed) {
    scope?.observations?.unprovable(key.text, startedAt)
    recorder.has(key, false, startedAt, scope, missed.reason)
    return false
  }
  let found = false
  try {
    found = memories.has(key, scope) || (await reader.has(key, scope))
    return found
  } finally {
    recorder.has(key, found, startedAt, scope)
  }
}

import type { CacheKey } from '../key/cache-key.js'
import { OptionsReader } from '../take-options.js'
import type { Miss, ReadOutcome } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Core } from './core.js'
import { without } from './without.js'

export interface GetOptions<D = unknown> {
  /** What is returned where nothing is cached. Default: `undefined`. */
  readonly default?: D | undefined
}

export const GET_OPTIONS = new OptionsReader<GetOptions>('option', { default: true }, 'get')

const STORE_DOWN: Miss = { hit: false, reason: 'store-down' }

/** What the memories hold, counted; the quick way of every read. */
export function held(core: Core, key: CacheKey, scope: RequestScope | undefined): ReadOutcome | undefined {
  if ((scope === undefined && !core.memory) || without(core, scope)) return undefined
  const left = performance.now()
  const outcome = core.chain.held(key, scope)
  if (outcome) core.recorder.read(key, outcome, left, scope)
  return outcome
}

export async function read(core: Core, key: CacheKey, scope: RequestScope | undefined): Promise<ReadOutcome> {
  const left = performance.now()
  const missed = without(core, scope)
  if (missed) scope?.observations?.unprovable(key.text, left)
  // What is thrown is told as well.
  let outcome: ReadOutcome = STORE_DOWN
  try {
    outcome = missed ?? (await core.chain.read(key, scope))
    return outcome
  } finally {
    core.recorder.read(key, outcome, left, scope)
  }
}

/** Whether there is anything to read. */
export async function isCached(core: Core, key: CacheKey, scope: RequestScope | undefined): Promise<boolean> {
  const { chain, recorder } = core
  const left = performance.now()
  const missed = without(core, scope)
  if (missed) {
    scope?.observations?.unprovable(key.text, left)
    recorder.has(key, false, left, scope, missed.reason)
    return false
  }
  let found = false
  try {
    found = await chain.has(key, scope)
    return found
  } finally {
    recorder.has(key, found, left, scope)
  }
}

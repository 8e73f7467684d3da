import type { CacheKey } from '../key/cache-key.js'
import { aBoolean } from '../option-checks.js'
import { OptionsReader } from '../take-options.js'
import type { DeleteOutcome, ExpireOutcome } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Core } from './core.js'

export interface DeleteOptions {
  /** Also everything below the key, in one atomic step. Default: false. */
  readonly children?: boolean | undefined
}

export interface ExpireOptions {
  /** Also everything below the key, in one atomic step. Default: false. */
  readonly children?: boolean | undefined
}

export const DELETE_OPTIONS = new OptionsReader<DeleteOptions>('option', { children: aBoolean }, 'delete')
export const EXPIRE_OPTIONS = new OptionsReader<ExpireOptions>('option', { children: aBoolean }, 'expire')

// None of them asks whether caching is on: what was deleted must not be there when it is on again.

export async function remove(
  { chain, recorder }: Core,
  key: CacheKey,
  children: boolean,
  scope: RequestScope | undefined,
): Promise<DeleteOutcome> {
  const left = performance.now()
  const origin = scope?.origin()
  let outcome: DeleteOutcome = 'failed'
  try {
    const was = await chain.remove(key, children, scope, origin)
    if (was !== undefined) outcome = was ? 'deleted' : 'absent'
    return outcome
  } finally {
    recorder.delete(key, { children, outcome, origin }, left, scope)
  }
}

export async function expire(
  { chain, recorder }: Core,
  key: CacheKey,
  children: boolean,
  scope: RequestScope | undefined,
): Promise<ExpireOutcome> {
  const left = performance.now()
  const origin = scope?.origin()
  let outcome: ExpireOutcome = 'failed'
  try {
    const was = await chain.expire(key, children, scope, origin)
    if (was !== undefined) outcome = was ? 'expired' : 'absent'
    return outcome
  } finally {
    recorder.expire(key, { children, outcome, origin }, left, scope)
  }
}

/** Resolves to whether the store surely did it. */
export async function clear({ chain, recorder }: Core, scope: RequestScope | undefined): Promise<boolean> {
  const left = performance.now()
  const origin = scope?.origin()
  let done = false
  try {
    done = await chain.clear(scope, origin)
    return done
  } finally {
    recorder.clear({ outcome: done ? 'deleted' : 'failed', origin }, left, scope)
  }
}

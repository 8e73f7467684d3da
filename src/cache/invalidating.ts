import type { CacheKey } from '../key/cache-key.js'
import { KEY_IS_ONE_ARRAY } from '../option-advice.js'
import { aBoolean } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import type { ClearOutcome, DeleteOutcome, ExpireOutcome } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Core } from './core.js'

/** Options of `delete`. */
export interface DeleteOptions {
  /**
   * Delete everything below the key too, in one atomic step.
   * @default false
   */
  readonly children?: boolean | undefined
}

/** Options of `expire`. */
export interface ExpireOptions {
  /**
   * Mark everything below the key as stale too, in one atomic step.
   * @default false
   */
  readonly children?: boolean | undefined
}

export const DELETE_OPTIONS = new OptionsReader<DeleteOptions>(
  'option',
  { children: aBoolean },
  'delete',
  KEY_IS_ONE_ARRAY,
)
export const EXPIRE_OPTIONS = new OptionsReader<ExpireOptions>(
  'option',
  { children: aBoolean },
  'expire',
  KEY_IS_ONE_ARRAY,
)

// Invalidations go through while caching is off: what was deleted must not be there when it is on again.

export async function remove(
  { recorder, writer }: Core,
  key: CacheKey,
  children: boolean,
  scope: RequestScope | undefined,
): Promise<DeleteOutcome> {
  const startedAt = performance.now()
  const origin = scope?.origin()
  let outcome: DeleteOutcome = 'failed'
  try {
    outcome = await writer.delete(key, children, scope, origin)
    return outcome
  } finally {
    recorder.delete(key, { children, outcome, origin }, startedAt, scope)
  }
}

export async function expire(
  { recorder, writer }: Core,
  key: CacheKey,
  children: boolean,
  scope: RequestScope | undefined,
): Promise<ExpireOutcome> {
  const startedAt = performance.now()
  const origin = scope?.origin()
  let outcome: ExpireOutcome = 'failed'
  try {
    outcome = await writer.expire(key, children, scope, origin)
    return outcome
  } finally {
    recorder.expire(key, { children, outcome, origin }, startedAt, scope)
  }
}

export async function clear(
  { recorder, writer }: Core,
  scope: RequestScope | undefined,
): Promise<ClearOutcome> {
  const startedAt = performance.now()
  const origin = scope?.origin()
  let outcome: ClearOutcome = 'failed'
  try {
    outcome = await writer.clear(scope, origin)
    return outcome
  } finally {
    recorder.clear({ outcome, origin }, startedAt, scope)
  }
}

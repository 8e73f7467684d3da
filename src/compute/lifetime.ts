import { types } from 'node:util'
import { readTtl } from '../duration.js'
import { describeValue } from '../key/describe-value.js'

/** Longer texts are not shown: a TTL function may have returned the token instead of its lifetime. */
const MAX_SHOWN = 24

/** Lifetime of a computed value. */
export interface Lifetime {
  /** Milliseconds; 0 for a value that is not stored. */
  readonly ms: number
  /** Fault of the TTL, if the value is not stored because of it. */
  readonly wrong?: string
}

export const NOT_STORED: Lifetime = { ms: 0 }

/** The lifetime given to `setTtl`. */
export function lifetimeGiven(ttl: unknown, maxTtlMs: number): Lifetime {
  return lifetimeOf(ttl, maxTtlMs, 'setTtl() was given')
}

/** The lifetime returned by a TTL function; `otherwise` where it returns `undefined`. */
export function lifetimeBy(ttl: () => unknown, maxTtlMs: number, otherwise: number): Lifetime {
  let computed: unknown
  try {
    computed = ttl()
  } catch (error) {
    return { ms: 0, wrong: `the ttl function threw ${describeThrown(error)}` }
  }
  if (computed === undefined) return { ms: otherwise }
  return lifetimeOf(computed, maxTtlMs, 'the ttl function returned')
}

function lifetimeOf(ttl: unknown, maxTtlMs: number, from: string): Lifetime {
  const ms = readTtl(ttl, maxTtlMs)
  if (!Number.isNaN(ms)) return { ms }
  ignoreRejection(ttl)
  return { ms: 0, wrong: `${from} ${describe(ttl)}` }
}

/** Describes what was given, without anything that could be a secret. */
function describe(ttl: unknown): string {
  if (typeof ttl === 'string' && ttl.length > MAX_SHOWN) return `a text of ${ttl.length} characters`
  if (types.isPromise(ttl)) return 'a promise (a TTL must be known at once)'
  if (types.isDate(ttl)) return 'a Date (a TTL is the time left, in seconds)'
  return describeValue(ttl, 0)
}

function describeThrown(error: unknown): string {
  try {
    return error instanceof Error ? `"${String(error.message).slice(0, 200)}"` : describeValue(error, 0)
  } catch {
    return 'an error that cannot be read'
  }
}

/** Handles the rejection of a value that is a promise by mistake: unhandled, it would end the process. */
export function ignoreRejection(value: unknown): void {
  if (types.isPromise(value)) Promise.prototype.then.call(value, undefined, () => {})
}

import type { Ttl } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { LiveEntry } from '../tiers/entry-state.js'
import type { Computation } from './computation.js'

/** What a factory is told and can decide. Its functions may be taken out of it. */
export interface FactoryContext<T = unknown> {
  readonly key: CacheKey
  /** Aborted when nobody wants the value any more: it takes too long, all who waited have gone, or the cache is closed. */
  readonly signal: AbortSignal
  /** The value that stands there, stale as a rule; `undefined` also where none does. */
  readonly previous: T | undefined
  readonly hasPrevious: boolean
  /**
   * How long the value that will be returned is to live. Never throws: 0 or less does not store it, more than `maxTtl`
   * is `maxTtl`, `undefined` leaves it to the options, and what is no duration does not store it and logs one warning.
   */
  setTtl(ttl: Ttl | undefined): void
  /** The value is not to be stored: `return skip(value)`. */
  skip<V>(value: V): V
  skip(): void
  /** `previous` still holds: `return notModified()` begins its TTL anew, without sending it again. */
  notModified(): T
}

/** Computes a value. */
export type Factory<T> = (context: FactoryContext<T>) => T | PromiseLike<T>

/** What a factory has decided beside its value. */
export interface Computed {
  readonly value: unknown
  /** What `setTtl` was last given: anything. */
  readonly setTtl: unknown
  /** It is not to be stored. */
  readonly isSkipped: boolean
  /** It is the previous value, which still holds. */
  readonly isUnchanged: boolean
  readonly computingMs: number
}

export interface FactoryRun {
  readonly key: CacheKey
  readonly signal: AbortSignal
  readonly previous: LiveEntry | undefined
}

/** Runs a factory in its isolation, and tells what it decided. */
export async function runFactory(
  factory: Factory<unknown>,
  computation: Computation,
  { key, signal, previous }: FactoryRun,
): Promise<Computed> {
  let ttlSet: unknown
  let isSkipped = false
  let isUnchanged = false
  const context: FactoryContext = {
    key,
    signal,
    previous: previous?.value,
    hasPrevious: previous !== undefined,
    setTtl(ttl) {
      ttlSet = ttl
    },
    skip<V>(value?: V) {
      isSkipped = true
      return value as V
    },
    notModified() {
      if (!previous) {
        throw new ConfigurationError(
          `notModified() of "${key.text}" has no previous value to keep: ask hasPrevious first.`,
          { key: key.text },
        )
      }
      isUnchanged = true
      return previous.value
    },
  }
  const began = performance.now()
  try {
    const value = await computation.run(() => factory(context))
    const computingMs = performance.now() - began
    const isKept = isUnchanged && value === previous?.value
    return {
      value,
      setTtl: ttlSet,
      isSkipped,
      isUnchanged: isKept,
      computingMs: isKept ? (previous?.body.computingMs ?? computingMs) : computingMs,
    }
  } finally {
    computation.end()
  }
}

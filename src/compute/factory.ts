import type { Ttl } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'
import type { LiveEntry } from '../tiers/entry-state.js'
import type { Computation } from './computation.js'

/** The argument of a factory. Its functions work without it: `({ setTtl }) => …`. */
export interface FactoryContext<T = unknown> {
  readonly key: CacheKey
  /** Aborted when the value is not needed any longer: no caller waits, it takes too long, or the cache is closed. */
  readonly signal: AbortSignal
  /** The stored value that is to be replaced; `undefined` where there is none. */
  readonly previous: T | undefined
  /** Whether there is a stored value, which may be `undefined`. */
  readonly hasPrevious: boolean
  /**
   * Sets the lifetime of the value, in seconds or as a text. It never throws: 0 or less does not store the value, more than
   * `maxTtl` is `maxTtl`, `undefined` leaves the lifetime to the options, and anything else does not store the value and
   * logs one warning.
   * @example setTtl(response.maxAge)
   */
  setTtl(ttl: Ttl | undefined): void
  /**
   * Leaves the value out of the store.
   * @example return skip(value)
   */
  skip<V>(value: V): V
  skip(): void
  /**
   * Returns `previous` with a new TTL; its bytes are not sent again.
   * @example if (response.status === 304) return notModified()
   * @throws ConfigurationError where there is no previous value
   */
  notModified(): T
}

/** A function that computes a value. */
export type Factory<T> = (context: FactoryContext<T>) => T | PromiseLike<T>

/** The result of a factory. */
export interface Computed {
  readonly value: unknown
  /** The last argument of `setTtl`: anything. */
  readonly setTtl: unknown
  /** Whether it called `skip`. */
  readonly isSkipped: boolean
  /** Whether it is the previous value, by `notModified`. */
  readonly isUnchanged: boolean
  readonly computingMs: number
}

export interface FactoryRun {
  readonly key: CacheKey
  readonly signal: AbortSignal
  readonly previous: LiveEntry | undefined
}

/** Runs a factory in the isolation of its computation. */
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
          `notModified() of "${key.text}" has no previous value to keep: check hasPrevious first.`,
          { key: key.text },
        )
      }
      isUnchanged = true
      return previous.value
    },
  }
  const startedAt = performance.now()
  try {
    const value = await computation.run(() => factory(context))
    const computingMs = performance.now() - startedAt
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

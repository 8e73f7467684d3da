import { parseTtl, type Timeout, type Ttl } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'
import { type KnownOptions, OptionsReader } from '../options-reader.js'

/** Refreshing of values shortly before they expire, by chance. `beta` above 1 refreshes earlier, below 1 later. */
export type EarlyRefreshOption = boolean | { readonly beta: number }

/** Options of `getOrSet` and of cached functions. */
export interface GetOrSetOptions<T = unknown> {
  /**
   * Lifetime of the value, in seconds or as a text, or a function of the value that returns one. Of a function, 0 or less
   * does not store the value, and `undefined` is the cache's `ttl`. A result that is no lifetime, and an error, does not
   * store the value and logs one warning.
   * @default the cache's `ttl`
   * @example 60, '1h', (token) => token.expiresIn
   */
  readonly ttl?: Ttl | ((value: T) => Ttl | undefined) | undefined
  /**
   * Lifetime of `null` and `undefined`, in seconds or as a text. `false` does not store them.
   * @default as `ttl`
   */
  readonly negativeTtl?: Ttl | false | undefined
  /**
   * How long after its TTL the value may still be returned, while it is refreshed or when computing fails: in seconds or
   * as a text. What was deleted is never returned.
   * @default the cache's `grace`
   */
  readonly grace?: Ttl | false | undefined
  /**
   * Refresh the value shortly before it expires, by chance, so that no caller waits.
   * @default the cache's `earlyRefresh`
   */
  readonly earlyRefresh?: EarlyRefreshOption | undefined
  /**
   * How long a caller waits for a refresh before it gets the stale value, in milliseconds or as a text.
   * @default 0
   */
  readonly softTimeout?: Timeout | undefined
  /**
   * How long the caller waits, in milliseconds or as a text. Then it rejects with a `ComputeTimeoutError`; the
   * computation goes on.
   * @default no limit
   */
  readonly hardTimeout?: Timeout | undefined
  /**
   * Maximum time that this caller waits for the computation of another one, and others for that of this caller: in
   * milliseconds or as a text. After it, the waiting caller computes the value without storing it, and the computation
   * loses its lease. Must be longer than computing takes.
   * @default the cache's `timeouts.wait`
   */
  readonly waitTimeout?: Timeout | undefined
  /**
   * How long a lease lasts unless it is renewed, in milliseconds or as a text: how long the computation of a process that
   * died blocks others.
   * @default the cache's `timeouts.lease`
   */
  readonly leaseTime?: Timeout | undefined
  /**
   * Reject with an `UnserializableValueError` for a computed value that cannot be stored, instead of returning it.
   * @default the cache's `strictValues`
   */
  readonly strictValues?: boolean | undefined
  /** Ends the wait of this caller, and the computation if no other caller waits for it. */
  readonly signal?: AbortSignal | undefined
  /**
   * Whether a stored value is accepted. One for which it returns `false`, or throws, counts as not cached.
   * @example (value) => productSchema.safeParse(value).success
   */
  readonly validate?: ((value: unknown) => boolean) | undefined
  /**
   * How long a failure is kept, in seconds or as a text. Callers get a `ComputeFailedError` meanwhile.
   * @default not kept
   */
  readonly errorTtl?: Ttl | undefined
  /**
   * Time between a failed refresh and the next one, in milliseconds or as a text.
   * @default '5s'
   */
  readonly retryDelay?: Timeout | undefined
}

/** Defaults for all calls of one cache, from its options. Times in milliseconds. */
export interface ComputeDefaults {
  readonly ttlMs: number
  readonly maxTtlMs: number
  readonly ttlJitter: number
  readonly graceMs: number
  /** 0 for no early refresh. */
  readonly beta: number
  readonly leaseMs: number
  readonly waitMs: number
  readonly strictValues: boolean
}

export const GET_OR_SET_OPTIONS = {
  ttl: true,
  negativeTtl: true,
  grace: true,
  earlyRefresh: true,
  softTimeout: true,
  hardTimeout: true,
  waitTimeout: true,
  leaseTime: true,
  strictValues: true,
  signal: true,
  validate: true,
  errorTtl: true,
  retryDelay: true,
} satisfies KnownOptions<GetOrSetOptions>

const EARLY_REFRESH = new OptionsReader<{ readonly beta: number }>('option', { beta: true }, 'earlyRefresh')

/** Shortens a TTL by a random part, up to a share of it. */
export function jittered(ttlMs: number, share: number): number {
  return share === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - Math.random() * share)))
}

/**
 * The option `grace` in milliseconds.
 * @throws ConfigurationError
 */
export function parseGrace(grace: Ttl | false, maxTtlMs: number): number {
  if (grace === false || grace === 0) return 0
  return parseTtl(grace, maxTtlMs, 'grace')
}

/** @throws ConfigurationError */
export function parseStrictValues(option: boolean): boolean {
  if (typeof option === 'boolean') return option
  throw new ConfigurationError(`strictValues must be true or false, not ${String(option)}.`)
}

/**
 * The `beta` of the option `earlyRefresh`; 0 for no early refresh.
 * @throws ConfigurationError
 */
export function parseEarlyRefresh(option: EarlyRefreshOption): number {
  if (typeof option === 'boolean') return option ? 1 : 0
  if (typeof option !== 'object' || option === null) {
    throw new ConfigurationError(
      `earlyRefresh must be true, false or { beta }, not ${describeValue(option)}.`,
    )
  }
  const { beta } = EARLY_REFRESH.take(option)
  if (Number.isFinite(beta) && beta > 0) return beta
  throw new ConfigurationError(
    `beta of earlyRefresh must be a number above 0 (1 is the usual one), not ${describeValue(beta)}.`,
  )
}

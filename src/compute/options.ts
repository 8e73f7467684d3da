import { parseTtl, type Timeout, type Ttl } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'
import { type KnownOptions, OptionsReader } from '../take-options.js'

/**
 * Whether a value is now and then computed anew before it expires, so that
 * nobody has to wait when it does. `beta` above 1 does so earlier, below 1 later.
 */
export type EarlyRefreshOption = boolean | { readonly beta: number }

/** How `getOrSet` and cached functions compute what is not cached. */
export interface GetOrSetOptions<T = unknown> {
  /**
   * How long the value lives: a duration, or a function of the value that returns one. From a function, 0 or less does
   * not store the value, more than `maxTtl` is `maxTtl`, and `undefined` is the cache's `ttl`; anything else that is no
   * duration, and an error, does not store the value and logs one warning. Default: the cache's `ttl`.
   */
  readonly ttl?: Ttl | ((value: T) => Ttl | undefined) | undefined
  /** How long `null` and `undefined` live; `false` does not store them. Default: as `ttl`. */
  readonly negativeTtl?: Ttl | false | undefined
  /**
   * How long after its TTL the value may still be served: at once, while a new one is computed in the background,
   * and when computing fails. Never what was deleted. Default: the cache's `grace`.
   */
  readonly grace?: Ttl | false | undefined
  /** Default: the cache's `earlyRefresh`. */
  readonly earlyRefresh?: EarlyRefreshOption | undefined
  /** Wait so long for a new value before a stale one is served, in ms or as a duration. Default: not at all. */
  readonly softTimeout?: Timeout | undefined
  /** Reject with a `ComputeTimeoutError` after so long, in ms or as a duration; computing goes on. Default: never. */
  readonly hardTimeout?: Timeout | undefined
  /**
   * The most that this call waits for somebody else's computation before it computes for itself, without storing it;
   * and the most that others wait for this call's computation, which then loses its lease. In ms or as a duration.
   * Must be longer than computing takes. Default: the cache's `timeouts.wait`.
   */
  readonly waitTimeout?: Timeout | undefined
  /** How long a process that died keeps others from computing, in ms or as a duration. Default: `timeouts.lease`. */
  readonly leaseTime?: Timeout | undefined
  /**
   * Reject with an `UnserializableValueError` for a computed value that cannot be stored, instead of returning it
   * without storing it. Default: the cache's `strictValues`.
   */
  readonly strictValues?: boolean | undefined
  /** Ends the wait, and the computation if nobody else waits for it. */
  readonly signal?: AbortSignal | undefined
  /** Whether a stored value will do; one for which this is false, or throws, counts as not cached. */
  readonly validate?: ((value: unknown) => boolean) | undefined
  /** Keep a failure for so long: whoever asks meanwhile gets a `ComputeFailedError`. Default: not at all. */
  readonly errorTtl?: Ttl | undefined
  /** The pause after a failed refresh of a stale value, in ms or as a duration. Default: 5 s. */
  readonly retryDelay?: Timeout | undefined
}

/** What the cache's own options say of computing. Times in milliseconds. */
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

/** A TTL shortened by a random part of up to a share. */
export function jittered(ttlMs: number, share: number): number {
  return share === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - Math.random() * share)))
}

/** @throws ConfigurationError */
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
 * β of an option; 0 for none.
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

import { parseTimeout, parseTtl, type Timeout } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import { TTL_IS_AN_OPTION } from '../option-advice.js'
import { OptionsReader } from '../options-reader.js'
import type { Demands, LiveEntry } from '../tiers/entry-state.js'
import type { MissReason } from '../tiers/outcome.js'
import type { Computed } from './factory.js'
import { ignoreRejection, type Lifetime, lifetimeBy, lifetimeGiven, NOT_STORED } from './lifetime.js'
import {
  type ComputeDefaults,
  GET_OR_SET_OPTIONS,
  type GetOrSetOptions,
  jittered,
  parseEarlyRefresh,
  parseGrace,
  parseStrictValues,
} from './options.js'

/** A key that cannot be computed must not be computed again at every read. */
const RETRY_DELAY_MS = 5_000

const OPTIONS = new OptionsReader<GetOrSetOptions>('option', GET_OR_SET_OPTIONS, undefined, TTL_IS_AN_OPTION)

/** The options of one call, with the defaults of the cache filled in. Times in milliseconds. */
export class Policy implements Demands {
  readonly graceMs: number
  /** 0 for no early refresh. */
  readonly beta: number
  readonly softMs: number
  readonly hardMs: number | undefined
  readonly waitMs: number
  readonly leaseMs: number
  readonly signal: AbortSignal | undefined
  readonly errorTtlMs: number | undefined
  readonly retryDelayMs: number
  /** Whether callers get an error for a computed value that cannot be stored. */
  readonly strictValues: boolean
  readonly #defaults: ComputeDefaults
  readonly #validate: GetOrSetOptions['validate']
  readonly #ttl: GetOrSetOptions['ttl']
  readonly #ttlMs: number
  /** The TTL of `null` and `undefined`; `undefined` where these are not stored. */
  readonly #negativeTtlMs: number | undefined
  readonly #hasNegativeTtl: boolean

  /** @throws ConfigurationError */
  constructor(given: GetOrSetOptions, defaults: ComputeDefaults) {
    const options = OPTIONS.take(given)
    const { ttl, negativeTtl, grace, earlyRefresh, errorTtl } = options
    const { maxTtlMs } = defaults
    this.#defaults = defaults
    this.#validate = checkValidate(options.validate)
    this.#ttl = ttl
    this.#ttlMs = typeof ttl === 'function' ? 0 : ttl === undefined ? defaults.ttlMs : parseTtl(ttl, maxTtlMs)
    this.#hasNegativeTtl = negativeTtl !== undefined
    this.#negativeTtlMs =
      negativeTtl === undefined || negativeTtl === false
        ? undefined
        : parseTtl(negativeTtl, maxTtlMs, 'negativeTtl')
    this.graceMs = grace === undefined ? defaults.graceMs : parseGrace(grace, maxTtlMs)
    this.beta = earlyRefresh === undefined ? defaults.beta : parseEarlyRefresh(earlyRefresh)
    this.softMs = timeout(options.softTimeout, 'softTimeout', 0)
    this.hardMs = timeout(options.hardTimeout, 'hardTimeout', undefined)
    this.waitMs = timeout(options.waitTimeout, 'waitTimeout', defaults.waitMs)
    this.leaseMs = timeout(options.leaseTime, 'leaseTime', defaults.leaseMs)
    this.strictValues =
      options.strictValues === undefined ? defaults.strictValues : parseStrictValues(options.strictValues)
    this.signal = checkSignal(options.signal)
    this.errorTtlMs = errorTtl === undefined ? undefined : parseTtl(errorTtl, maxTtlMs, 'errorTtl')
    this.retryDelayMs = timeout(options.retryDelay, 'retryDelay', RETRY_DELAY_MS)
  }

  /** The lifetime of a computed value. It never throws, whatever the TTL function does. */
  lifetime({ value, setTtl, isSkipped }: Pick<Computed, 'value' | 'setTtl' | 'isSkipped'>): Lifetime {
    if (isSkipped) return NOT_STORED
    const { maxTtlMs, ttlMs } = this.#defaults
    if (setTtl !== undefined) return lifetimeGiven(setTtl, maxTtlMs)
    if (this.#hasNegativeTtl && (value === undefined || value === null)) {
      return this.#negativeTtlMs === undefined ? NOT_STORED : { ms: this.#negativeTtlMs }
    }
    const ttl = this.#ttl
    return typeof ttl === 'function' ? lifetimeBy(() => ttl(value), maxTtlMs, ttlMs) : { ms: this.#ttlMs }
  }

  /** Shortens a TTL by chance: values that were computed together do not expire together. */
  jittered(ttlMs: number): number {
    return jittered(ttlMs, this.#defaults.ttlJitter)
  }

  /** Whether `validate` accepts a stored value. It does not where it throws: it may not know that shape. */
  accepts(value: unknown): boolean {
    if (this.#validate === undefined) return true
    try {
      const isAccepted: unknown = this.#validate(value)
      ignoreRejection(isAccepted)
      return isAccepted === true
    } catch {
      return false
    }
  }

  /** Why a live entry will not do for the caller, if it does not. */
  refusal(entry: LiveEntry): MissReason | undefined {
    if (!this.accepts(entry.value)) return 'invalid'
    return this.serves(entry) ? undefined : 'expired'
  }

  /** Whether a value with this time until its expiry, below 0 after it, may be returned. */
  serves({ remainingMs }: { readonly remainingMs: number }): boolean {
    return remainingMs > 0 || -remainingMs < this.graceMs
  }

  /** Whether nothing in it concerns its caller alone: then the caller may follow a coalesced read. */
  get isPlain(): boolean {
    return (
      this.#validate === undefined &&
      this.signal === undefined &&
      this.hardMs === undefined &&
      this.softMs === 0
    )
  }

  /** Whether callers with both policies, that do not compute, get the same value at the same time. */
  isAlike(other: Policy): boolean {
    return (
      this.isPlain &&
      other.isPlain &&
      this.graceMs === other.graceMs &&
      this.beta === other.beta &&
      this.waitMs === other.waitMs &&
      this.strictValues === other.strictValues
    )
  }
}

/** The policies of one cache. */
export class Policies {
  readonly #defaults: ComputeDefaults
  readonly #usual: Policy

  constructor(defaults: ComputeDefaults) {
    this.#defaults = defaults
    this.#usual = new Policy({}, defaults)
  }

  /** @throws ConfigurationError */
  of(options: GetOrSetOptions | undefined): Policy {
    return options === undefined ? this.#usual : new Policy(options, this.#defaults)
  }
}

function timeout<D>(given: Timeout | undefined, name: string, otherwise: D): number | D {
  return given === undefined ? otherwise : parseTimeout(given, name)
}

function checkValidate(validate: GetOrSetOptions['validate']): GetOrSetOptions['validate'] {
  if (validate === undefined || typeof validate === 'function') return validate
  throw new ConfigurationError('validate must be a function that returns whether a stored value is accepted.')
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw new ConfigurationError('signal must be an AbortSignal.')
}

import { parseTimeout, parseTtl, type Timeout } from '../duration.js'
import { ConfigurationError } from '../errors.js'
import { OptionsReader } from '../take-options.js'
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

/** A process that asks again and again for what cannot be computed must not do so at every read. */
const RETRY_PAUSE_MS = 5_000

const OPTIONS = new OptionsReader<GetOrSetOptions>('option', GET_OR_SET_OPTIONS)

/** One call's options once everything is decided: times in milliseconds. */
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
  /** Whether a computed value that cannot be stored is an error for its callers. */
  readonly strictValues: boolean
  readonly #defaults: ComputeDefaults
  readonly #validate: GetOrSetOptions['validate']
  readonly #ttl: GetOrSetOptions['ttl']
  readonly #ttlMs: number
  /** The same for what is missing; `undefined` for what is not to be stored. */
  readonly #negativeTtlMs: number | undefined
  readonly #isMissingDistinct: boolean

  /** @throws ConfigurationError */
  constructor(given: GetOrSetOptions, defaults: ComputeDefaults) {
    const options = OPTIONS.take(given)
    const { ttl, negativeTtl, grace, earlyRefresh, errorTtl } = options
    const { maxTtlMs } = defaults
    this.#defaults = defaults
    this.#validate = checkValidate(options.validate)
    this.#ttl = ttl
    this.#ttlMs = typeof ttl === 'function' ? 0 : ttl === undefined ? defaults.ttlMs : parseTtl(ttl, maxTtlMs)
    this.#isMissingDistinct = negativeTtl !== undefined
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
    this.retryDelayMs = timeout(options.retryDelay, 'retryDelay', RETRY_PAUSE_MS)
  }

  /** How long a computed value is to live. Never throws, whatever its TTL function does. */
  lifetime({ value, setTtl, isSkipped }: Pick<Computed, 'value' | 'setTtl' | 'isSkipped'>): Lifetime {
    if (isSkipped) return NOT_STORED
    const { maxTtlMs, ttlMs } = this.#defaults
    if (setTtl !== undefined) return lifetimeGiven(setTtl, maxTtlMs)
    if (this.#isMissingDistinct && (value === undefined || value === null)) {
      return this.#negativeTtlMs === undefined ? NOT_STORED : { ms: this.#negativeTtlMs }
    }
    const ttl = this.#ttl
    return typeof ttl === 'function' ? lifetimeBy(() => ttl(value), maxTtlMs, ttlMs) : { ms: this.#ttlMs }
  }

  /** The TTL shortened by chance, so that what was computed together does not expire together. */
  jittered(ttlMs: number): number {
    return jittered(ttlMs, this.#defaults.ttlJitter)
  }

  /** Whether a stored value will do. A check that throws does not know the shape of what it was given: so not. */
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

  /** Whether it leaves nothing to decide for its caller alone. */
  get isPlain(): boolean {
    return (
      this.#validate === undefined &&
      this.signal === undefined &&
      this.hardMs === undefined &&
      this.softMs === 0
    )
  }

  /** Whether callers of both, neither of whom computes, get the same at the same time. */
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

/** One cache's policies. */
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
  throw new ConfigurationError('validate must be a function that says whether a stored value will do.')
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw new ConfigurationError('signal must be an AbortSignal.')
}

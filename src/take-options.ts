import leven from 'leven'
import { ConfigurationError } from './errors.js'

/** Refuses a wrong value with a `ConfigurationError`; `name` is what the error calls the option. */
export type OptionCheck = (value: unknown, name: string) => void

/** The names that an options object may have. Each has its check; `true` where the value is checked when it is used. */
export type KnownOptions<T extends object> = { readonly [Name in keyof T]-?: OptionCheck | true }

/** How an error calls one option: what it is, and of what. */
interface OptionKind {
  /** `option`, `timeout`. */
  readonly noun: string
  /** `set`: whose option it is. Default: nothing. */
  readonly of?: string
}

const NONE: object = Object.freeze({})

/** Reads the options objects of one kind. */
export class OptionsReader<T extends object> {
  readonly #known: KnownOptions<T>
  readonly #kind: OptionKind

  constructor(noun: string, known: KnownOptions<T>, of?: string) {
    this.#known = Object.assign(Object.create(null), known)
    this.#kind = of === undefined ? { noun } : { noun, of }
  }

  /**
   * A copy of the options that are given: each is read once, and one that is `undefined` is left out.
   * @throws ConfigurationError for an unknown name, a wrong value, and for what is no object or cannot be read
   */
  take(given: T | undefined): T {
    if (given === undefined) return NONE as T
    try {
      return this.#read(given)
    } catch (error) {
      if (error instanceof ConfigurationError) throw error
      throw new ConfigurationError(`The ${this.#plural} cannot be read: reading them throws an error.`, {
        cause: error,
      })
    }
  }

  #read(given: T): T {
    const taken: Record<string, unknown> = {}
    if (!isPlain(given)) this.#readInherited(given, taken)
    for (const name of Object.keys(given)) this.#readOne(given, name, taken)
    return taken as T
  }

  #readOne(given: object, name: string, taken: Record<string, unknown>): void {
    const check = (this.#known as Record<string, OptionCheck | true>)[name]
    if (check === undefined) throw this.#unknown(name)
    const value = (given as Record<string, unknown>)[name]
    if (value === undefined) return
    if (check !== true) check(value, this.#nameOf(name))
    taken[name] = value
  }

  /** An instance of a class may have its options in its prototype. */
  #readInherited(given: object, taken: Record<string, unknown>): void {
    const what = whatIsNoOptions(given)
    if (what !== undefined) {
      throw new ConfigurationError(`The ${this.#plural} must be an object, not ${what}.`)
    }
    for (const name of Object.keys(this.#known)) {
      if (name in given && !(name in Object.prototype)) this.#readOne(given, name, taken)
    }
  }

  #unknown(name: string): ConfigurationError {
    const names = Object.keys(this.#known)
    const nearest = names.reduce((best, other) =>
      distance(name, other) < distance(name, best) ? other : best,
    )
    const { noun, of } = this.#kind
    const what = `Unknown ${noun}${of === undefined ? '' : ` of ${of},`} "${name.slice(0, 100)}"`
    return new ConfigurationError(
      isNear(name, nearest)
        ? `${what}: did you mean "${nearest}"?`
        : `${what}. Known are ${names.join(', ')}.`,
    )
  }

  #nameOf(name: string): string {
    const { of } = this.#kind
    return of === undefined ? name : `${name} of ${of}`
  }

  get #plural(): string {
    const { noun, of } = this.#kind
    return of === undefined ? `${noun}s` : `${noun}s of ${of}`
  }
}

function isPlain(given: object): boolean {
  if (typeof given !== 'object' || given === null) return false
  const prototype = Object.getPrototypeOf(given)
  return prototype === Object.prototype || prototype === null
}

/** What is given in the place of options, in words that show nothing of its content; `undefined` for an object. */
function whatIsNoOptions(given: unknown): string | undefined {
  if (given === null) return 'null'
  if (Array.isArray(given)) return 'an array'
  if (typeof given !== 'object') return typeof given === 'undefined' ? 'undefined' : `a ${typeof given}`
  const tag = Object.prototype.toString.call(given).slice(8, -1)
  return tag === 'Object' || tag === 'Module' ? undefined : `a ${tag}`
}

/** How far two names are from each other, whatever their case. */
function distance(name: string, other: string): number {
  return leven(name.slice(0, 100).toLowerCase(), other.toLowerCase())
}

function isNear(name: string, other: string): boolean {
  if (distance(name, other) <= Math.max(2, other.length * 0.4)) return true
  return name.length > 2 && other.toLowerCase().startsWith(name.toLowerCase())
}

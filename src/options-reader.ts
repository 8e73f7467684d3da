import leven, { closestMatch } from 'leven'
import { ConfigurationError } from './errors.js'

/** Throws a `ConfigurationError` for a wrong value; `name` is the name of the option in the message. */
export type OptionCheck = (value: unknown, name: string) => void

/** Names that an options object may have, each with its check; `true` for a value that is checked where it is used. */
export type KnownOptions<T extends object> = { readonly [Name in keyof T]-?: OptionCheck | true }

/** Names of one kind of options in error messages. */
interface OptionKind {
  /** Name of one of them: `option`, `timeout`. */
  readonly noun: string
  /** Method or object that has them, such as `set`. The message omits it by default. */
  readonly of?: string
}

/** Advice that an error adds for typical mistakes in one kind of options. */
export interface OptionAdvice {
  /** Returns the correction of a value that is no object of options. */
  readonly forValue?: (given: unknown) => string | undefined
  /** Returns the place of a name that is unknown here. */
  readonly forName?: (name: string) => string | undefined
}

/** Maximum length of an unknown name in an error. */
const MAX_NAME = 100

/** Names that other libraries have for an option, in lower case, with the names that they have here. */
const ALIASES: ReadonlyMap<string, readonly string[]> = new Map([
  ['url', ['redis']],
  ['uri', ['redis']],
  ['redisurl', ['redis']],
  ['connection', ['redis']],
  ['prefix', ['keyPrefix']],
  ['namespace', ['keyPrefix']],
  ['timeout', ['hardTimeout', 'softTimeout']],
])

const NONE: object = Object.freeze({})

/** Reads options objects of one kind, and throws for an unknown name or a wrong value. */
export class OptionsReader<T extends object> {
  readonly #known: KnownOptions<T>
  readonly #kind: OptionKind
  readonly #advice: OptionAdvice

  constructor(noun: string, known: KnownOptions<T>, of?: string, advice: OptionAdvice = {}) {
    this.#advice = advice
    this.#known = Object.assign(Object.create(null), known)
    this.#kind = of === undefined ? { noun } : { noun, of }
  }

  /**
   * Returns a copy of an options object. Each option is read once; one that is `undefined` is left out.
   * @throws ConfigurationError for an unknown name, a wrong value, anything but an object, and a getter that throws
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

  /** Whether this is the name of an option. */
  knows(name: string): boolean {
    return name in this.#known
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

  /** Reads the options of an instance of a class, which may be in its prototype. */
  #readInherited(given: object, taken: Record<string, unknown>): void {
    const kind = kindOfNoObject(given)
    if (kind !== undefined) {
      const advice = this.#advice.forValue?.(given)
      throw new ConfigurationError(
        `The ${this.#plural} must be an object, not ${kind}${advice === undefined ? '' : `: ${advice}`}.`,
      )
    }
    for (const name of Object.keys(this.#known)) {
      if (name in given && !(name in Object.prototype)) this.#readOne(given, name, taken)
    }
  }

  #unknown(name: string): ConfigurationError {
    const names = Object.keys(this.#known)
    const meant = meantNames(name, names)
    const place = this.#advice.forName?.(name)
    const { noun, of } = this.#kind
    const what = `Unknown ${noun}${of === undefined ? '' : ` of ${of},`} "${name.slice(0, MAX_NAME)}"`
    if (place !== undefined) return new ConfigurationError(`${what}: ${place}.`)
    return new ConfigurationError(
      meant.length === 0
        ? `${what}. Known are ${names.join(', ')}.`
        : `${what}: did you mean ${meant.map((known) => `"${known}"`).join(' or ')}?`,
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

/** The kind of a value that is no options object, without any of its content; `undefined` for an object. */
function kindOfNoObject(given: unknown): string | undefined {
  if (given === null) return 'null'
  if (Array.isArray(given)) return 'an array'
  if (typeof given !== 'object') return typeof given === 'undefined' ? 'undefined' : `a ${typeof given}`
  const tag = Object.prototype.toString.call(given).slice(8, -1)
  return tag === 'Object' || tag === 'Module' ? undefined : `a ${tag}`
}

/** The known names that were probably meant: those of an alias, or the nearest one. */
function meantNames(name: string, names: readonly string[]): readonly string[] {
  const aliased = ALIASES.get(name.toLowerCase())?.filter((known) => names.includes(known)) ?? []
  if (aliased.length > 0) return aliased
  const nearest = nearestName(name, names)
  return nearest === undefined ? [] : [nearest]
}

/** The known name that was probably meant, in any case of its letters; `undefined` where none is near. */
function nearestName(name: string, names: readonly string[]): string | undefined {
  const byLower = new Map(names.map((known) => [known.toLowerCase(), known]))
  const given = name.slice(0, MAX_NAME).toLowerCase()
  const nearest = closestMatch(given, [...byLower.keys()])
  if (nearest === undefined) return undefined
  const isNear = leven(given, nearest) <= Math.max(2, nearest.length * 0.4)
  const isBeginning = given.length > 2 && nearest.startsWith(given)
  return isNear || isBeginning ? byLower.get(nearest) : undefined
}

import { types } from 'node:util'
import { type Cuts, isCutValue, NO_CUTS, UNREAD } from '../../codec/beginning/cut.js'
import type { SecretNames } from '../secrets.js'
import { NAMED, NAMING } from './json.js'

/** One thing that an object, an array, a Map or a Set holds. */
export interface Member {
  /** Under what it stands: a property's name or a Map's key. Nothing for an element. */
  readonly label: { readonly name: string } | { readonly key: unknown } | undefined
  /** The name that its own members are under, where it is a text. */
  readonly name: string | undefined
  readonly value: unknown
  /** Whether it stands under the name of a secret. */
  readonly isSecret: boolean
}

/** Number of empty places of an array, in a row. Zero is only a place to let other work have its turn. */
export interface Holes {
  readonly holes: number
}

/** Number of empty places in a row after which only the filled places are visited. */
const MANY_HOLES = 1_000

/** Number of bytes above which a container is no credential, whatever its name. */
const LARGE = 65_536

/** Number of members skipped between two places to let other work have its turn. */
const STEP = 10_000

export interface MembersOptions {
  /** Filter of values. With it, the numbers of empty places are not exact. */
  readonly isWanted?: (value: unknown) => boolean
  /** The cuts of the value to which the container belongs. */
  readonly cuts?: Cuts
}

/**
 * What stands in a container, in order: what is there, whatever length it says it has. Nothing for what holds no
 * values.
 * @param holder the name under which it stands itself
 */
export function membersOf(
  container: object,
  holder: string | undefined,
  secrets: SecretNames,
  options: MembersOptions = {},
): Generator<Member | Holes, void, undefined> | undefined {
  if (ArrayBuffer.isView(container) || types.isAnyArrayBuffer(container)) return undefined
  if (types.isDate(container) || types.isRegExp(container) || isCutValue(container)) return undefined
  return new Container(holder, secrets, options).members(container)
}

function all(): boolean {
  return true
}

class Container {
  readonly #holder: string | undefined
  readonly #secrets: SecretNames
  readonly #isWanted: (value: unknown) => boolean
  readonly #cuts: Cuts
  #steps = 0

  constructor(
    holder: string | undefined,
    secrets: SecretNames,
    { isWanted = all, cuts = NO_CUTS }: MembersOptions,
  ) {
    this.#holder = holder
    this.#secrets = secrets
    this.#isWanted = isWanted
    this.#cuts = cuts
  }

  members(container: object): Generator<Member | Holes, void, undefined> {
    if (types.isMap(container)) return this.#pairs(container)
    if (types.isSet(container)) return this.#items(container)
    return Array.isArray(container) ? this.#elements(container) : this.#properties(container)
  }

  *#properties(object: object): Generator<Member | Holes, void> {
    const names = Object.keys(object)
    const values = object as Readonly<Record<string, unknown>>
    const { containers, name: next } = this.#cuts
    // { name: 'Cookie', value: '…' }
    const mayNameSecret = names.length < 1_000
    const namesSecret = mayNameSecret && names.some((name) => NAMING.test(name) && this.#isName(values[name]))
    // The name of a value may come later.
    const isCut = mayNameSecret && containers.has(object)
    for (const name of names) {
      const value = values[name]
      if (!this.#isWanted(value)) {
        if (this.#isStep()) yield NO_HOLES
        continue
      }
      const isSecret =
        this.#secrets.hasUnder(this.#holder, name) ||
        ((namesSecret || (isCut && !((containers.get(value as object) ?? 0) > LARGE))) && NAMED.test(name))
      yield { label: { name }, name, value, isSecret }
    }
    if (next?.of === object)
      yield { label: { key: next.text }, name: undefined, value: UNREAD, isSecret: false }
  }

  *#pairs(map: Map<unknown, unknown>): Generator<Member | Holes, void> {
    for (const [key, value] of map) {
      if (!this.#isWanted(value) && !this.#isWanted(key)) {
        if (this.#isStep()) yield NO_HOLES
        continue
      }
      const name = typeof key === 'string' ? key : undefined
      const isSecret = name !== undefined && this.#secrets.hasUnder(this.#holder, name)
      yield { label: { key }, name, value, isSecret }
    }
  }

  *#items(set: Set<unknown>): Generator<Member | Holes, void> {
    for (const value of set) {
      if (this.#isWanted(value)) yield { label: undefined, name: this.#holder, value, isSecret: false }
      else if (this.#isStep()) yield NO_HOLES
    }
  }

  *#elements(array: readonly unknown[]): Generator<Member | Holes, void> {
    // [name, value], and name, value, name, value: how headers and form fields are often kept.
    const isCut = this.#cuts.containers.has(array)
    const length = this.#cuts.lengths.get(array) ?? (isCut ? undefined : array.length)
    const isPaired = length === undefined || length % 2 === 0
    let holes = 0
    for (const at of filledPlaces(array, isCut ? array.length : (length ?? 0))) {
      if (at < 0) {
        holes -= at
        continue
      }
      const value = array[at]
      if (!this.#isWanted(value)) {
        if (this.#isStep()) yield NO_HOLES
        continue
      }
      if (holes > 0) yield { holes }
      holes = 0
      const isSecret = isPaired && at % 2 === 1 && this.#isName(array[at - 1])
      yield { label: undefined, name: this.#holder, value, isSecret }
    }
    if (holes > 0) yield { holes }
  }

  #isName(value: unknown): boolean {
    return typeof value === 'string' && this.#secrets.has(value)
  }

  #isStep(): boolean {
    return ++this.#steps % STEP === 0
  }
}

const NO_HOLES: Holes = { holes: 0 }

/** The places of an array where something stands, and in the place of empty ones, how many: as a negative number. */
function* filledPlaces(array: readonly unknown[], length: number): Generator<number, void> {
  let at = 0
  for (let holes = 0; at < length && holes < MANY_HOLES; at++) {
    const isFilled = at in array
    holes = isFilled ? 0 : holes + 1
    yield isFilled ? at : -1
  }
  if (at === length) return
  for (const index of Object.keys(array).map(Number)) {
    if (!(index >= at)) continue
    if (index > at) yield at - index
    yield index
    at = index + 1
  }
  if (at < length) yield at - length
}

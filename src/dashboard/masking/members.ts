import { types } from 'node:util'
import { type Cuts, isCutValue, NO_CUTS, UNREAD } from '../../codec/beginning/cut.js'
import { NAME_FIELD, VALUE_FIELD } from './name-value-fields.js'
import type { SecretNames } from './secret-names.js'

/** One member of an object, an array, a Map or a Set. */
export interface Member {
  /** Name of a property, or key in a Map; `undefined` for an element. */
  readonly label: { readonly name: string } | { readonly key: unknown } | undefined
  /** Name that holds the members of the value, where it is a string. */
  readonly name: string | undefined
  readonly value: unknown
  /** Whether its name is the name of a secret. */
  readonly isSecret: boolean
}

/** Empty slots of an array, in a row. Zero is only a place to let other work have its turn. */
export interface EmptySlots {
  readonly emptySlots: number
}

/** Number of empty slots in a row after which only filled slots are visited. */
const MANY_EMPTY_SLOTS = 1_000

/** Number of bytes above which a container is no credential, whatever its name. */
const LARGE = 65_536

/** Number of members skipped between two places to let other work have its turn. */
const STEP = 10_000

/** Options of `membersOf`. */
export interface MembersOptions {
  /** Filter of values. With it, the numbers of empty slots are not exact. */
  readonly isWanted?: (value: unknown) => boolean
  /** The cuts of the value to which the container belongs. */
  readonly cuts?: Cuts
}

/**
 * Yields the members of a container, in order; `undefined` for a value that has none. Its time depends on the members that
 * exist, not on the length of an array.
 * @param holder name that holds the container
 */
export function membersOf(
  container: object,
  holder: string | undefined,
  secrets: SecretNames,
  options: MembersOptions = {},
): Generator<Member | EmptySlots, void, undefined> | undefined {
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

  members(container: object): Generator<Member | EmptySlots, void, undefined> {
    if (types.isMap(container)) return this.#pairs(container)
    if (types.isSet(container)) return this.#items(container)
    return Array.isArray(container) ? this.#elements(container) : this.#properties(container)
  }

  *#properties(object: object): Generator<Member | EmptySlots, void> {
    const names = Object.keys(object)
    const values = object as Readonly<Record<string, unknown>>
    const { containers, name: next } = this.#cuts
    // { name: 'Cookie', value: '…' }
    const mayNameSecret = names.length < 1_000
    const namesSecret =
      mayNameSecret && names.some((name) => NAME_FIELD.test(name) && this.#isName(values[name]))
    // The name of a value may come later.
    const isCut = mayNameSecret && containers.has(object)
    for (const name of names) {
      const value = values[name]
      if (!this.#isWanted(value)) {
        if (this.#isStep()) yield NO_EMPTY_SLOTS
        continue
      }
      const isSecret =
        this.#secrets.hasUnder(this.#holder, name) ||
        ((namesSecret || (isCut && !((containers.get(value as object) ?? 0) > LARGE))) &&
          VALUE_FIELD.test(name))
      yield { label: { name }, name, value, isSecret }
    }
    if (next?.of === object)
      yield { label: { key: next.text }, name: undefined, value: UNREAD, isSecret: false }
  }

  *#pairs(map: Map<unknown, unknown>): Generator<Member | EmptySlots, void> {
    for (const [key, value] of map) {
      if (!this.#isWanted(value) && !this.#isWanted(key)) {
        if (this.#isStep()) yield NO_EMPTY_SLOTS
        continue
      }
      const name = typeof key === 'string' ? key : undefined
      const isSecret = name !== undefined && this.#secrets.hasUnder(this.#holder, name)
      yield { label: { key }, name, value, isSecret }
    }
  }

  *#items(set: Set<unknown>): Generator<Member | EmptySlots, void> {
    for (const value of set) {
      if (this.#isWanted(value)) yield { label: undefined, name: this.#holder, value, isSecret: false }
      else if (this.#isStep()) yield NO_EMPTY_SLOTS
    }
  }

  *#elements(array: readonly unknown[]): Generator<Member | EmptySlots, void> {
    // [name, value], and name, value, name, value: how headers and form fields are often kept.
    const isCut = this.#cuts.containers.has(array)
    const length = this.#cuts.lengths.get(array) ?? (isCut ? undefined : array.length)
    const isPaired = length === undefined || length % 2 === 0
    let emptySlots = 0
    for (const at of filledSlots(array, isCut ? array.length : (length ?? 0))) {
      if (at < 0) {
        emptySlots -= at
        continue
      }
      const value = array[at]
      if (!this.#isWanted(value)) {
        if (this.#isStep()) yield NO_EMPTY_SLOTS
        continue
      }
      if (emptySlots > 0) yield { emptySlots }
      emptySlots = 0
      const isSecret = isPaired && at % 2 === 1 && this.#isName(array[at - 1])
      yield { label: undefined, name: this.#holder, value, isSecret }
    }
    if (emptySlots > 0) yield { emptySlots }
  }

  #isName(value: unknown): boolean {
    return typeof value === 'string' && this.#secrets.has(value)
  }

  #isStep(): boolean {
    return ++this.#steps % STEP === 0
  }
}

const NO_EMPTY_SLOTS: EmptySlots = { emptySlots: 0 }

/** Indexes of the filled slots of an array; for empty slots in a row, their number as a negative number. */
function* filledSlots(array: readonly unknown[], length: number): Generator<number, void> {
  let at = 0
  for (let emptySlots = 0; at < length && emptySlots < MANY_EMPTY_SLOTS; at++) {
    const isFilled = at in array
    emptySlots = isFilled ? 0 : emptySlots + 1
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

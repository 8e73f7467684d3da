import { types } from 'node:util'
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

/** So many places of an array in which nothing stands. */
export interface Holes {
  readonly holes: number
}

/** This many empty places in a row, and only those that are filled are looked at. */
const MANY_HOLES = 1_000

/**
 * What stands in a container, in order: what is there, whatever length it says it has.
 * @param holder the name under which it stands itself
 */
export function membersOf(
  container: object,
  holder: string | undefined,
  secrets: SecretNames,
): Generator<Member | Holes, void, undefined> | undefined {
  if (types.isMap(container)) return pairsOf(container, holder, secrets)
  if (types.isSet(container)) return itemsOf(container, holder)
  if (Array.isArray(container)) return elementsOf(container, holder, secrets)
  if (ArrayBuffer.isView(container) || types.isAnyArrayBuffer(container)) return undefined
  if (types.isDate(container) || types.isRegExp(container)) return undefined
  return propertiesOf(container, holder, secrets)
}

function* propertiesOf(object: object, holder: string | undefined, secrets: SecretNames): Generator<Member> {
  const names = Object.keys(object)
  const values = object as Readonly<Record<string, unknown>>
  // { name: 'Cookie', value: '…' }
  const namesSecret =
    names.length < 100 && names.some((name) => NAMING.test(name) && isName(values[name], secrets))
  for (const name of names) {
    const isSecret = secrets.hasUnder(holder, name) || (namesSecret && NAMED.test(name))
    yield { label: { name }, name, value: values[name], isSecret }
  }
}

function* pairsOf(
  map: Map<unknown, unknown>,
  holder: string | undefined,
  secrets: SecretNames,
): Generator<Member> {
  for (const [key, value] of map) {
    const name = typeof key === 'string' ? key : undefined
    yield { label: { key }, name, value, isSecret: name !== undefined && secrets.hasUnder(holder, name) }
  }
}

function* itemsOf(set: Set<unknown>, name: string | undefined): Generator<Member> {
  for (const value of set) yield { label: undefined, name, value, isSecret: false }
}

function* elementsOf(
  array: readonly unknown[],
  name: string | undefined,
  secrets: SecretNames,
): Generator<Member | Holes> {
  // [name, value], and name, value, name, value: how headers and form fields are often kept.
  const isPaired = array.length % 2 === 0
  const elementAt = (at: number): Member => {
    const isSecret = isPaired && at % 2 === 1 && isName(array[at - 1], secrets)
    return { label: undefined, name, value: array[at], isSecret }
  }
  let at = 0
  let holes = 0
  for (; at < array.length && holes < MANY_HOLES; at++) {
    if (!(at in array)) {
      holes++
      continue
    }
    if (holes > 0) yield { holes }
    holes = 0
    yield elementAt(at)
  }
  if (at < array.length) {
    const filled = Object.keys(array).map(Number)
    for (const index of filled) {
      if (!(index >= at)) continue
      holes += index - at
      if (holes > 0) yield { holes }
      holes = 0
      yield elementAt(index)
      at = index + 1
    }
    holes += array.length - at
  }
  if (holes > 0) yield { holes }
}

function isName(value: unknown, secrets: SecretNames): boolean {
  return typeof value === 'string' && secrets.has(value)
}

import { types } from 'node:util'
import {
  bigintText,
  DIGEST_ADVICE,
  HUGE_BIGINT,
  isHugeBigint,
  MAX_PART_SIZE,
  MAX_PART_VALUES,
} from './bounds.js'
import { classLabel } from './class-label.js'
import { describeValue } from './describe-value.js'
import { fingerprint } from './fingerprint.js'
import {
  assertNoSymbolNames,
  isPlainDate,
  type PrimaryKeyValue,
  primaryKeyOf,
  resolveKeyPart,
} from './identity.js'
import { KeyPartError, unusableValueError } from './key-part-error.js'
import { hasMethod, isObject, isPlainObject } from './object-checks.js'
import { declaredScalar, hasOwnText } from './value-object.js'

/** Maximum depth of nesting: deeper than any sensible argument, shallower than the call stack. */
const MAX_DEPTH = 100

/** Maximum length of a nested value's text. A longer text is replaced by its fingerprint. */
const MAX_INLINE = 128

/** Number of random places of a long array that are checked for an item. */
const SAMPLES = 1_000
/** Minimum number of items found in these places that proves anything. */
const MIN_FOUND = 30

/** The label of a plain object: it has no class. */
const NO_LABEL = 's0:'

const PICK = 'Pick the fields that identify it.'

/**
 * A stable fingerprint of any structure. The order of properties, Map entries and Set items does not
 * matter; every other difference does, class and type included (`1` is not `'1'` here).
 * @throws {KeyPartError} for a value without a recognisable identity, with its path
 */
export function structureFingerprint(value: object): string {
  return fingerprint(new CanonicalText().of(value))
}

/**
 * Writes a value as text. Different values have different texts: each begins with a tag of its type, and
 * ends with `;` or begins with its length, so no text is the beginning of another one. Equal values have
 * one text, whether they are one object or two.
 */
class CanonicalText {
  /** The objects that are being written, outermost first, and the path to the innermost one. */
  readonly #open: object[] = []
  readonly #path: string[] = []
  /** Texts of objects. Without it, an object that is contained twice at each of n levels takes 2^n steps. */
  #written: Map<object, string> | undefined
  #valuesLeft = MAX_PART_VALUES
  #sizeLeft = MAX_PART_SIZE

  of(value: unknown): string {
    this.#countValues(1)
    switch (typeof value) {
      case 'undefined':
        return 'u;'
      case 'boolean':
        return value ? 't;' : 'f;'
      case 'number':
        return `d${value};` // which makes -0 "0"
      case 'bigint':
        if (isHugeBigint(value)) throw this.#error(HUGE_BIGINT, DIGEST_ADVICE)
        return `i${value};`
      case 'string':
        return this.#text(value)
      case 'object':
        return value === null ? 'n;' : this.#object(value)
      default:
        throw unusableValueError(value, this.#where())
    }
  }

  #object(value: object): string {
    const known = this.#written?.get(value)
    if (known !== undefined) return known
    if (this.#open.includes(value)) throw this.#error('a reference to what it is in', PICK)
    if (this.#open.length === MAX_DEPTH) throw this.#error(`more than ${MAX_DEPTH} levels`, PICK)
    this.#open.push(value)
    const content = this.#content(value)
    this.#open.pop()
    if (this.#open.length === 0) return content
    const written = content.length > MAX_INLINE ? `H${fingerprint(content)};` : content
    this.#written ??= new Map()
    this.#written.set(value, written)
    return written
  }

  #content(value: object): string {
    // Its class counts as well: two classes may use the same ids.
    if (hasMethod(value, 'cacheKeyPart')) return `K${this.#label(value)}${this.of(resolveKeyPart(value))}`
    if (Array.isArray(value))
      return `A${this.#label(value)}${this.#items(value)}${this.#pairs(value, extraNames(value))}`
    return isPlainObject(value) ? this.#plain(value) : this.#instance(value)
  }

  #plain(value: object): string {
    if (hasMethod(value, 'toJSON')) return `J${NO_LABEL}${this.#json(value)}`
    const names = Object.keys(value)
    // A Map or an ArrayBuffer without its prototype looks plain, but has no names.
    return names.length === 0 ? this.#instance(value) : `O${NO_LABEL}${this.#pairs(value, names)}`
  }

  #instance(value: object): string {
    if (types.isDate(value)) return this.#date(value)
    if (ArrayBuffer.isView(value)) return this.#bytes(value, bytesOf(value))
    if (types.isAnyArrayBuffer(value)) return this.#bytes(value, new Uint8Array(value))

    const key = primaryKeyOf(value)
    if (key !== undefined) return `I${this.#label(value)}${this.#key(key)}`
    if (hasMethod(value, 'toJSON')) return `J${this.#label(value)}${this.#json(value)}`
    if (types.isMap(value)) return `M${this.#label(value)}${this.#entries(value)}${this.#pairs(value)}`
    if (types.isSet(value)) return `S${this.#label(value)}${this.#members(value)}${this.#pairs(value)}`
    if (types.isRegExp(value))
      return `R${this.#label(value)}${this.#text(value.source)}${this.#text(value.flags)}`
    if (types.isBoxedPrimitive(value)) return `P${this.#label(value)}${this.of(value.valueOf())}`
    if (types.isNativeError(value))
      return `E${this.#label(value)}${this.#text(String(value.message))}${this.#pairs(value, errorNames(value))}`
    if (value instanceof URLSearchParams) return `Q${this.#label(value)}${this.#text(String(value))}`
    const names = this.#identifyingNames(value)
    return `O${this.#label(value)}${this.#pairs(value, names)}`
  }

  #date(date: Date): string {
    const time = Date.prototype.getTime.call(date)
    return isPlainDate(date) ? `D${time};` : `X${this.#label(date)}${time};${this.#pairs(date)}`
  }

  #bytes(value: object, bytes: Uint8Array): string {
    this.#countSize(bytes.byteLength)
    return `B${this.#label(value)}${fingerprint(bytes)};`
  }

  /** A primary key. `5` and `'5'` are the same one, as in any key. */
  #key(key: PrimaryKeyValue): string {
    const scalar = isObject(key) ? declaredScalar(key) : key
    if (scalar === undefined) return this.of(key)
    return this.#text(typeof scalar === 'bigint' ? bigintText(scalar) : String(scalar))
  }

  #json(value: { toJSON(): unknown }): string {
    const given = value.toJSON()
    if (given === undefined || given === null)
      throw this.#error(
        `${describeValue(value)} whose toJSON() returned ${given}`,
        'Check what it was made from, or give the class a cacheKeyPart() method.',
      )
    return this.of(given)
  }

  /** Names of the properties that identify an object. An instance of a class without any is refused. */
  #identifyingNames(value: object): string[] {
    const names = isOfClass(value) ? Object.keys(value) : inheritedNames(value)
    if (hasMethod(value, 'then')) throw this.#error(describeValue(value), 'Await it first.')
    const weak = types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef
    if (weak || (names.length === 0 && !isPlainObject(value)))
      throw this.#error(
        `${describeValue(value)} with nothing that identifies it`,
        hasOwnText(value)
          ? 'Use String(value) if that text identifies it, or give its class a cacheKeyPart() method.'
          : 'Give the class an id or a cacheKeyPart() method.',
      )
    return names
  }

  /** Items in their order. A hole counts as undefined. */
  #items(array: readonly unknown[]): string {
    const { length } = array
    const indices = length > this.#valuesLeft ? this.#indices(array) : undefined
    let items = ''
    let next = 0
    for (let at = 0; at < (indices?.length ?? length); at++) {
      const index = indices?.[at] ?? at
      const item = array[index]
      if (item === undefined) {
        this.#countValues(1)
        continue
      }
      if (index > next) items += `u${index - next};`
      items += this.#at(`[${index}]`, () => this.of(item))
      next = index + 1
    }
    return `${length}:${items}`
  }

  /** Indices of the items of an array that is too long to be walked. */
  #indices(array: readonly unknown[]): number[] {
    // The names of millions of items might not fit into memory.
    if (holdsMore(array, this.#valuesLeft)) throw this.#tooMuch()
    const indices = Object.keys(array).filter(isIndex).map(Number)
    if (indices.length > this.#valuesLeft) throw this.#tooMuch()
    return indices
  }

  #entries(map: object): string {
    return this.#unordered(
      MAP_SIZE.call(map),
      MAP_ENTRIES.call(map),
      ([key, held]) => this.of(key) + this.of(held),
    )
  }

  #members(set: object): string {
    return this.#unordered(SET_SIZE.call(set), SET_VALUES.call(set), (item) => this.of(item))
  }

  #unordered<Item>(size: number, items: Iterable<Item>, write: (item: Item) => string): string {
    if (size > this.#valuesLeft) throw this.#tooMuch()
    const written = Array.from(items, (item, index) => this.#at(`(entry ${index + 1})`, () => write(item)))
    return `${written.length}:${written.sort().join('')}`
  }

  /** Properties in the order of their names. One that is undefined counts as absent. */
  #pairs(value: object, names = Object.keys(value)): string {
    assertNoSymbolNames(value, this.#where())
    if (names.length > this.#valuesLeft) throw this.#tooMuch()
    let pairs = ''
    let count = 0
    for (const name of names.sort()) {
      const held: unknown = value[name as keyof typeof value]
      if (held === undefined) {
        this.#countValues(1)
        continue
      }
      pairs += this.#text(name) + this.#at(step(name), () => this.of(held))
      count++
    }
    return `${count}:${pairs}`
  }

  #text(value: string): string {
    this.#countSize(value.length)
    if (value.length <= MAX_INLINE) return `s${value.length}:${value}`
    return `T${value.length}:${fingerprint(value)};`
  }

  #label(value: object): string {
    const label = classLabel(value)
    if (label === undefined)
      throw this.#error(describeValue(value), 'Name the class, or write what of the object counts.')
    return `s${label.length}:${label}`
  }

  #countValues(count: number): void {
    this.#valuesLeft -= count
    if (this.#valuesLeft < 0) throw this.#tooMuch()
  }

  #countSize(size: number): void {
    this.#sizeLeft -= size
    if (this.#sizeLeft < 0)
      throw KeyPartError.atPath(
        `more than ${MAX_PART_SIZE} characters and bytes`,
        DIGEST_ADVICE,
        this.#where(),
      )
  }

  #tooMuch(): KeyPartError {
    return KeyPartError.atPath(`more than ${MAX_PART_VALUES} values`, PICK, this.#where())
  }

  /** Runs `write` with a step added to the path. If it throws, the path is left for the message. */
  #at(step: string, write: () => string): string {
    this.#path.push(step)
    const written = write()
    this.#path.pop()
    return written
  }

  #where(): string {
    return this.#path.join('').replace(/^\./, '').slice(0, 100)
  }

  #error(what: string, advice: string): KeyPartError {
    return new KeyPartError(what, advice, this.#where())
  }
}

// A subclass may have an iterator of its own, which may be endless.
const MAP_SIZE = getterOf<number>(Map.prototype, 'size')
const SET_SIZE = getterOf<number>(Set.prototype, 'size')
const MAP_ENTRIES: (this: object) => Iterable<[unknown, unknown]> = Map.prototype.entries
const SET_VALUES: (this: object) => Iterable<unknown> = Set.prototype.values

function getterOf<T>(prototype: object, name: string): (this: object) => T {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: object) => T
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Names of an array's properties other than its items, such as `groups` in a match of a RegExp. */
function extraNames(array: readonly unknown[]): string[] {
  const names = Object.keys(array)
  return names.slice(names.findLastIndex(isIndex) + 1)
}

/** Whether an array holds more items than `limit`, estimated from samples. */
function holdsMore(array: readonly unknown[], limit: number): boolean {
  let found = 0
  // At random: items may be at every second index.
  for (let sample = 0; sample < SAMPLES; sample++)
    if (Math.floor(Math.random() * array.length) in array) found++
  const expected = (limit / array.length) * SAMPLES
  return found > Math.max(4 * expected, MIN_FOUND)
}

function isIndex(name: string): boolean {
  const index = Number(name)
  return index < 2 ** 32 - 1 && String(index >>> 0) === name
}

function errorNames(error: Error): string[] {
  const hidden = ['cause', 'errors'].filter((name) => Object.hasOwn(error, name))
  return [...new Set([...Object.keys(error), ...hidden])]
}

/** Whether the object's prototype is that of a class, or none, rather than another object with data. */
function isOfClass(value: object): boolean {
  return isPlainObject(value) || Object.hasOwn(Object.getPrototypeOf(value), 'constructor')
}

function inheritedNames(value: object): string[] {
  const names: string[] = []
  for (const name in value)
    if (Object.hasOwn(value, name) || typeof value[name as keyof typeof value] !== 'function')
      names.push(name)
  return names
}

function step(name: string): string {
  return /^[\w$]{1,40}$/.test(name) ? `.${name}` : `[${describeValue(name)}]`
}

import { types } from 'node:util'
import { fingerprint } from './fingerprint.js'
import { className, hasMethod, isPlain, ownPart, primaryKey, refuseSymbols } from './identity.js'
import { show } from './show.js'
import { Unfit, unfitValue } from './unfit.js'

// Deeper than any sensible argument, shallower than the call stack.
const MAX_DEPTH = 100

/**
 * A stable fingerprint of any structure: the same whatever the order of properties, Map entries and
 * Set items, different for whatever else differs, class and type included (`1` is not `'1'` here).
 * @throws {Unfit} naming the place of what has no knowable identity
 */
export function structureFingerprint(value: object): string {
  return fingerprint(new Canonical().of(value))
}

/**
 * Writes a value as text, injectively: everything opens with a tag of its type and either ends with
 * `;` or says its length first, so no value's text is the beginning of another's.
 */
class Canonical {
  /** The objects being written, outermost first, and how each is reached from the one before. */
  readonly #open: object[] = []
  readonly #path: string[] = []

  of(value: unknown): string {
    switch (typeof value) {
      case 'undefined':
        return 'u;'
      case 'boolean':
        return value ? 't;' : 'f;'
      case 'number':
        return `d${value};` // which makes -0 "0"
      case 'bigint':
        return `i${value};`
      case 'string':
        return text(value)
      case 'object':
        return value === null ? 'n;' : this.#object(value)
      default:
        throw unfitValue(value, this.#where())
    }
  }

  #object(value: object): string {
    if (this.#open.includes(value))
      throw this.#unfit('a reference to what it is in', 'Pick the fields that identify it.')
    if (this.#open.length === MAX_DEPTH)
      throw this.#unfit(`more than ${MAX_DEPTH} levels`, 'Pick the fields that identify it.')
    this.#open.push(value)
    const written = this.#content(value)
    this.#open.pop()
    return written
  }

  #content(value: object): string {
    if (hasMethod(value, 'cacheKeyPart')) return this.of(ownPart(value))
    if (types.isDate(value)) return `D${value.getTime()};`

    const name = text(className(value))
    if (Array.isArray(value)) return `A${name}${this.#items(value)}${this.#pairs(value, extraNames(value))}`
    if (ArrayBuffer.isView(value)) return `B${name}${fingerprint(bytesOf(value))};`
    if (types.isAnyArrayBuffer(value)) return `B${name}${fingerprint(new Uint8Array(value))};`

    const id = primaryKey(value)
    if (id !== undefined) return `I${name}${this.of(id)}`
    if (hasMethod(value, 'toJSON')) return `J${name}${this.of(value.toJSON())}`
    if (types.isMap(value))
      return `M${name}${this.#unordered([...value], ([key, held]) => this.of(key) + this.of(held))}${this.#pairs(value)}`
    if (types.isSet(value))
      return `S${name}${this.#unordered([...value], (item) => this.of(item))}${this.#pairs(value)}`
    if (types.isRegExp(value)) return `R${name}${text(value.source)}${text(value.flags)}`
    if (types.isBoxedPrimitive(value)) return `P${name}${this.of(value.valueOf())}`
    if (types.isNativeError(value)) return `E${name}${text(value.message)}${this.#pairs(value)}`
    if (value instanceof URLSearchParams) return `Q${name}${text(String(value))}`
    return `O${name}${this.#pairs(value, this.#identifyingNames(value))}`
  }

  /** The names that tell one object from another; a class instance that shows none is opaque. */
  #identifyingNames(value: object): string[] {
    const names = Object.keys(value)
    if (hasMethod(value, 'then')) throw this.#unfit(show(value), 'Await it first.')
    const weak = types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef
    if (weak || (names.length === 0 && !isPlain(value)))
      throw this.#unfit(
        `${show(value)} with nothing that identifies it`,
        'Give the class an id or a cacheKeyPart() method.',
      )
    return names
  }

  #items(array: readonly unknown[]): string {
    let items = ''
    for (let index = 0; index < array.length; index++)
      items += this.#at(`[${index}]`, () => this.of(array[index]))
    return `${array.length}:${items}`
  }

  #unordered<Item>(items: readonly Item[], write: (item: Item) => string): string {
    const written = items.map((item, index) => this.#at(`(entry ${index + 1})`, () => write(item)))
    return `${written.length}:${written.sort().join('')}`
  }

  #pairs(value: object, names = Object.keys(value)): string {
    refuseSymbols(value, this.#where())
    let pairs = ''
    for (const name of names.sort())
      pairs += text(name) + this.#at(step(name), () => this.of(value[name as keyof typeof value]))
    return `${names.length}:${pairs}`
  }

  /** Keeps the path right while `write` runs. When it throws, the path stays where it was for the message. */
  #at(step: string, write: () => string): string {
    this.#path.push(step)
    const written = write()
    this.#path.pop()
    return written
  }

  #where(): string {
    return this.#path.join('').replace(/^\./, '').slice(0, 100)
  }

  #unfit(what: string, advice: string): Unfit {
    return new Unfit(what, advice, this.#where())
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function text(value: string): string {
  return `s${value.length}:${value}`
}

/** What an array holds beside its items, such as `groups` in a regular expression's match. */
function extraNames(array: readonly unknown[]): string[] {
  const names = Object.keys(array)
  return names.slice(names.findLastIndex((name) => /^\d+$/.test(name)) + 1)
}

function step(name: string): string {
  return /^[\w$]{1,40}$/.test(name) ? `.${name}` : `[${show(name)}]`
}

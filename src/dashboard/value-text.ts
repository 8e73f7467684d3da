import { types } from 'node:util'
import { maskText } from './mask-text.js'
import { MASKED, type SecretNames } from './secrets.js'

/** A value's inner levels beyond this are not shown: people do not read them, and each costs stack. */
const MAX_DEPTH = 200
const PIECE = 8_192
const INDENT = '  '

// Controls, invisible and direction-changing characters would make text look like what it is not.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * A value as text for people, in pieces, so that nobody needs to hold the whole
 * of a large one. Values under names that look secret are left out, wherever
 * they lie. What occurs twice is written once: neither cycles nor a structure
 * that is folded into itself make it endless. Texts are cut after `longest`
 * characters, for who does not go on reading then.
 */
export function valueText(
  value: unknown,
  secrets: SecretNames,
  { longest = Number.POSITIVE_INFINITY }: { readonly longest?: number } = {},
): Generator<string, void, undefined> {
  return new ValueWriter(secrets, longest).write(value, 0)
}

type Pieces = Generator<string, void, undefined>

class ValueWriter {
  readonly #secrets: SecretNames
  readonly #longest: number
  readonly #seen = new Set<object>()

  constructor(secrets: SecretNames, longest: number) {
    this.#secrets = secrets
    this.#longest = longest
  }

  *write(value: unknown, depth: number): Pieces {
    if (typeof value === 'string') yield* this.#string(value)
    else if (typeof value === 'bigint') yield `${value}n`
    else if (typeof value !== 'object' || value === null) yield Object.is(value, -0) ? '-0' : String(value)
    else if (this.#seen.has(value)) yield '[the same as above]'
    else if (depth > MAX_DEPTH) yield '[…]'
    else {
      this.#seen.add(value)
      yield* this.#object(value, depth)
    }
  }

  *#object(value: object, depth: number): Pieces {
    if (types.isDate(value)) yield `Date ${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()}`
    else if (types.isRegExp(value)) yield `RegExp ${visible(String(value))}`
    else if (ArrayBuffer.isView(value)) yield* viewText(value)
    else if (types.isAnyArrayBuffer(value)) yield* bytesText('ArrayBuffer', new Uint8Array(value))
    else if (types.isMap(value))
      yield* this.#block(`Map(${value.size}) {`, this.#pairs(value, depth + 1), '}', depth)
    else if (types.isSet(value))
      yield* this.#block(`Set(${value.size}) {`, this.#items(value, depth + 1), '}', depth)
    else if (Array.isArray(value)) yield* this.#block('[', this.#elements(value, depth + 1), ']', depth)
    else yield* this.#block('{', this.#properties(value, depth + 1), '}', depth)
  }

  *#block(open: string, items: Generator<Pieces>, close: string, depth: number): Pieces {
    yield open
    let empty = true
    for (const item of items) {
      empty = false
      yield `\n${INDENT.repeat(depth + 1)}`
      yield* item
      yield ','
    }
    yield empty ? close : `\n${INDENT.repeat(depth)}${close}`
  }

  *#properties(object: object, depth: number): Generator<Pieces> {
    const named = this.#namesSecret(object)
    for (const [name, value] of Object.entries(object)) {
      const secret = this.#secrets.has(name) || (named && /^values?$/i.test(name))
      yield this.#named(propertyName(name), ': ', secret, value, depth)
    }
  }

  *#pairs(map: Map<unknown, unknown>, depth: number): Generator<Pieces> {
    for (const [key, value] of map) {
      const name = collect(this.write(key, depth))
      yield this.#named(name, ' => ', this.#isSecret(key), value, depth)
    }
  }

  *#items(set: Set<unknown>, depth: number): Generator<Pieces> {
    for (const item of set) yield this.write(item, depth)
  }

  *#elements(array: readonly unknown[], depth: number): Generator<Pieces> {
    const paired = array.length % 2 === 0
    let holes = 0
    for (let index = 0; index < array.length; index++) {
      if (!(index in array)) {
        holes++
        continue
      }
      if (holes > 0) yield words(`[${holes} empty]`)
      holes = 0
      // [name, value], and name, value, name, value: how headers and form fields are often kept.
      const secret = paired && index % 2 === 1 && this.#isSecret(array[index - 1])
      yield secret ? words(MASKED) : this.write(array[index], depth)
    }
    if (holes > 0) yield words(`[${holes} empty]`)
  }

  *#named(name: string, joint: string, secret: boolean, value: unknown, depth: number): Pieces {
    yield `${name}${joint}`
    if (secret) yield MASKED
    else yield* this.write(value, depth)
  }

  *#string(text: string): Pieces {
    const shown = maskText(text.slice(0, this.#longest), this.#secrets)
    yield '"'
    for (const piece of sliced(shown)) yield visible(JSON.stringify(piece).slice(1, -1))
    yield '"'
  }

  #isSecret(name: unknown): boolean {
    return typeof name === 'string' && this.#secrets.has(name)
  }

  /** `{ name: 'Cookie', value: '…' }` */
  #namesSecret(object: object): boolean {
    return Object.entries(object).some(
      ([name, value]) => /^(name|key|header|field)$/i.test(name) && this.#isSecret(value),
    )
  }
}

function* words(text: string): Pieces {
  yield text
}

function collect(pieces: Pieces): string {
  let text = ''
  for (const piece of pieces) text += piece
  return text
}

function propertyName(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : visible(JSON.stringify(name))
}

/** In pieces that part no character in two. */
function* sliced(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + PIECE)
    if (end < text.length && /[\ud800-\udbff]/.test(text.charAt(end - 1))) end++
    yield text.slice(start, end)
    start = end
  }
}

function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

function viewText(view: ArrayBufferView): Pieces {
  if (types.isTypedArray(view) && !types.isUint8Array(view)) return numbersText(view)
  const name = Buffer.isBuffer(view) ? 'Buffer' : view.constructor.name
  return bytesText(name, new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
}

function* bytesText(name: string, bytes: Uint8Array): Pieces {
  yield `${name}(${bytes.length})`
  for (let start = 0; start < bytes.length; start += PIECE) {
    const hex = Buffer.from(
      bytes.buffer,
      bytes.byteOffset + start,
      Math.min(PIECE, bytes.length - start),
    ).toString('hex')
    yield hex.replace(/../g, ' $&')
  }
}

function* numbersText(numbers: Exclude<NodeJS.TypedArray, Uint8Array>): Pieces {
  yield `${numbers.constructor.name}(${numbers.length}) [`
  for (let start = 0; start < numbers.length; start += PIECE) {
    yield `${start === 0 ? '' : ', '}${numbers.subarray(start, start + PIECE).join(', ')}`
  }
  yield ']'
}

/** The beginning of a text in pieces, and whether that is all of it. */
export function truncated(
  pieces: Iterable<string>,
  limit: number,
): { readonly text: string; readonly whole: boolean } {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length > limit) {
      const end = /[\ud800-\udbff]/.test(text.charAt(limit - 1)) ? limit - 1 : limit
      return { text: text.slice(0, end), whole: false }
    }
  }
  return { text, whole: true }
}

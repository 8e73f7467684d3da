import { DecodeError } from '../decode-error.js'
import { type BeginningBuilder, EndOfBeginning, NO_LABEL, type Open } from './builder.js'
import { CutText } from './cut.js'

// Reads JSON in ASCII token by token.

/** Number of tokens between two pauses. */
const STEP = 1_000

const [END_OF_OBJECT, END_OF_ARRAY] = ['}'.charCodeAt(0), ']'.charCodeAt(0)]
const BLANK = /[ \t\r\n]*/y
const STRING_END = /[^"\\]*(?:\\.[^"\\]*)*"/sy
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

/** Reads the beginning of a JSON text. With `isAll`, no further text exists. */
export class JsonReader {
  readonly #text: string
  readonly #isAll: boolean
  readonly #builder: BeginningBuilder
  #at = 0
  /** Whether the next member is the first one of its container. */
  #isFirst = true
  /** JSON has no bigints. */
  readonly distant = undefined

  constructor(bytes: Buffer, isAll: boolean, builder: BeginningBuilder) {
    this.#text = bytes.toString('latin1')
    this.#isAll = isAll
    this.#builder = builder
  }

  /**
   * Reads the text. Each `yield` is a place for a pause.
   * @throws {EndOfBeginning} at the end of the available text, any other error for damaged text
   */
  *read(): Generator<undefined, void> {
    let steps = 0
    do {
      if (++steps % STEP === 0) yield
      this.#token()
    } while (this.#builder.open.length > 0)
    this.#skipBlank()
    if (this.#at !== this.#text.length) throw new DecodeError('not one whole value')
  }

  #token(): void {
    const top = this.#builder.top
    const character = this.#next()
    // A value follows its name and the colon.
    if (top === undefined || top.label !== NO_LABEL) this.#value(character)
    else if (character.charCodeAt(0) === top.end) {
      this.#at++
      this.#builder.close()
      this.#isFirst = false
    } else {
      if (!this.#isFirst) this.#sign(',')
      if (top.end === END_OF_ARRAY) this.#value(this.#next())
      else this.#name(top)
    }
  }

  #name(object: Open): void {
    if (this.#next() !== '"') throw new DecodeError('no name where one belongs')
    const name = this.#string()
    if (typeof name !== 'string') {
      this.#builder.putName(name)
      this.#end()
    }
    this.#sign(':')
    object.label = name
  }

  #sign(sign: string): void {
    if (this.#next() !== sign) throw new DecodeError('a sign that does not belong')
    this.#at++
  }

  #value(character: string): void {
    if (character === '{' || character === '[') {
      const start = this.#at++
      const [container, end] = character === '{' ? [Object.create(null), END_OF_OBJECT] : [[], END_OF_ARRAY]
      this.#builder.begin(container, start, end)
      this.#isFirst = true
      return
    }
    const value = character === '"' ? this.#string() : this.#scalar()
    this.#builder.put(value)
    this.#isFirst = false
    if (value instanceof CutText) this.#end()
  }

  #scalar(): number | boolean | null {
    const text = this.#text
    const rest = text.slice(this.#at, this.#at + 5)
    for (const [word, value] of WORDS) {
      if (rest.startsWith(word)) {
        this.#at += word.length
        return value
      }
      if (word.startsWith(rest)) this.#end()
    }
    NUMBER.lastIndex = this.#at
    const number = NUMBER.exec(text)?.[0] ?? ''
    // More digits may follow.
    if (/^[-\d.eE+]*$/.test(rest) && this.#at + Math.max(number.length, rest.length) >= text.length)
      this.#end()
    if (number === '') throw new DecodeError('no value where one belongs')
    this.#at += number.length
    if (this.#at === text.length) this.#end()
    return Number(number)
  }

  #string(): string | CutText {
    const start = this.#at
    STRING_END.lastIndex = start + 1
    if (STRING_END.test(this.#text)) {
      this.#at = STRING_END.lastIndex
      return JSON.parse(this.#text.slice(start, this.#at)) as string
    }
    this.#at = this.#text.length
    // An escape may be cut in two.
    for (let end = this.#at; end > start && end > this.#at - 6; end--) {
      try {
        return new CutText(JSON.parse(`${this.#text.slice(start, end)}"`) as string)
      } catch {}
    }
    throw new DecodeError('unreadable text')
  }

  /** The next character that is not blank. */
  #next(): string {
    this.#skipBlank()
    const character = this.#text[this.#at]
    return character ?? this.#end()
  }

  #skipBlank(): void {
    BLANK.lastIndex = this.#at
    BLANK.test(this.#text)
    this.#at = BLANK.lastIndex
  }

  #end(): never {
    throw this.#isAll ? new DecodeError('cut short') : new EndOfBeginning()
  }
}

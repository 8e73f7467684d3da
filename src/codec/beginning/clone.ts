import { types } from 'node:util'
import { deserialize as readLeaf } from 'node:v8'
import { DecodeError } from '../decode-error.js'
import { MAX_PATTERN_WEIGHT, patternWeight } from '../patterns.js'
import { OLDEST_WIRE_VERSION } from '../screen.js'
import { VIEW_TYPES, WIRE_VERSION } from '../structured-clone.js'
import { type BeginningBuilder, EndOfBeginning, NO_LABEL } from './builder.js'
import { CutBytes, CutText } from './cut.js'

// Reads V8's structured clone token by token. screen.ts describes the format.

/** Number of tokens between two pauses. */
const STEP = 1_000
/** Size of a bigint above which its first digits alone may be read, in bytes. */
const LARGE_BIGINT = 2_048
const VERSION_TAG = 0xff

const tagOf = (character: string) => character.charCodeAt(0)
const [END_OF_OBJECT, END_OF_MAP, END_OF_SET] = [tagOf('{'), tagOf(':'), tagOf(',')]
const [END_OF_DENSE, END_OF_SPARSE] = [tagOf('$'), tagOf('@')]

/** The place of a bigint that ends after the available bytes. Its most significant digits come last. */
export interface DistantBigInt {
  readonly isNegative: boolean
  readonly start: number
  readonly end: number
}

/** Reads the beginning of a structured clone. With `isAll`, no further bytes exist. */
export class CloneReader {
  readonly #bytes: Buffer
  readonly #isAll: boolean
  readonly #builder: BeginningBuilder
  /** Objects in the order of their beginnings, in which V8 numbers them. */
  readonly #objects: unknown[] = []
  #at = 0
  #patterns = 0
  /** The bigint at which reading has ended. Its value belongs at the next place of the builder. */
  distant: DistantBigInt | undefined

  constructor(bytes: Buffer, isAll: boolean, builder: BeginningBuilder) {
    this.#bytes = bytes
    this.#isAll = isAll
    this.#builder = builder
  }

  /**
   * Reads the bytes. Each `yield` is a place for a pause.
   * @throws {EndOfBeginning} at the end of the available bytes, any other error for damaged bytes
   */
  *read(): Generator<undefined, void> {
    const isOurs = this.#byte() === VERSION_TAG
    const version = this.#byte()
    if (!isOurs || version < OLDEST_WIRE_VERSION || version > WIRE_VERSION) throw new DecodeError('foreign')
    let steps = 0
    do {
      if (++steps % STEP === 0) yield
      this.#token()
    } while (this.#builder.open.length > 0)
    if (this.#at !== this.#bytes.length) throw new DecodeError('not one whole value')
  }

  #token(): void {
    let tag = this.#byte()
    while (tag === 0) tag = this.#byte()
    const top = this.#builder.top
    if (top === undefined || top.label !== NO_LABEL) {
      this.#value(tag)
    } else if (top.rest > 0) {
      if (tag === tagOf('-')) this.#builder.skip()
      else this.#value(tag)
      top.rest--
    } else if (tag === top.end) {
      this.#varint()
      if (tag === END_OF_DENSE || tag === END_OF_SPARSE) this.#varint()
      if (tag === END_OF_DENSE) (top.container as unknown[]).length = top.at
      this.#builder.close()
    } else if (types.isMap(top.container) || types.isSet(top.container)) this.#value(tag)
    else top.label = this.#name(tag)
  }

  #name(tag: number): string | number {
    switch (String.fromCharCode(tag)) {
      case '"':
      case 'c': {
        const name = this.#string(tag)
        if (typeof name === 'string') return name
        this.#builder.putName(name)
        return this.#end()
      }
      case 'I':
        return zigzag(this.#varint())
      case 'U':
        return this.#varint()
      case 'N':
        return this.#take(8).readDoubleLE()
      default:
        throw new DecodeError('no name where one belongs')
    }
  }

  #value(tag: number): void {
    switch (String.fromCharCode(tag)) {
      case 'o':
        this.#begin(Object.create(null), END_OF_OBJECT)
        break
      case ';':
        this.#begin(new Map(), END_OF_MAP)
        break
      case "'":
        this.#begin(new Set(), END_OF_SET)
        break
      case 'A': {
        const length = this.#varint()
        this.#begin(this.#array(length), END_OF_DENSE, length)
        break
      }
      case 'a':
        this.#begin(this.#array(this.#varint()), END_OF_SPARSE)
        break
      default: {
        const value = this.#leaf(tag)
        this.#builder.put(value)
        // Nothing follows a value that is cut.
        if (value instanceof CutText || value instanceof CutBytes) this.#end()
      }
    }
  }

  #leaf(tag: number): unknown {
    switch (String.fromCharCode(tag)) {
      case '_':
        return undefined
      case '0':
        return null
      case 'T':
        return true
      case 'F':
        return false
      case 'I':
        return zigzag(this.#varint())
      case 'U':
        return this.#varint()
      case 'N':
        return this.#take(8).readDoubleLE()
      case 'Z':
        return this.#bigint()
      case '"':
      case 'c':
        return this.#string(tag)
      case 'D':
        return this.#object(new Date(this.#take(8).readDoubleLE()))
      case 'R':
        return this.#object(this.#regexp())
      case 'B':
        return this.#object(this.#bytesOf('ArrayBuffer', this.#varint()))
      case '\\':
        return this.#object(this.#bytesOf(VIEW_TYPES[this.#varint()] ?? '', this.#varint()))
      case '^': {
        const id = this.#varint()
        if (id >= this.#objects.length) throw new DecodeError('a reference to nothing')
        return this.#objects[id]
      }
      default:
        throw new DecodeError('unknown tag')
    }
  }

  #array(length: number): unknown[] {
    const array: unknown[] = []
    this.#builder.declare(array, length)
    return array
  }

  #begin(container: object, end: number, rest?: number): void {
    this.#objects.push(container)
    this.#builder.begin(container, this.#at, end, rest)
  }

  #object(object: object): object {
    this.#objects.push(object)
    return object
  }

  #bigint(): bigint {
    const operand = this.#varint()
    const [isNegative, size] = [(operand & 1) === 1, operand >>> 1]
    const [start, end] = [this.#at, this.#at + size]
    if (end > this.#bytes.length && size > LARGE_BIGINT) {
      this.distant = { isNegative, start, end }
      this.#end()
    }
    const digits = hexOf(this.#take(size))
    const magnitude = digits === '' ? 0n : BigInt(`0x${digits}`)
    return isNegative ? -magnitude : magnitude
  }

  #string(tag: number): string | CutText {
    const length = this.#varint()
    const encoding = tag === tagOf('c') ? 'utf16le' : 'latin1'
    if (encoding === 'utf16le' && length % 2 === 1) throw new DecodeError('half a character')
    const text = this.#bytes.toString(encoding, this.#at, this.#at + length)
    this.#at += length
    return this.#at <= this.#bytes.length ? text : new CutText(text)
  }

  /** A RegExp. V8 itself reads it, since only V8 knows its bits for flags. */
  #regexp(): RegExp {
    const start = this.#at
    let tag = this.#byte()
    while (tag === 0) tag = this.#byte()
    if (tag !== tagOf('"') && tag !== tagOf('c')) throw new DecodeError('no string where one belongs')
    const source = this.#string(tag)
    if (typeof source !== 'string') this.#end()
    this.#varint()
    this.#patterns += patternWeight(source)
    if (this.#patterns > MAX_PATTERN_WEIGHT) throw new DecodeError('RegExps that take too long to make')
    const token = this.#bytes.subarray(start, this.#at)
    return readLeaf(Buffer.concat([Buffer.of(VERSION_TAG, WIRE_VERSION, tagOf('R')), token])) as RegExp
  }

  #bytesOf(type: string, size: number): NodeJS.ArrayBufferView | ArrayBuffer | CutBytes {
    const bytes = this.#bytes.subarray(this.#at, this.#at + size)
    this.#at += size
    const isCut = bytes.length < size
    const view = viewOf(type, bytes, isCut)
    return isCut ? new CutBytes(view, size) : view
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) this.#end()
    this.#at++
    return byte
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) this.#end()
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }

  #varint(): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80 && value < 2 ** 32) return value
    }
    throw new DecodeError('bad length')
  }

  #end(): never {
    throw this.#isAll ? new DecodeError('cut short') : new EndOfBeginning()
  }
}

/** The hexadecimal digits of a bigint, without leading zeros. They are stored least significant byte first. */
export function hexOf(digits: Buffer): string {
  return Buffer.from(digits).reverse().toString('hex').replace(/^0+/, '')
}

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1)
}

type ViewConstructor = new (buffer: ArrayBuffer) => NodeJS.ArrayBufferView
type TypedArray = { readonly BYTES_PER_ELEMENT?: number }

/** A view with memory of its own. A cut one has as many whole elements as there are bytes for. */
function viewOf(type: string, bytes: Buffer, isCut: boolean): NodeJS.ArrayBufferView | ArrayBuffer {
  if (type === 'Buffer') return Buffer.from(bytes)
  const View = (globalThis as unknown as Record<string, (ViewConstructor & TypedArray) | undefined>)[type]
  if (View === undefined) throw new DecodeError('view of unknown kind')
  const { BYTES_PER_ELEMENT: step = 1 } = View
  const length = isCut ? bytes.length - (bytes.length % step) : bytes.length
  const { buffer } = Uint8Array.prototype.slice.call(bytes, 0, length)
  return type === 'ArrayBuffer' ? (buffer as ArrayBuffer) : new View(buffer as ArrayBuffer)
}

import { DecodeError } from '../decode-error.js'
import { MAX_DEPTH } from '../limits.js'
import { type Beginning, type CutText, UNREAD } from './cut.js'

/** Maximum number of values that are built; one of 200 bytes counts as one. */
const MAX_PARTS = 25_000
/** Bytes of an array's empty places that count as one value. */
const SLOT_BYTES_PER_PART = 200
const SLOT = 8
const LARGEST_INDEX = 2 ** 32 - 2

/** Ends the reading of a beginning: the bytes at hand, or the parts that may be built, are used up. */
export class EndOfBeginning extends Error {}

/** A container that is being read. */
export interface Open {
  readonly container: object
  /** Its place among the bytes. */
  readonly start: number
  /** The byte that ends it. */
  readonly end: number
  /** Number of elements still to come before its end or its names. */
  rest: number
  /** The name or the Map key whose value comes next. */
  label: unknown
  /** The index of the next element. */
  at: number
  /** The capacity that its index names have made V8 allocate. */
  slots: number
}

/** In the place of a label: a name, an element or an end comes next. */
export const NO_LABEL = Symbol('no label')

/** Builds the beginning of a value, part by part, in the order of the serialised value. */
export class BeginningBuilder {
  readonly open: Open[] = []
  readonly #cut = new Map<object, number>()
  readonly #lengths = new Map<object, number>()
  #value: unknown = UNREAD
  #name: { of: object; text: CutText } | undefined
  #parts = 0

  get top(): Open | undefined {
    return this.open.at(-1)
  }

  /** Puts a value in the next place. @throws EndOfBeginning */
  put(value: unknown): void {
    this.#spend(1)
    this.putLast(value)
  }

  /** Puts a value in the next place after the reading has ended. */
  putLast(value: unknown): void {
    const top = this.top
    if (top === undefined) this.#value = value
    else if (top.container instanceof Map) {
      if (top.label === NO_LABEL) {
        top.label = value
        return
      }
      top.container.set(top.label, value)
      top.label = NO_LABEL
    } else if (top.container instanceof Set) top.container.add(value)
    else if (top.label === NO_LABEL) (top.container as unknown[])[top.at++] = value
    else {
      this.#putNamed(top, top.label as string | number, value)
      top.label = NO_LABEL
    }
  }

  /** Leaves the next place of an array empty. */
  skip(): void {
    const top = this.top
    if (!Array.isArray(top?.container) || top.label !== NO_LABEL) throw new DecodeError('no array')
    top.at++
  }

  /** Puts a container in the next place: what follows is put into it, until it is closed. */
  begin(container: object, start: number, end: number, rest = 0): void {
    if (this.open.length === MAX_DEPTH) throw new DecodeError('nested too deeply')
    this.put(container)
    this.open.push({ container, start, end, rest, label: NO_LABEL, at: 0, slots: 0 })
  }

  /** Notes the length that an array declares. */
  declare(array: object, length: number): void {
    this.#lengths.set(array, length)
  }

  close(): void {
    this.open.pop()
  }

  /** Takes the last name, of which the beginning alone was read. */
  putName(text: CutText): void {
    const of = this.top?.container
    if (of !== undefined) this.#name = { of, text }
  }

  /** What was built of so many bytes. All that is open is cut. */
  finish(bytes: number, isDamaged: boolean): Beginning {
    for (const { container, start, label } of this.open) {
      this.#cut.set(container, bytes - start)
      if (label === NO_LABEL || Array.isArray(container)) continue
      if (container instanceof Map) container.set(label, UNREAD)
      else define(container, String(label), UNREAD)
    }
    const cuts = { containers: this.#cut, lengths: this.#lengths, name: this.#name }
    return { value: this.#value, cuts, isDamaged }
  }

  #putNamed(top: Open, name: string | number, value: unknown): void {
    const index = indexOf(name)
    if (index !== undefined && index >= Math.max(top.slots, top.at)) {
      const slots = index + (index >>> 1) + 16
      // With a larger gap V8 makes a dictionary.
      if (index - top.slots < 1024) {
        this.#spend(((slots - top.slots) * SLOT) / SLOT_BYTES_PER_PART)
        top.slots = slots
      }
    }
    if (name !== 'length' || !Array.isArray(top.container)) define(top.container, String(name), value)
  }

  #spend(parts: number): void {
    this.#parts += parts
    if (this.#parts > MAX_PARTS) throw new EndOfBeginning()
  }
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

function indexOf(name: string | number): number | undefined {
  const index = Number(name)
  return Number.isInteger(index) && index >= 0 && index <= LARGEST_INDEX ? index : undefined
}

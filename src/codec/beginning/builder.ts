import { DecodeError } from '../decode-error.js'
import { MAX_DEPTH } from '../limits.js'
import { type Beginning, type CutText, UNREAD } from './cut.js'

/** Maximum number of values that are built. */
const MAX_PARTS = 25_000
/** Memory of an array's empty places that counts as one value, in bytes. */
const SLOT_BYTES_PER_PART = 200
const SLOT = 8
const LARGEST_INDEX = 2 ** 32 - 2

/** Thrown to end the reading of a beginning: the available bytes or `MAX_PARTS` are used up. */
export class EndOfBeginning extends Error {}

/** A container that is being read. */
export interface Open {
  readonly container: object
  /** Offset of its first member in the serialised value. */
  readonly start: number
  /** Byte that ends it. */
  readonly end: number
  /** Number of elements that precede its names or its end. */
  rest: number
  /** Name or Map key whose value comes next, or `NO_LABEL`. */
  label: unknown
  /** Index of the next element. */
  at: number
  /** Capacity that V8 has allocated for its index names. */
  slots: number
}

/** The label of a container in which a name, an element or the end comes next. */
export const NO_LABEL = Symbol('no label')

/** Builds the beginning of a value from its parts, in their serialised order. */
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

  /**
   * Adds a value at the next place.
   * @throws {EndOfBeginning} once `MAX_PARTS` are used up
   */
  put(value: unknown): void {
    this.#spend(1)
    this.putLast(value)
  }

  /** Adds one last value at the next place. */
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

  /** Leaves the next place of an array empty: a hole. */
  skip(): void {
    const top = this.top
    if (!Array.isArray(top?.container) || top.label !== NO_LABEL) throw new DecodeError('no array')
    top.at++
  }

  /** Adds a container at the next place. Until it is closed, all values are added to it. */
  begin(container: object, start: number, end: number, rest = 0): void {
    if (this.open.length === MAX_DEPTH) throw new DecodeError('nested too deeply')
    this.put(container)
    this.open.push({ container, start, end, rest, label: NO_LABEL, at: 0, slots: 0 })
  }

  /** Records the declared length of an array. */
  declare(array: object, length: number): void {
    this.#lengths.set(array, length)
  }

  close(): void {
    this.open.pop()
  }

  /** Records the last name, which is cut. */
  putName(text: CutText): void {
    const of = this.top?.container
    if (of !== undefined) this.#name = { of, text }
  }

  /** Returns the beginning that was built from this number of bytes. All open containers are cut. */
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
      // With a larger gap, V8 makes a dictionary instead.
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

/** The beginning of a text. */
export class CutText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The beginning of a view or an ArrayBuffer. */
export class CutBytes {
  readonly head: NodeJS.ArrayBufferView | ArrayBuffer
  /** Size of all its bytes. */
  readonly size: number

  constructor(head: NodeJS.ArrayBufferView | ArrayBuffer, size: number) {
    this.head = head
    this.size = size
  }
}

/** The most significant digits of a bigint. */
export class CutBigInt {
  readonly isNegative: boolean
  readonly bits: number
  /** Hexadecimal digits, without leading zeros. */
  readonly digits: string

  constructor(isNegative: boolean, bits: number, digits: string) {
    this.isNegative = isNegative
    this.bits = bits
    this.digits = digits
  }
}

/** The type of {@link UNREAD}. */
class UnreadValue {}

/** A value that was not read. */
export const UNREAD = new UnreadValue()

/** Whether a value was not read, or is the beginning of one. */
export function isCutValue(value: unknown): value is CutText | CutBytes | CutBigInt | typeof UNREAD {
  return (
    value === UNREAD || value instanceof CutText || value instanceof CutBytes || value instanceof CutBigInt
  )
}

/** The places where the beginning of a value is cut. */
export interface Cuts {
  /**
   * Containers with further members, and the number of bytes that were read of each. They contain one another: the last
   * member of each is the next one.
   */
  readonly containers: ReadonlyMap<object, number>
  /** Declared lengths of arrays. A cut array itself has the elements that were read. */
  readonly lengths: ReadonlyMap<object, number>
  /** The beginning of the last name, and the container to which it belongs. */
  readonly name: { readonly of: object; readonly text: CutText } | undefined
}

/** The cuts of a whole value. */
export const NO_CUTS: Cuts = { containers: new Map(), lengths: new Map(), name: undefined }

/** The beginning of a stored value. */
export interface Beginning {
  /** The value up to its cuts. Its plain objects have no prototype. */
  readonly value: unknown
  readonly cuts: Cuts
  /** Whether reading ended at damaged bytes. */
  readonly isDamaged: boolean
}

/** A text of which the beginning alone was read. */
export class CutText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A view or an ArrayBuffer of which the beginning alone was read. */
export class CutBytes {
  readonly head: NodeJS.ArrayBufferView | ArrayBuffer
  /** Size of the whole, in bytes. */
  readonly size: number

  constructor(head: NodeJS.ArrayBufferView | ArrayBuffer, size: number) {
    this.head = head
    this.size = size
  }
}

/** A bigint of which the most significant digits alone were read. */
export class CutBigInt {
  readonly isNegative: boolean
  readonly bits: number
  /** In hexadecimal, without leading zeros. */
  readonly digits: string

  constructor(isNegative: boolean, bits: number, digits: string) {
    this.isNegative = isNegative
    this.bits = bits
    this.digits = digits
  }
}

/** Stands where a value belongs that was not read. */
class UnreadValue {}

export const UNREAD = new UnreadValue()

/** Whether this stands for a value of which nothing, or the beginning alone, was read. */
export function isCutValue(value: unknown): value is CutText | CutBytes | CutBigInt | typeof UNREAD {
  return (
    value === UNREAD || value instanceof CutText || value instanceof CutBytes || value instanceof CutBigInt
  )
}

/** What is missing in a value of which the beginning was read. */
export interface Cuts {
  /**
   * Containers whose further members were not read, with the number of bytes that were read of them. Each but the
   * innermost ends with the next one.
   */
  readonly containers: ReadonlyMap<object, number>
  /** Lengths of arrays as they were declared. The arrays themselves end where reading has ended. */
  readonly lengths: ReadonlyMap<object, number>
  /** The name, in one of the containers, of the member that follows; itself cut. */
  readonly name: { readonly of: object; readonly text: CutText } | undefined
}

export const NO_CUTS: Cuts = { containers: new Map(), lengths: new Map(), name: undefined }

/** The beginning of a stored value. */
export interface Beginning {
  /** Built like the whole value, but for its `cuts`. Plain objects have no prototype. */
  readonly value: unknown
  readonly cuts: Cuts
  /** Whether reading ended at bytes that no writer has written. */
  readonly isDamaged: boolean
}

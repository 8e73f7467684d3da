import { BeginningBuilder, EndOfBeginning } from './beginning/builder.js'
import { CloneReader, type DistantBigInt, hexOf } from './beginning/clone.js'
import { type Beginning, CutBigInt } from './beginning/cut.js'
import { JsonReader } from './beginning/json.js'
import { isCompressed, isRecordPayload, isStructuredClonePayload, type Payload } from './codec.js'
import { inflatedSize, inflatePart } from './compression.js'

/**
 * Number of bytes of a serialised value that are read for its beginning. Each of them makes at least a third of a
 * character of the text that is shown, unless it belongs to a value that is masked.
 */
const HEAD_BYTES = 512 * 1024

/** Number of bytes of a bigint's most significant digits that are read if it ends after `HEAD_BYTES`. */
const DIGIT_BYTES = 32 * 1024

/** A stored value that is too large to be built for a page. */
export class UnbuiltValue {
  readonly #payload: Payload
  /** Size of its payload before compression. */
  readonly bytes: number

  constructor(payload: Payload) {
    this.#payload = payload
    this.bytes = payloadSize(payload)
  }

  /**
   * Reads the beginning of the value, in time and memory that do not grow with its size: `bytes` of it, and the end
   * of a bigint that is longer. Damaged bytes end it.
   * @param pause awaited after each short slice of the work
   */
  async beginning(pause: () => Promise<void>, bytes = HEAD_BYTES): Promise<Beginning> {
    const head = await this.#part(0, Math.min(this.bytes, bytes))
    const isAll = !head.isIntact || head.bytes.length >= this.bytes
    const builder = new BeginningBuilder()
    const reader = this.#reader(head.bytes, isAll, builder)
    let isDamaged = false
    try {
      for (const _ of reader.read()) await pause()
      return builder.finish(head.bytes.length, false)
    } catch (error) {
      // All other errors are caused by the bytes: V8 refuses a RegExp, or a view does not fit them.
      isDamaged = !(error instanceof EndOfBeginning)
    }
    if (!isDamaged && reader.distant !== undefined) {
      const bigint = await this.#bigint(reader.distant)
      if (bigint === undefined) isDamaged = true
      else builder.putLast(bigint)
    }
    return builder.finish(head.bytes.length, isDamaged)
  }

  #reader(bytes: Buffer, isAll: boolean, builder: BeginningBuilder): CloneReader | JsonReader {
    if (isRecordPayload(this.#payload)) return new JsonReader(bytes, isAll, builder)
    // Of an unknown format nothing can be read.
    if (!isStructuredClonePayload(this.#payload)) return new CloneReader(Buffer.alloc(0), true, builder)
    return new CloneReader(bytes, isAll, builder)
  }

  async #bigint({ isNegative, start, end }: DistantBigInt): Promise<CutBigInt | undefined> {
    if (end > this.bytes) return undefined
    const from = Math.max(start, end - DIGIT_BYTES)
    const { bytes, isIntact } = await this.#part(from, end)
    const digits = hexOf(bytes)
    if (!isIntact || digits === '') return undefined
    const bits =
      8 * (from - start) + 4 * digits.length - Math.clz32(Number.parseInt(digits.charAt(0), 16)) + 28
    return new CutBigInt(isNegative, bits, digits)
  }

  /** The bytes from one place to another, or as many of them as can be had. */
  async #part(start: number, end: number): Promise<{ bytes: Buffer; isIntact: boolean }> {
    const { bytes } = this.#payload
    const part = isCompressed(this.#payload)
      ? await inflatePart(bytes, start, end)
      : bytes.subarray(start, end)
    return { bytes: part, isIntact: part.length === end - start }
  }
}

/** Size of a payload before compression, as it declares it. */
export function payloadSize(payload: Payload): number {
  return isCompressed(payload) ? inflatedSize(payload.bytes) : payload.bytes.length
}

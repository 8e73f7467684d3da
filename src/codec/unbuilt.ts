import { inflatePayload, isCompressed, isRecord, type Payload } from './codec.js'
import { inflatedSize } from './compression.js'

/** A stored value that was not built, since it is large. */
export class UnbuiltValue {
  readonly #payload: Payload
  /** The size of its payload, not compressed. */
  readonly bytes: number

  constructor(payload: Payload) {
    this.#payload = payload
    this.bytes = sizeOf(payload)
  }

  /** The first characters of its JSON, or of a text, without building it; `undefined` for any other value. */
  async beginning(characters: number): Promise<string | undefined> {
    const payload = await inflatePayload(this.#payload)
    return isRecord(payload)
      ? payload.bytes.toString('latin1', 0, characters)
      : beginningOfText(payload.bytes, characters)
  }
}

/** The size of a payload once it is not compressed, as it declares it. */
export function sizeOf(payload: Payload): number {
  return isCompressed(payload) ? inflatedSize(payload.bytes) : payload.bytes.length
}

/** Tags of V8's structured clone: padding, a text of Latin-1, a text of UTF-16. */
const [PADDING, LATIN1, UTF16] = [0x00, 0x22, 0x63]

/** What follows the header and the length of a text is its characters. */
function beginningOfText(bytes: Buffer, characters: number): string | undefined {
  // 0xff and the version of the format.
  let at = 2
  while (bytes[at] === PADDING) at++
  const tag = bytes[at++]
  if (tag !== LATIN1 && tag !== UTF16) return undefined
  // The length is a varint: seven bits a byte, the last without the high one.
  while ((bytes[at++] ?? 0) >= 0x80);
  return tag === LATIN1
    ? bytes.toString('latin1', at, at + characters)
    : bytes.toString('utf16le', at, at + 2 * characters)
}

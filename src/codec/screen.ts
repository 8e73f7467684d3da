import { DecodeError } from './decode-error.js'
import { MAX_DEPTH, MAX_HOLES } from './limits.js'

// V8 checks most of what it reads, but takes the declared length of an array
// at its word: seven bytes can make it allocate 256 MB, a hundred can end the
// process. So the tokens are counted before V8 sees them. The format is a flat
// sequence of tokens (a tag, then operands whose size is known), so no tree
// has to be built. V8 keeps these bytes on users' disks (IndexedDB), hence a
// tag keeps its meaning. Only tags that the writer can produce are let through.
// https://chromium.googlesource.com/v8/v8/+/HEAD/src/objects/value-serializer.cc

/** What every Node since 18 writes; nothing older has written entries. */
const OLDEST_WIRE_VERSION = 15
const VERSION_TAG = 0xff

/** Throws `DecodeError` unless the bytes are one whole value that costs no more than its size lets expect. */
export function screen(bytes: Buffer, newestWireVersion: number): void {
  const version = bytes[1]
  if (
    bytes[0] !== VERSION_TAG ||
    version === undefined ||
    version < OLDEST_WIRE_VERSION ||
    version > newestWireVersion
  ) {
    throw new DecodeError(`not a payload of version ${OLDEST_WIRE_VERSION} to ${newestWireVersion}`)
  }
  const tokens = new Tokens(bytes, 2)
  let depth = 0
  do {
    depth += tokens.next()
    if (depth > MAX_DEPTH) throw new DecodeError('nested too deeply')
  } while (depth > 0)
  if (depth < 0 || tokens.at !== bytes.length) throw new DecodeError('not one whole value')
}

class Tokens {
  /** How many array elements may still be declared: each takes a byte at least, or is a hole. */
  private elements: number

  constructor(
    private readonly bytes: Buffer,
    public at: number,
  ) {
    this.elements = bytes.length + MAX_HOLES
  }

  /** Skips one token; gives by how much it changes the depth. */
  next(): -1 | 0 | 1 {
    switch (this.tag()) {
      case 0x5f: // _ undefined
      case 0x30: // 0 null
      case 0x54: // T true
      case 0x46: // F false
      case 0x2d: // - hole
        return 0
      case 0x49: // I int32
      case 0x55: // U uint32
      case 0x5e: // ^ an object met before
        this.varint()
        return 0
      case 0x4e: // N double
      case 0x44: // D date
        this.skip(8)
        return 0
      case 0x5a: // Z bigint: sign and byte length, digits
        this.skip(this.varint() >>> 1)
        return 0
      case 0x22: // " one-byte string
      case 0x63: // c two-byte string
      case 0x42: // B ArrayBuffer
        this.skip(this.varint())
        return 0
      case 0x52: // R regexp: source, flags
        this.string()
        this.varint()
        return 0
      case 0x5c: // \ view: kind, byte length, bytes
        this.varint()
        this.skip(this.varint())
        return 0
      case 0x6f: // o object
      case 0x3b: // ; map
      case 0x27: // ' set
        return 1
      case 0x41: // A dense array
      case 0x61: // a sparse array
        this.elements -= this.varint()
        if (this.elements < 0) throw new DecodeError('an array longer than its bytes')
        return 1
      case 0x7b: // { end of object
      case 0x3a: // : end of map
      case 0x2c: // , end of set
        this.varint()
        return -1
      case 0x24: // $ end of dense array
      case 0x40: // @ end of sparse array
        this.varint()
        this.varint()
        return -1
      default:
        throw new DecodeError('unknown tag, or cut short')
    }
  }

  private string(): void {
    const tag = this.tag()
    if (tag !== 0x22 && tag !== 0x63) throw new DecodeError('no string where one belongs')
    this.skip(this.varint())
  }

  private skip(bytes: number): void {
    this.at += bytes
  }

  private tag(): number | undefined {
    // Two-byte strings are aligned by zeros in front of them.
    while (this.bytes[this.at] === 0) this.at++
    return this.bytes[this.at++]
  }

  private varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new DecodeError('bad length, or cut short')
  }
}

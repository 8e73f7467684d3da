import { DecodeError } from './decode-error.js'
import { MAX_DEPTH, MAX_HOLES } from './limits.js'
import {
  ARRAY,
  ARRAY_BUFFER,
  BIGINT,
  COLLECTION,
  COLLECTION_ENTRY,
  DATE,
  DICTIONARY_ENTRY,
  DOUBLE,
  NEW_NAME,
  OBJECT,
  REGEXP,
  SLOT,
  STRING,
  VIEW,
} from './memory.js'
import { Names } from './names.js'
import { MAX_PATTERNS, patternWeight } from './patterns.js'

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

/** Bytes of memory that no payload takes more of, per byte: an object with a single index name, about. */
const MOST_PER_BYTE = 2000

/** The same, four times over, of what new names take: below that nobody has to find out which are new. */
const NAMES_PER_BYTE = 128

/** `state` within a Map or a Set, which have no names. */
const VALUES_ONLY = 0x7fffffff
/** `length` within anything but an array. */
const NO_ARRAY = -1
/** V8 keeps index names in an array of slots, unless an index leaves a larger gap than this. */
const LARGEST_GAP = 1024
/** The longest array index, `4294967294`. */
const INDEX_DIGITS = 10
const LARGEST_INDEX = 2 ** 32 - 2

/**
 * The memory that reading these bytes takes, estimated; at least `limit` where it is above `limit`.
 * Throws `DecodeError` unless they are one whole value, with lengths that are true.
 */
export function screen(bytes: Buffer, newestWireVersion: number, limit: number): number {
  const version = bytes[1]
  if (
    bytes[0] !== VERSION_TAG ||
    version === undefined ||
    version < OLDEST_WIRE_VERSION ||
    version > newestWireVersion
  ) {
    throw new DecodeError(`not a payload of version ${OLDEST_WIRE_VERSION} to ${newestWireVersion}`)
  }
  return new Screen(bytes, limit).run()
}

/** Whether a payload may exceed the limit at all. */
export function mayExceed({ length }: Buffer, limit: number): boolean {
  return length * MOST_PER_BYTE > limit
}

// What is known of the containers around the innermost one. Nothing runs while a payload is screened but the screen.
const states = new Int32Array(MAX_DEPTH + 1)
const ends = new Uint8Array(MAX_DEPTH + 1)
const lengths = new Int32Array(MAX_DEPTH + 1)
const allSlots = new Int32Array(MAX_DEPTH + 1)

class Screen {
  private at = 2
  private depth = 0
  private memory = 0
  private patterns = 0
  /** Array elements that may still be declared: each takes a byte at least, or is a hole. */
  private elements: number
  private readonly names: Names | undefined

  /** How many values come before the first name; then 0 where a name comes next, -1 where its value does. */
  private state = 1
  /** The tag that ends the innermost container. */
  private end = 0
  /** Index names of the innermost array are below it: of a dense one none, since all its elements have come. */
  private length = NO_ARRAY
  /** The capacity that the index names of the innermost object have made V8 allocate. */
  private slots = 0

  constructor(
    private readonly bytes: Buffer,
    private readonly limit: number,
  ) {
    this.elements = bytes.length + MAX_HOLES
    this.names = bytes.length * NAMES_PER_BYTE > limit ? new Names() : undefined
  }

  run(): number {
    do {
      this.next()
      if (this.memory > this.limit) return this.memory
    } while (this.depth > 0)
    if (this.at !== this.bytes.length) throw new DecodeError('not one whole value')
    return this.memory
  }

  private next(): void {
    const tag = this.tag()
    if (this.state === 0) {
      if (tag === this.end) {
        this.close(tag)
        return
      }
      this.state = -1
      this.name(tag)
      return
    }
    if (this.state === VALUES_ONLY) {
      if (tag === this.end) {
        this.close(tag)
        return
      }
      this.memory += COLLECTION_ENTRY
    } else this.state = this.state > 0 ? this.state - 1 : 0
    this.value(tag)
  }

  private value(tag: number | undefined): void {
    this.memory += SLOT
    switch (tag) {
      case 0x5f: // _ undefined
      case 0x30: // 0 null
      case 0x54: // T true
      case 0x46: // F false
      case 0x2d: // - hole
        return
      case 0x49: // I int32
      case 0x55: // U uint32
      case 0x5e: // ^ an object met before
        this.varint()
        return
      case 0x4e: // N double
        this.memory += DOUBLE
        this.at += 8
        return
      case 0x44: // D date
        this.memory += DATE
        this.at += 8
        return
      case 0x5a: // Z bigint: sign and byte length, digits
        this.data(BIGINT, this.varint() >>> 1)
        return
      case 0x22: // " one-byte string
      case 0x63: // c two-byte string
        this.data(STRING, this.varint())
        return
      case 0x42: // B ArrayBuffer
        this.data(ARRAY_BUFFER, this.varint())
        return
      case 0x52: // R regexp: source, flags
        this.memory += REGEXP
        this.pattern()
        this.varint()
        return
      case 0x5c: // \ view: kind, byte length, bytes
        this.varint()
        this.data(VIEW, this.varint())
        return
      case 0x6f: // o object
        this.open(OBJECT, 0, 0x7b, NO_ARRAY)
        return
      case 0x3b: // ; map
        this.open(COLLECTION, VALUES_ONLY, 0x3a, NO_ARRAY)
        return
      case 0x27: // ' set
        this.open(COLLECTION, VALUES_ONLY, 0x2c, NO_ARRAY)
        return
      case 0x41: // A dense array
        this.open(ARRAY, this.declared(), 0x24, 0)
        return
      case 0x61: {
        // a sparse array
        const length = this.declared()
        this.open(ARRAY + SLOT * length, 0, 0x40, length)
        return
      }
      default:
        throw new DecodeError('unknown tag, or cut short')
    }
  }

  private name(tag: number | undefined): void {
    const isArray = this.length !== NO_ARRAY
    switch (tag) {
      case 0x49: {
        // I int32, zigzag
        const value = this.varint()
        if ((value & 1) === 0) this.index(value >>> 1)
        else if (isArray) throw new DecodeError('a negative index')
        return
      }
      case 0x4e: // N double
        if (isArray || this.at + 8 > this.bytes.length) throw new DecodeError('an index beyond its array')
        this.index(this.bytes.readDoubleLE(this.at))
        this.at += 8
        return
      case 0x22: // " one-byte string
      case 0x63: {
        // c two-byte string
        const length = this.varint()
        const start = this.at
        this.at += length
        const digit = this.bytes[start] as number
        // Written as a number, unless it is none.
        if (digit >= 0x30 && digit <= 0x39) this.digits(start, tag === 0x63)
        else if (this.names?.isNew(this.bytes, start, Math.min(this.at, this.bytes.length))) {
          this.memory += NEW_NAME
        }
        return
      }
      default:
        throw new DecodeError('no name where one belongs')
    }
  }

  /** A name that begins with a digit: V8 takes `"7"` for the index 7. */
  private digits(start: number, isWide: boolean): void {
    const bytes = this.bytes.subarray(start, Math.min(this.at, start + (INDEX_DIGITS + 1) * 2))
    const text = bytes.toString(isWide ? 'utf16le' : 'latin1')
    const index = Number(text)
    if (String(index) === text && Number.isInteger(index) && index <= LARGEST_INDEX) this.index(index)
    else this.memory += NEW_NAME
  }

  private index(index: number): void {
    if (this.length !== NO_ARRAY) {
      if (index >= this.length) throw new DecodeError('an index beyond its array')
      return
    }
    if (index < this.slots) return
    if (!(index - this.slots < LARGEST_GAP)) {
      this.memory += DICTIONARY_ENTRY
      return
    }
    const slots = index + (index >>> 1) + 16
    this.memory += SLOT * (slots - this.slots)
    this.slots = slots
  }

  private open(memory: number, state: number, end: number, length: number): void {
    this.memory += memory
    const depth = this.depth++
    if (depth === MAX_DEPTH) throw new DecodeError('nested too deeply')
    states[depth] = this.state
    ends[depth] = this.end
    lengths[depth] = this.length
    allSlots[depth] = this.slots
    this.state = state
    this.end = end
    this.length = length
    this.slots = 0
  }

  private close(tag: number): void {
    // How many properties or members there were; for arrays the length, too. V8 compares them.
    this.varint()
    if (tag === 0x24 || tag === 0x40) this.varint()
    const depth = --this.depth
    this.state = states[depth] as number
    this.end = ends[depth] as number
    this.length = lengths[depth] as number
    this.slots = allSlots[depth] as number
  }

  private declared(): number {
    const length = this.varint()
    this.elements -= length
    if (this.elements < 0) throw new DecodeError('an array longer than its bytes')
    return length
  }

  private data(memory: number, bytes: number): void {
    this.memory += memory + bytes
    this.at += bytes
  }

  private pattern(): void {
    const tag = this.tag()
    if (tag !== 0x22 && tag !== 0x63) throw new DecodeError('no string where one belongs')
    const length = this.varint()
    const start = this.at
    this.at += length
    if (length > MAX_PATTERNS * 2) throw new DecodeError('too large a RegExp')
    const source = this.bytes.toString(tag === 0x63 ? 'utf16le' : 'latin1', start, this.at)
    this.patterns += patternWeight(source)
    if (this.patterns > MAX_PATTERNS) throw new DecodeError('RegExps that are too large')
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

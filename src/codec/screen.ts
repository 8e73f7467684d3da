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
  OBJECT,
  REGEXP,
  SLOT,
  STRING,
  VIEW,
} from './memory-estimates.js'
import { MAX_PATTERN_WEIGHT, patternWeight } from './patterns.js'

// V8 checks most of what it reads, but trusts the declared length of an array:
// seven bytes can make it allocate 256 MB, a hundred can end the process. So
// the tokens are counted before V8 reads them. The format is a flat sequence of
// tokens (a tag, then operands of known size), so no tree has to be built.
// Browsers store these bytes on disk (IndexedDB), hence the meaning of a tag
// never changes. Only tags that the writer can produce are accepted.
// https://chromium.googlesource.com/v8/v8/+/HEAD/src/objects/value-serializer.cc

/** The version that every Node since 18 writes. No older one has written entries. */
export const OLDEST_WIRE_VERSION = 15
const VERSION_TAG = 0xff

/** Maximum memory of a value per byte of its payload: that of an object with one index name, `{"1000":0}`. */
export const MAX_MEMORY_PER_BYTE = 2000

/** Maximum gap between index names that V8 keeps in an array of slots. With a larger one it makes a dictionary. */
const LARGEST_GAP = 1024
/** The longest array index, `4294967294`. */
const INDEX_DIGITS = 10
const LARGEST_INDEX = 2 ** 32 - 2

// By tag: its operands and the memory of its value.
const shapes = new Uint8Array(256)
const costs = new Uint16Array(256)
/** Whether a varint follows the tag: a number, a length or a count. */
const operands = new Uint8Array(256)

const ALONE = 1
/** Eight bytes. */
const EIGHT = 2
/** Number of bytes in the operand. */
const DATA = 3
/** Number of bytes in the operand, above a sign in its lowest bit. */
const SIGNED_DATA = 4
const KIND_AND_DATA = 5
const SOURCE_AND_FLAGS = 6
/** Names, each with its value. */
const NAMED = 7
const MEMBERS = 8
/** Number of elements in the operand; names follow them. */
const DENSE = 9
const SPARSE = 10

const TAGS: [tags: string, shape: number, cost: number, hasOperand: boolean][] = [
  // undefined, null, true, false, hole
  ['_0TF-', ALONE, 0, false],
  // int32, uint32, a reference to an object
  ['IU^', ALONE, 0, true],
  ['N', EIGHT, DOUBLE, false],
  ['D', EIGHT, DATE, false],
  ['Z', SIGNED_DATA, BIGINT, true],
  // one-byte string, two-byte string
  ['"c', DATA, STRING, true],
  ['B', DATA, ARRAY_BUFFER, true],
  ['\\', KIND_AND_DATA, VIEW, true],
  ['R', SOURCE_AND_FLAGS, REGEXP, false],
  ['o', NAMED, OBJECT, false],
  // Map, Set
  [";'", MEMBERS, COLLECTION, false],
  ['A', DENSE, ARRAY, true],
  ['a', SPARSE, ARRAY, true],
]

const INT32 = 0x49
const DOUBLE_TAG = 0x4e
const ONE_BYTE = 0x22
const TWO_BYTE = 0x63
const END_OF_OBJECT = 0x7b
const END_OF_MAP = 0x3a
const END_OF_SET = 0x2c
const END_OF_DENSE = 0x24
const END_OF_SPARSE = 0x40
const MAP = 0x3b

for (const [tags, shape, cost, hasOperand] of TAGS) {
  for (const tag of Buffer.from(tags)) {
    shapes[tag] = shape
    costs[tag] = SLOT + cost
    operands[tag] = hasOperand ? 1 : 0
  }
}
// The number of properties or members, which V8 itself checks.
for (const tag of [END_OF_OBJECT, END_OF_MAP, END_OF_SET, END_OF_DENSE, END_OF_SPARSE]) operands[tag] = 1

/** State of a container: number of values to come, then alternately 0 (a name comes) and -1 (its value comes). */
const NAME = 0
const VALUE_OF_NAME = -1
/** State of a Map or a Set, which has no names. */
const VALUES_ONLY = 0x7fffffff
/** `length` within a container that is no array. */
const NO_ARRAY = -1

// A stack of the containers around the innermost one. Shared: a payload is screened synchronously.
const states = new Int32Array(MAX_DEPTH)
const ends = new Uint8Array(MAX_DEPTH)
const lengths = new Int32Array(MAX_DEPTH)
const allSlots = new Int32Array(MAX_DEPTH)

/**
 * Checks a payload, and estimates the memory of its value. Above `limit`, the result is any number above it. Throws
 * `DecodeError` unless the bytes are one whole value with correct lengths.
 */
export function screenPayload(bytes: Buffer, newestWireVersion: number, limit: number): number {
  const version = bytes[1]
  if (
    bytes[0] !== VERSION_TAG ||
    version === undefined ||
    version < OLDEST_WIRE_VERSION ||
    version > newestWireVersion
  ) {
    throw new DecodeError(`not a payload of version ${OLDEST_WIRE_VERSION} to ${newestWireVersion}`)
  }
  /** Number of array elements that may still be declared: each takes at least one byte, or is a hole. */
  let elements = bytes.length + MAX_HOLES
  let at = 2
  let memory = 0
  let patterns = 0
  let depth = 0
  let state = 1
  /** The tag that ends the innermost container. */
  let end = 0
  /** Upper bound of index names of the innermost array. A dense one has none, because all its elements precede. */
  let length = NO_ARRAY
  /** Capacity that V8 has allocated for index names of the innermost object. */
  let slots = 0

  do {
    let tag = bytes[at++]
    // Zeros before two-byte strings align them.
    while (tag === 0) tag = bytes[at++]
    if (tag === undefined) throw new DecodeError('cut short')
    let operand = 0
    if (operands[tag] === 1) {
      operand = bytes[at++] as number
      if (!(operand < 0x80)) {
        operand = varint(bytes, at - 1)
        at += varintBytes(operand) - 1
      }
    }

    if (tag === end && (state === NAME || state === VALUES_ONLY)) {
      // V8 itself checks this length.
      if (tag === END_OF_DENSE || tag === END_OF_SPARSE) at += varintBytes(varint(bytes, at))
      depth--
      state = states[depth] as number
      end = ends[depth] as number
      length = lengths[depth] as number
      slots = allSlots[depth] as number
      continue
    }

    if (state === NAME) {
      state = VALUE_OF_NAME
      let index = -1
      if (tag === ONE_BYTE || tag === TWO_BYTE) {
        const start = at
        at += operand
        const first = bytes[start] as number
        if (first >= 0x30 && first <= 0x39) index = indexOf(bytes, start, operand, tag === TWO_BYTE)
        if (index < 0) continue
      } else if (tag === INT32 && (operand & 1) === 0) index = operand >>> 1
      else if (tag === DOUBLE_TAG && length === NO_ARRAY && at + 8 <= bytes.length) {
        index = bytes.readDoubleLE(at)
        at += 8
      } else throw new DecodeError('no name where one belongs')

      if (length !== NO_ARRAY) {
        if (index >= length) throw new DecodeError('an index beyond its array')
      } else if (!(index - slots < LARGEST_GAP)) memory += DICTIONARY_ENTRY
      else if (index >= slots) {
        const grown = index + (index >>> 1) + 16
        memory += SLOT * (grown - slots)
        slots = grown
      }
      continue
    }

    if (state === VALUES_ONLY) memory += COLLECTION_ENTRY
    else state = state > 0 ? state - 1 : NAME
    memory += costs[tag] as number
    const shape = shapes[tag] as number
    switch (shape) {
      case ALONE:
        continue
      case EIGHT:
        at += 8
        continue
      case DATA:
        memory += operand
        at += operand
        continue
      case SIGNED_DATA:
        memory += operand >>> 1
        at += operand >>> 1
        continue
      case KIND_AND_DATA: {
        const size = varint(bytes, at)
        memory += size
        at += varintBytes(size) + size
        continue
      }
      case SOURCE_AND_FLAGS: {
        const source = sourceAt(bytes, at)
        patterns += patternWeight(source.text)
        if (patterns > MAX_PATTERN_WEIGHT) throw new DecodeError('RegExps that take too long to make')
        at = source.end + varintBytes(varint(bytes, source.end))
        continue
      }
      case DENSE:
      case SPARSE:
        elements -= operand
        if (elements < 0) throw new DecodeError('an array longer than its bytes')
        break
      case NAMED:
      case MEMBERS:
        break
      default:
        throw new DecodeError('unknown tag')
    }

    if (memory > limit) return memory
    if (depth === MAX_DEPTH) throw new DecodeError('nested too deeply')
    states[depth] = state
    ends[depth] = end
    lengths[depth] = length
    allSlots[depth] = slots
    depth++
    slots = 0
    length = NO_ARRAY
    switch (shape) {
      case NAMED:
        state = NAME
        end = END_OF_OBJECT
        break
      case MEMBERS:
        state = VALUES_ONLY
        end = tag === MAP ? END_OF_MAP : END_OF_SET
        break
      case DENSE:
        state = operand
        end = END_OF_DENSE
        length = 0
        break
      case SPARSE:
        state = NAME
        end = END_OF_SPARSE
        length = operand
        memory += SLOT * operand
        break
    }
  } while (depth > 0)
  if (at !== bytes.length) throw new DecodeError('not one whole value')
  return memory
}

/** The index that a name beginning with a digit means (V8 reads `"7"` as 7); negative for any other name. */
function indexOf(bytes: Buffer, start: number, length: number, isWide: boolean): number {
  if (length > INDEX_DIGITS * 2) return -1
  const text = bytes.toString(isWide ? 'utf16le' : 'latin1', start, start + length)
  const index = Number(text)
  return index <= LARGEST_INDEX && String(index) === text && Number.isInteger(index) ? index : -1
}

function sourceAt(bytes: Buffer, start: number): { text: string; end: number } {
  let at = start
  while (bytes[at] === 0) at++
  const tag = bytes[at++]
  if (tag !== ONE_BYTE && tag !== TWO_BYTE) throw new DecodeError('no string where one belongs')
  const length = varint(bytes, at)
  if (length > MAX_PATTERN_WEIGHT * 2) throw new DecodeError('too large a RegExp')
  at += varintBytes(length)
  return { text: bytes.toString(tag === TWO_BYTE ? 'utf16le' : 'latin1', at, at + length), end: at + length }
}

/** A number of 32 bits, seven in each byte. */
function varint(bytes: Buffer, start: number): number {
  let value = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i]
    if (byte === undefined) break
    value |= (byte & 0x7f) << (7 * i)
    if (byte >= 0x80) continue
    // A form that is longer than necessary, or has more than 32 bits: V8 never writes one.
    if ((byte === 0 && i > 0) || (i === 4 && byte > 0x0f)) break
    return value >>> 0
  }
  throw new DecodeError('bad length, or cut short')
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

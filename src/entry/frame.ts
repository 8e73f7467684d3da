import { DIGITS, decodeDigits, encodeDigits } from './digits.js'
import { isGeneration } from './generation.js'
import {
  COUNT_AT,
  type FrameKind,
  frameOfKind,
  frameStart,
  GENERATIONS_AT,
  ID_AT,
  ID_BYTES,
  KIND_AT,
  KIND_BYTE,
  MAGIC,
  MARKED_VALUE,
  MAX_FRAME_BYTES,
  VERSION,
  WRITER_DIGITS,
} from './layout.js'
import { type Provenance, parseProvenance } from './provenance.js'

/** Maximum number of generations in a frame: their count is one byte. */
const MAX_GENERATIONS = 255

/** The bytes of a frame. A store that composes frames itself must produce the same bytes. */
export function composeFrame(
  kind: FrameKind,
  id: Buffer,
  generations: readonly Buffer[],
  body: Buffer = Buffer.alloc(0),
): Buffer {
  if (generations.length > MAX_GENERATIONS) throw new RangeError('too many generations')
  return Buffer.concat([frameStart(kind), id, Buffer.of(generations.length), ...generations, body])
}

/** The frame of a value below generations that `joinGenerations` has joined. */
export function composeValue(id: Buffer, joined: Buffer, body: Buffer): Buffer {
  return Buffer.concat([startOfValue(id, joined), body])
}

/** The frame of a value without its body. */
export function startOfValue(id: Buffer, joined: Buffer): Buffer {
  const ids = joined.subarray(0, -DIGITS)
  const eras = joined.subarray(-DIGITS)
  const isMarked = decodeDigits(eras, 0, DIGITS) > 0
  return Buffer.concat([
    isMarked ? frameOfKind(MARKED_VALUE) : frameStart('value'),
    id,
    Buffer.of(ids.length / ID_BYTES),
    ids,
    ...(isMarked ? [eras, encodeDigits(0), encodeDigits(0, WRITER_DIGITS)] : []),
  ])
}

/** The id of a valid frame. */
export function frameId(frame: Buffer): Buffer {
  return frame.subarray(ID_AT, COUNT_AT)
}

/** A parsed frame. The body of a value is not parsed yet. */
export type Frame =
  | { readonly kind: 'value'; readonly id: Buffer; readonly generations: number; readonly bytes: Buffer }
  | { readonly kind: 'tombstone'; readonly id: Buffer; readonly provenance: Provenance | undefined }
  | { readonly kind: 'marker'; readonly id: Buffer }
  | { readonly kind: 'unreadable'; readonly why: 'foreign bytes' | 'a newer version' | 'damaged' }

/** Parses a frame. Its generations and its body are not checked. */
export function parseFrame(bytes: Buffer): Frame {
  if (bytes.length < GENERATIONS_AT || bytes[0] !== MAGIC.charCodeAt(0) || bytes[1] !== MAGIC.charCodeAt(1)) {
    return { kind: 'unreadable', why: 'foreign bytes' }
  }
  if (bytes.length > MAX_FRAME_BYTES) return { kind: 'unreadable', why: 'foreign bytes' }
  if (bytes[2] !== VERSION) return { kind: 'unreadable', why: 'a newer version' }
  const id = bytes.subarray(ID_AT, COUNT_AT)
  const generations = bytes[COUNT_AT] as number
  switch (bytes[KIND_AT]) {
    case KIND_BYTE.value:
    case MARKED_VALUE:
      return { kind: 'value', id, generations, bytes }
    case KIND_BYTE.tombstone:
      return { kind: 'tombstone', id, provenance: parseProvenance(bytes.subarray(GENERATIONS_AT)) }
    case KIND_BYTE.marker:
      return { kind: 'marker', id }
    default:
      return { kind: 'unreadable', why: 'damaged' }
  }
}

/**
 * Index of the first generation that differs from the one the entry was written under; -1 if none does. An absent
 * generation always differs.
 * @param generations those above the entry, outermost first, as a store has them
 */
export function firstBrokenGeneration(frame: Buffer, generations: readonly (Buffer | null)[]): number {
  if (frame[COUNT_AT] !== generations.length) return 0
  if (frame.length < GENERATIONS_AT + generations.length * ID_BYTES) return 0
  for (let position = 0; position < generations.length; position++) {
    const generation = generations[position]
    const at = GENERATIONS_AT + position * ID_BYTES
    if (!generation || !isGeneration(generation)) return position
    if (generation.compare(frame, at, at + ID_BYTES, 0, ID_BYTES) !== 0) return position
  }
  return -1
}

import { types } from 'node:util'
import { DefaultDeserializer, DefaultSerializer, serialize as probe } from 'node:v8'
import { UnserializableValueError } from '../errors.js'
import { byteLengthOf, viewType } from './built-in.js'
import { DecodeError } from './decode-error.js'
import { maxMemoryOf } from './memory-estimates.js'
import { MAX_MEMORY_PER_BYTE, screenPayload } from './screen.js'
import { assertStorable, errorMessageOf, type StorableSummary } from './storable.js'
import { assertMemoryAllowed, assertSizeAllowed, type WriteLimits } from './write-limits.js'

// V8's structured clone. Views (Buffer, typed arrays, DataView) are written and
// read by the two hooks below: V8 itself would write the whole ArrayBuffer of a
// view (for a Buffer, Node's shared pool), and Node's own hooks return views of
// the bytes that they read.

type ViewConstructor = new (buffer: ArrayBuffer) => NodeJS.ArrayBufferView

/** Names of view types. A view is stored with its index here: append, never reorder. */
export const VIEW_TYPES = [
  'Buffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
]
const BUFFER = VIEW_TYPES.indexOf('Buffer')
const KIND_OF = new Map(VIEW_TYPES.map((name, kind) => [name, kind]))

class ViewSerializer extends DefaultSerializer {
  _writeHostObject(view: NodeJS.ArrayBufferView): void {
    if (!types.isArrayBufferView(view)) throw new TypeError('an object of the host could not be cloned')
    const kind = Buffer.isBuffer(view) ? BUFFER : KIND_OF.get(viewType(view))
    if (kind === undefined) throw new TypeError(`${viewType(view)} could not be cloned`)
    this.writeUint32(kind)
    this.writeUint32(byteLengthOf(view))
    this.writeRawBytes(view)
  }
}

class ViewDeserializer extends DefaultDeserializer {
  _readHostObject(): NodeJS.ArrayBufferView {
    const kind = this.readUint32()
    const bytes = this.readRawBytes(this.readUint32())
    if (kind === BUFFER) return Buffer.from(bytes)
    const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[
      VIEW_TYPES[kind] ?? ''
    ]
    if (View === undefined) throw new DecodeError(`view of unknown kind ${kind}`)
    return new View(Uint8Array.prototype.slice.call(bytes).buffer as ArrayBuffer)
  }
}

/** Version of the format that this Node writes. It cannot read newer ones. */
export const WIRE_VERSION = probe(null)[1] as number

/**
 * Serialises a value by structured clone.
 * @throws {UnserializableValueError} with the path of a part that would not be restored exactly
 * @throws {ValueTooLargeError}
 */
export function serialize(value: unknown, allowance: WriteLimits): Buffer {
  const found = assertStorable(value, allowance)
  const { mayHaveNames } = found
  const serializer = new ViewSerializer()
  serializer.writeHeader()
  try {
    serializer.writeValue(value)
    if (mayHaveNames) {
      serializer.writeValue(PROBE)
      serializer.writeValue(PROBE)
    }
  } catch (error) {
    assertStorable(value, allowance, true)
    // What remains are exotic objects, and getters that return another value the second time.
    throw unserializable(error, allowance)
  }
  let bytes = serializer.releaseBuffer()
  if (mayHaveNames) {
    const { end, written } = readProbe(bytes)
    // More objects than were checked: in named properties of an array, or a getter's second value.
    if (written !== found.objects.size) assertStorable(value, allowance, true)
    bytes = bytes.subarray(0, end)
  }
  assertSizeAllowed(bytes.length, allowance)
  if (mayExceed(bytes.length, found, allowance.memory)) {
    assertMemoryAllowed(memoryOf(bytes, allowance), allowance)
  }
  return bytes
}

/** Restores a value. Throws `DecodeError` for bytes that `serialize` cannot have written. */
export function deserialize(bytes: Buffer, maxMemory: number): unknown {
  if (screenPayload(bytes, WIRE_VERSION, maxMemory) > maxMemory) {
    throw new DecodeError('more memory than a value may take')
  }
  const deserializer = new ViewDeserializer(bytes)
  try {
    deserializer.readHeader()
    return deserializer.readValue()
  } catch (error) {
    throw new DecodeError('unreadable payload', { cause: error })
  }
}

/** Written twice after a value: the second time, V8 writes a reference, which is the number of objects before it. */
const PROBE = {}
/** `o { 0`, then `^` and the number. */
const PROBE_BYTES = 4

function readProbe(bytes: Buffer): { end: number; written: number } {
  let at = bytes.length - 1
  while ((bytes[at - 1] as number) >= 0x80) at--
  let written = 0
  for (let i = bytes.length - 1; i >= at; i--) written = written * 0x80 + ((bytes[i] as number) & 0x7f)
  return { end: at - PROBE_BYTES, written }
}

/** Whether reading a value of this size may take more memory than the limit. */
function mayExceed(
  bytes: number,
  { objects, names, elements, hasIndices }: StorableSummary,
  limit: number,
): boolean {
  if (bytes * MAX_MEMORY_PER_BYTE <= limit) return false
  return hasIndices || maxMemoryOf({ objects: objects.size, names, elements, bytes }) > limit
}

/** Memory for reading the bytes, as a reader estimates it. */
function memoryOf(bytes: Buffer, allowance: WriteLimits): number {
  try {
    return screenPayload(bytes, WIRE_VERSION, allowance.memory)
  } catch (error) {
    throw unserializable(error, allowance)
  }
}

function unserializable(error: unknown, { key }: WriteLimits): UnserializableValueError {
  return new UnserializableValueError(
    'value',
    `not serialisable (${errorMessageOf(error) ?? 'it throws'})`,
    key,
  )
}

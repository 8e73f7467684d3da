import { DefaultDeserializer, DefaultSerializer, serialize as probe } from 'node:v8'
import { UnserializableValueError } from '../errors.js'
import { DecodeError } from './decode-error.js'
import { screen } from './screen.js'
import { assertStorable } from './storable.js'

// A value as bytes, by V8's structured clone. Views (Buffer, typed arrays,
// DataView) go through the two hooks below: V8 itself would write the whole
// ArrayBuffer behind a view (for a Buffer, Node's shared pool), and Node's own
// hooks hand out views into the bytes they read from.

type ViewConstructor = new (buffer: ArrayBuffer) => NodeJS.ArrayBufferView

/** A view is stored with its index here: append, never reorder. */
const VIEWS = [
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
const BUFFER = VIEWS.indexOf('Buffer')
const KIND_OF = new Map(VIEWS.map((name, kind) => [name, kind]))

class ViewSerializer extends DefaultSerializer {
  _writeHostObject(view: NodeJS.ArrayBufferView): void {
    const kind = Buffer.isBuffer(view)
      ? BUFFER
      : KIND_OF.get(Object.prototype.toString.call(view).slice(8, -1))
    if (kind === undefined) throw new TypeError(`${Object.prototype.toString.call(view)} could not be cloned`)
    this.writeUint32(kind)
    this.writeUint32(view.byteLength)
    this.writeRawBytes(view)
  }
}

class ViewDeserializer extends DefaultDeserializer {
  _readHostObject(): NodeJS.ArrayBufferView {
    const kind = this.readUint32()
    const bytes = this.readRawBytes(this.readUint32())
    if (kind === BUFFER) return Buffer.from(bytes)
    const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[VIEWS[kind] ?? '']
    if (View === undefined) throw new DecodeError(`view of unknown kind ${kind}`)
    return new View(Uint8Array.prototype.slice.call(bytes).buffer as ArrayBuffer)
  }
}

/** What this Node writes. Bytes of a newer one are not readable here. */
const WIRE_VERSION = probe(null)[1] as number

export function serialize(value: unknown, key?: string): Buffer {
  assertStorable(value, key)
  const serializer = new ViewSerializer()
  serializer.writeHeader()
  try {
    serializer.writeValue(value)
  } catch (error) {
    assertStorable(value, key, true)
    // Left over: exotic objects, and getters that answer differently the second time.
    throw new UnserializableValueError(
      'value',
      `not serialisable (${error instanceof Error ? error.message : 'it throws'})`,
      key,
    )
  }
  return serializer.releaseBuffer()
}

export function deserialize(bytes: Buffer): unknown {
  screen(bytes, WIRE_VERSION)
  const deserializer = new ViewDeserializer(bytes)
  try {
    deserializer.readHeader()
    return deserializer.readValue()
  } catch (error) {
    throw new DecodeError('unreadable payload', { cause: error })
  }
}

import v8 from 'node:v8'
import { Decoder as CborDecoder, Encoder as CborEncoder } from 'cbor-x'
import * as devalue from 'devalue'
import { Packr } from 'msgpackr'
import * as seroval from 'seroval'
import superjson from 'superjson'
import { decodeValue, encodeValue } from '../dist/codec/codec.js'

const text = (stringify, parse) => ({
  encode: (value) => Buffer.from(stringify(value)),
  decode: (bytes) => parse(bytes.toString()),
})

const packr = new Packr({
  structuredClone: true,
  moreTypes: true,
  useBigIntExtension: true,
  copyBuffers: true,
})
const cborOptions = { structuredClone: true, copyBuffers: true, tagUint8Array: true, pack: false }
const cborEncoder = new CborEncoder(cborOptions)
const cborDecoder = new CborDecoder(cborOptions)
const raw = { compressionThreshold: false }

const deep = (open, levels = 200_000) => Buffer.from(open.repeat(levels))
const times = (n, hex) => Buffer.from(hex.repeat(n), 'hex')
const concat = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part, 'hex')))

/**
 * Serialisers, each with its most faithful options. `forged` is input of an attacker who knows the format: false lengths,
 * endless nesting.
 */
export const CANDIDATES = {
  JSON: {
    ...text(JSON.stringify, JSON.parse),
    forged: [deep('['), deep('{"a":')],
  },
  'node:v8': {
    encode: v8.serialize,
    decode: v8.deserialize,
    forged: [
      concat('ff0f', times(30, '619cb6db0d')),
      concat('ff0f', deep('A\u0001')),
      concat('ff0f42ffffffff0f'),
    ],
  },
  'this codec': {
    encode: (value) => encodeValue(value, raw).bytes,
    decode: (bytes) => decodeValue({ bytes, format: bytes[0] === 0xff ? 1 : 2 }),
    forged: [
      deep('['),
      deep('{"a":'),
      concat('ff0f', times(30, '619cb6db0d')),
      concat('ff0f', deep('A\u0001')),
      concat('ff0f42ffffffff0f'),
    ],
  },
  msgpackr: {
    encode: (value) => Buffer.from(packr.pack(value)),
    decode: (bytes) => packr.unpack(bytes),
    forged: [times(30, 'dd01ffff00'), times(200_000, '91'), concat('c6ffffffff00'), concat('dfffffffff00')],
  },
  'cbor-x': {
    encode: (value) => Buffer.from(cborEncoder.encode(value)),
    decode: (bytes) => cborDecoder.decode(bytes),
    forged: [times(30, '9a01ffff00'), times(200_000, '81'), concat('5affffffff00'), concat('baffffffff00')],
  },
  devalue: {
    ...text(
      (value) => devalue.stringify(value, { Buffer: (it) => Buffer.isBuffer(it) && it.toString('base64') }),
      (json) => devalue.parse(json, { Buffer: (it) => Buffer.from(it, 'base64') }),
    ),
    forged: [
      deep('['),
      Buffer.from('[[-7,4294967295]]'),
      Buffer.from(
        `[[-7,30000000,1,1],${Array.from({ length: 40 }, (_, i) => `[-7,30000000,1,${i + 2}]`)},1]`,
      ),
      Buffer.from(`[${Array.from({ length: 100_000 }, (_, i) => `[${i + 1}]`)},1]`),
    ],
  },
  superjson: {
    ...text(superjson.stringify, superjson.parse),
    forged: [deep('['), Buffer.from('{"json":{},"meta":{"values":{"__proto__.polluted":["Date"]}}}')],
  },
  seroval: {
    ...text(
      (value) => JSON.stringify(seroval.toJSON(value)),
      (json) => seroval.fromJSON(JSON.parse(json)),
    ),
    forged: [deep('[')],
  },
}

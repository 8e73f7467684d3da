import { randomBytes } from 'node:crypto'
import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  COMPRESSION_THRESHOLD,
  DecodeError,
  decodeValue,
  encodeValue,
  type Payload,
} from '../../src/codec/codec.js'

const rows = Array.from({ length: 2000 }, (_, id) => ({
  id,
  name: `Product ${id}`,
  at: new Date(id),
  price: id / 7,
}))
const RAW = (encodeValue(null, { compressionThreshold: false }) as Payload).format
const COMPRESSED = RAW | 0x80

/** A compressed payload: the inflated size, then the bytes of deflate. */
function compressed(size: number, deflated: Buffer): Payload {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(size)
  return { bytes: Buffer.concat([head, deflated]), format: COMPRESSED }
}

describe('large values are compressed', () => {
  test('above the threshold, and are read again', async () => {
    const raw = encodeValue(rows, { compressionThreshold: false }) as Payload
    const pending = encodeValue(rows, { compressionThreshold: COMPRESSION_THRESHOLD })
    expect(pending).toBeInstanceOf(Promise)
    const payload = await pending
    expect(payload.format).toBe(COMPRESSED)
    expect(payload.bytes.length).toBeLessThan(raw.bytes.length / 2)
    expect(await decodeValue(payload)).toStrictEqual(rows)
  })

  test('not below the threshold, and synchronously', () => {
    expect(
      (encodeValue(rows.slice(0, 10), { compressionThreshold: COMPRESSION_THRESHOLD }) as Payload).format,
    ).toBe(RAW)
    const { bytes } = encodeValue(rows, { compressionThreshold: false }) as Payload
    expect(encodeValue(rows, { compressionThreshold: bytes.length })).not.toBeInstanceOf(Promise)
    expect(encodeValue(rows, { compressionThreshold: bytes.length - 1 })).toBeInstanceOf(Promise)
  })

  test.each([2_000, 60_000, 1_000_000])(
    'not when compression saves nothing: %i random bytes',
    async (size) => {
      const value = randomBytes(size)
      const payload = await encodeValue(value, { compressionThreshold: 100 })
      expect(payload.format).toBe(RAW)
      expect(value.equals(decodeValue(payload) as Buffer)).toBe(true)
    },
  )

  test('also when only a part is compressible', async () => {
    const value = { photo: randomBytes(100_000), text: 'The same again. '.repeat(20_000) }
    const payload = await encodeValue(value, { compressionThreshold: 100 })
    expect(payload.format).toBe(COMPRESSED)
    expect(await decodeValue(payload)).toStrictEqual(value)
  })

  test('as they were when they were stored', async () => {
    const value = { list: Array.from({ length: 5000 }, (_, i) => i) }
    const pending = encodeValue(value, { compressionThreshold: 100 })
    value.list.length = 0
    expect(await decodeValue(await pending)).toStrictEqual({
      list: Array.from({ length: 5000 }, (_, i) => i),
    })
  })
})

describe('an invalid compressed payload is refused', () => {
  const plain = (encodeValue(rows, { compressionThreshold: false }) as Payload).bytes
  const zeros = deflateRawSync(Buffer.alloc(50_000_000))

  test.each<[string, Payload]>([
    ['empty', { bytes: Buffer.alloc(0), format: COMPRESSED }],
    ['a size and nothing else', compressed(10, Buffer.alloc(0))],
    ['not deflated', { bytes: plain, format: COMPRESSED }],
    ['gzip', compressed(plain.length, gzipSync(plain))],
    ['brotli', compressed(plain.length, brotliCompressSync(plain))],
    ['a bomb that names a small size', compressed(1000, zeros)],
    ['a bomb that names its size, and holds no value', compressed(50_000_000, zeros)],
    ['a size beyond the limit', compressed(2 ** 32 - 1, zeros)],
    [
      'a size that no deflate stream reaches',
      compressed(100_000_000, deflateRawSync(plain).subarray(0, 1000)),
    ],
    ['a size too large', compressed(plain.length + 1, deflateRawSync(plain))],
    ['a size too small', compressed(plain.length - 1, deflateRawSync(plain))],
    ['size zero', compressed(0, deflateRawSync(Buffer.alloc(0)))],
    ['damaged inside', compressed(plain.length, deflateRawSync(plain.subarray(0, -20)))],
  ])('%s', async (_name, payload) => {
    await expect(decodeValue(payload)).rejects.toBeInstanceOf(DecodeError)
  })

  test('a bomb is stopped at the size it names', async () => {
    const before = process.memoryUsage().arrayBuffers
    await expect(decodeValue(compressed(1000, zeros))).rejects.toBeInstanceOf(DecodeError)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000)
  })

  test('every truncation', async () => {
    const { bytes } = await encodeValue(rows.slice(0, 20), { compressionThreshold: 10 })
    for (let length = 0; length < bytes.length; length++) {
      const attempt = decodeValue({ bytes: bytes.subarray(0, length), format: COMPRESSED })
      await expect(attempt).rejects.toBeInstanceOf(DecodeError)
    }
  })

  test('each flipped bit gives a value or a DecodeError', async () => {
    const { bytes } = await encodeValue(rows.slice(0, 3), { compressionThreshold: 10 })
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      await Promise.resolve(decodeValue({ bytes: damaged, format: COMPRESSED })).catch((error) => {
        expect(error).toBeInstanceOf(DecodeError)
      })
    }
  })
})

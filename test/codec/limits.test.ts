import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  DecodeError,
  decodeValue,
  encodeValue,
  MAX_VALUE_BYTES,
  type Payload,
} from '../../src/codec/codec.js'
import { ValueTooLargeError } from '../../src/errors.js'

const CLONE = 1
const JSON_TEXT = 2
const COMPRESSED = 0x80

const LIMIT = 32 * 1024 * 1024

const encode = (value: unknown, maxBytes = LIMIT) =>
  encodeValue(value, { compressionThreshold: false, maxBytes, key: 'product::1' }) as Payload
const refusal = (value: unknown, maxBytes?: number) => {
  try {
    encode(value, maxBytes)
  } catch (error) {
    if (error instanceof ValueTooLargeError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))]
/** A dense array that repeats the same bytes. */
const repeated = (unit: number[], times: number) =>
  Buffer.concat([
    Buffer.from([0xff, 15, 0x41, ...varint(times)]),
    Buffer.alloc(unit.length * times, Buffer.from(unit)),
    Buffer.from([0x24, 0, ...varint(times)]),
  ])
const bomb = (raw: Buffer, format: number): Payload => {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(raw.length)
  return { bytes: Buffer.concat([size, deflateRawSync(raw)]), format: format | COMPRESSED }
}
/** How many bytes the process holds more after a refusal than before it. */
const refused = async (payload: Payload, maxBytes = LIMIT) => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  await expect((async () => decodeValue(payload, maxBytes))()).rejects.toBeInstanceOf(DecodeError)
  const after = process.memoryUsage()
  return after.heapUsed - heapUsed + after.arrayBuffers - arrayBuffers
}

describe('The writer refuses a value larger than maxBytes', () => {
  test.each<[string, unknown]>([
    ['a Buffer', Buffer.alloc(1_001)],
    ['a string', 'x'.repeat(1_001)],
    ['a wide string', '\u{1f40e}'.repeat(300)],
    [
      'a record',
      { text: 'x'.repeat(240), more: Array.from({ length: 10 }, () => ({ text: 'y'.repeat(100) })) },
    ],
    ['a bigint', 2n ** 9_000n],
    ['many times the same bigint', Array.from({ length: 20 }, () => 2n ** 1_000n)],
    ['many times the same string', Array.from({ length: 20 }, () => 'x'.repeat(100))],
    ['an ArrayBuffer in a Map', new Map([[1, new ArrayBuffer(1_001)]])],
    ['fractions', Array.from({ length: 200 }, (_, i) => i + 0.5)],
    ['long names', Object.fromEntries([['n'.repeat(2_000), 1]])],
  ])('%s', (_name, value) => {
    const error = refusal(value, 1_000)
    expect(error).toMatchObject({
      name: 'ValueTooLargeError',
      code: 'ERR_KEYEDCACHE_VALUE_TOO_LARGE',
      key: 'product::1',
      maxBytes: 1_000,
    })
    expect(error.bytes).toBeGreaterThan(1_000)
    expect(error.message).toMatch(
      /^The value is too large to be stored under "product::1": at least \d+ bytes serialised, more than maxValueBytes \(1000\)\./,
    )
    expect(encode(value, 100_000).bytes.length).toBeGreaterThan(1_000)
  })

  test('exactly: a value of maxBytes is stored, and read', async () => {
    for (const value of ['text', { id: 1, name: 'chair' }, [1.5, 2.5], Buffer.alloc(100)]) {
      const { bytes, format } = encode(value)
      expect(encode(value, bytes.length).bytes.length).toBe(bytes.length)
      expect(refusal(value, bytes.length - 1).bytes).toBeGreaterThanOrEqual(bytes.length)
      expect(await decodeValue({ bytes, format }, bytes.length)).toStrictEqual(value)
      await refused({ bytes, format }, bytes.length - 1)
    }
  })

  test('before it is serialised', () => {
    // 8 GB if it were: the same megabyte, eight thousand times.
    const text = 'x'.repeat(1_000_000)
    const arrayBuffers = process.memoryUsage().arrayBuffers
    for (const value of [
      Array.from({ length: 8_000 }, () => text),
      { rows: Array.from({ length: 8_000 }, (_, id) => ({ id, text })) },
      new Map(Array.from({ length: 8_000 }, (_, id) => [id, text])),
      new Set([Buffer.alloc(40_000_000)]),
    ]) {
      expect(refusal(value).bytes).toBeGreaterThan(LIMIT)
    }
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(60_000_000)
  })

  test('also a value that would take too much memory when it is read', () => {
    for (const value of [
      Array.from({ length: 700_000 }, () => new Map()),
      Array.from({ length: 2_600_000 }, () => []),
      { rows: Array.from({ length: 1_100_000 }, () => ({})) },
      Array.from({ length: 20_000 }, () => ({ at: new Date(5), 999: 1 })),
    ]) {
      const error = refusal(value)
      expect(error.maxBytes).toBe(4 * LIMIT)
      expect(error.message).toContain('bytes in memory, more than maxValueBytes allows (134217728)')
    }
  })
})

describe('An ordinary value is stored and read within 32 MiB', () => {
  // V8 writes an array with an index for each item where it may have holes, which it may think of any: so up to seven
  // bytes for a small number, and not two.
  const listOf = <T>(length: number, of: (at: number) => T): T[] => {
    const list: T[] = []
    for (let at = 0; at < length; at++) list.push(of(at))
    return list
  }

  test.each<[string, () => unknown]>([
    [
      'a table of 200,000 rows and 10 columns',
      () =>
        listOf(200_000, (id) => ({
          id,
          sku: `SKU-${id}`,
          name: 'Chair, oak',
          price: id / 100,
          stock: id % 50,
          active: true,
          size: null,
          colour: 'brown',
          weight: 14,
          since: '2026-01-01',
        })),
    ],
    [
      'the same with a Date',
      () =>
        listOf(200_000, (id) => ({
          id,
          name: `Chair ${id}`,
          a: 1,
          b: 2,
          c: 3,
          d: 4,
          e: 5,
          at: new Date(id),
        })),
    ],
    ['2 million fractions', () => listOf(2_000_000, (at) => at + 0.5)],
    ['4 million small numbers', () => listOf(4_000_000, () => 7)],
    ['4 million nulls', () => listOf(4_000_000, () => null)],
    ['half a million points', () => listOf(500_000, (id) => ({ x: id / 3, y: id / 7 }))],
    ['a million pairs', () => listOf(1_000_000, (id) => [id / 3, id / 7])],
    [
      'a Map of a million texts',
      () => new Map(Array.from({ length: 1_000_000 }, (_, id) => [id, `text ${id}`])),
    ],
    [
      'a dictionary of 500,000 names',
      () => Object.fromEntries(Array.from({ length: 500_000 }, (_, i) => [`s${i}`, i])),
    ],
    ['a Buffer of 32 MB', () => Buffer.alloc(32_000_000, 7)],
    ['a text of 16 million characters', () => 'ž'.repeat(16_000_000)],
    ['5,000 objects with an index name', () => listOf(5_000, (id) => ({ 404: id, 500: new Date(id) }))],
  ])('%s', async (_name, make) => {
    const value = make()
    const decoded = await decodeValue(encode(value), LIMIT)
    const size = (it: unknown) => {
      if (Array.isArray(it) || typeof it === 'string') return it.length
      return it instanceof Map ? it.size : Object.keys(it as object).length
    }
    if (!Buffer.isBuffer(value)) expect(size(decoded)).toBe(size(value))
    else expect(value.equals(decoded as Buffer)).toBe(true)
  })
})

describe('The reader refuses', () => {
  test('a payload that would inflate to more than maxBytes, before it inflates', async () => {
    const payload = bomb(Buffer.from(`[${'[],'.repeat(20_000_000 - 1)}[]]`), JSON_TEXT)
    expect(payload.bytes.length).toBeLessThan(100_000)
    expect(await refused(payload)).toBeLessThan(1_000_000)
  })

  const MANY = 8_000_000
  test.each<[string, Payload]>([
    ['small arrays of JSON', bomb(Buffer.from(`[${'[],'.repeat(MANY)}[]]`), JSON_TEXT)],
    ['small objects of JSON', bomb(Buffer.from(`[${'{},'.repeat(MANY)}{}]`), JSON_TEXT)],
    ['nested arrays of JSON', bomb(Buffer.from('['.repeat(MANY) + ']'.repeat(MANY)), JSON_TEXT)],
    ['empty Maps', bomb(repeated([0x3b, 0x3a, 0], MANY), CLONE)],
    ['empty Sets', bomb(repeated([0x27, 0x2c, 0], MANY), CLONE)],
    ['empty objects', bomb(repeated([0x6f, 0x7b, 0], MANY), CLONE)],
    ['empty arrays', bomb(repeated([0x41, 0, 0x24, 0, 0], MANY / 2), CLONE)],
    ['empty sparse arrays', bomb(repeated([0x61, 0, 0x40, 0, 0], MANY / 2), CLONE)],
    ['Dates', bomb(repeated([0x44, 0, 0, 0, 0, 0, 0, 0, 0], MANY / 4), CLONE)],
    ['bigints', bomb(repeated([0x5a, 0], MANY), CLONE)],
    ['ArrayBuffers', bomb(repeated([0x42, 0], MANY), CLONE)],
    ['views', bomb(repeated([0x5c, 3, 0], MANY), CLONE)],
    ['RegExps', bomb(repeated([0x52, 0x22, 1, 0x61, 0], MANY / 2), CLONE)],
    ['short texts', bomb(repeated([0x22, 1, 0x61], MANY), CLONE)],
    ['index names', bomb(repeated([0x6f, 0x49, ...varint(2_000), 0x5f, 0x7b, 1], MANY / 4), CLONE)],
    [
      'index names as doubles',
      bomb(repeated([0x6f, 0x4e, 0, 0, 0, 0, 0, 0x40, 0x8f, 0x40, 0x5f, 0x7b, 1], MANY / 8), CLONE),
    ],
    [
      'index names as texts',
      bomb(repeated([0x6f, 0x22, 3, 0x39, 0x39, 0x39, 0x5f, 0x7b, 1], MANY / 4), CLONE),
    ],
    ['index names as wide texts', bomb(repeated([0x6f, 0x63, 2, 0x39, 0, 0x5f, 0x7b, 1], MANY / 4), CLONE)],
    ['holes', bomb(repeated([0x2d], 4 * MANY), CLONE)],
  ])('a bomb of %s', async (_name, payload) => {
    expect(payload.bytes.length).toBeLessThan(200_000)
    // The inflated bytes, without any decoded object.
    expect(await refused(payload)).toBeLessThan(100_000_000)
  })

  test('an uncompressed payload with too many objects', async () => {
    const [maps, indices] = [
      repeated([0x3b, 0x3a, 0], 700_000),
      repeated([0x6f, 0x49, ...varint(2_000), 0x5f, 0x7b, 1], 20_000),
    ]
    expect(await refused({ bytes: maps, format: CLONE })).toBeLessThan(10_000_000)
    expect(await refused({ bytes: indices, format: CLONE })).toBeLessThan(10_000_000)
  })

  test('patterns that take long to compile', async () => {
    const pattern = (source: string) => [0x52, 0x22, ...varint(source.length), ...Buffer.from(source), 0]
    const forged = (source: string, times: number) => ({
      bytes: repeated(pattern(source), times),
      format: CLONE,
    })
    await refused(forged('a'.repeat(30_000), 1))
    await refused(forged('a'.repeat(300), 100))
    await refused(forged('\\p{L}'.repeat(300), 1))
    await refused(forged('\\P{L}', 300))
    expect(await decodeValue(forged('\\p{L}+', 100), LIMIT)).toHaveLength(100)
  })

  test('a value that a process with a larger limit has written', async () => {
    const { bytes, format } = encode({ text: 'x'.repeat(10_000) }, MAX_VALUE_BYTES)
    expect(await decodeValue({ bytes, format })).toEqual({ text: 'x'.repeat(10_000) })
    await refused({ bytes, format }, 10_000)
    await refused(bomb(bytes, format), 10_000)
  })
})

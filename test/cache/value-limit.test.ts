import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from '../../src/codec/codec.js'
import { createCache } from '../../src/create-cache.js'
import { MAX_FRAME_BYTES } from '../../src/entry/layout.js'
import { describeOnEveryBackend } from '../helpers/backends.js'

const LIMIT = 100_000

describeOnEveryBackend('A value beyond maxValueBytes', (open) => {
  const large = {
    'a string': () => 'x'.repeat(LIMIT + 1),
    'a Buffer': () => randomBytes(LIMIT + 1),
    'a record': () => ({ list: Array.from({ length: 20_000 }, (_, n) => ({ n })) }),
    'a Map of large strings': () => new Map([[1, 'é'.repeat(LIMIT)]]),
  }
  for (const [what, make] of Object.entries(large)) {
    test(`is refused by set before it is sent, and the stored value stays: ${what}`, async () => {
      const cache = open({ maxValueBytes: LIMIT })
      await cache.set('a', 'old')
      const setting = cache.set('a', make())
      await expect(setting).rejects.toMatchObject({
        code: 'ERR_KEYEDCACHE_VALUE_TOO_LARGE',
        key: 'a',
        maxBytes: expect.any(Number),
      })
      await expect(setting).rejects.toThrow('maxValueBytes')
      expect(await cache.get('a')).toBe('old')
    })

    test(`is returned by getOrSet, and not stored: ${what}`, async () => {
      const logger = { warn: vi.fn<(message: string) => void>() }
      const cache = open({ maxValueBytes: LIMIT, logger })
      const value = make()
      for (let n = 0; n < 2; n++) {
        const found = await cache.getOrSet('a::b', () => value)
        expect(isDeepStrictEqual(found, value)).toBe(true)
      }
      expect(await cache.has('a::b')).toBe(false)
      expect(cache.processStats().totals).toMatchObject({ computations: 2, unstorable: 2 })
      const warnings = logger.warn.mock.calls.flat().filter((text) => text.includes('maxValueBytes'))
      expect(warnings).toHaveLength(1)
    })
  }

  test('is stored up to the limit, compressed or not', async () => {
    for (const compressionThreshold of [false, 1_000] as const) {
      const cache = open({ maxValueBytes: LIMIT, compressionThreshold })
      const value = 'x'.repeat(LIMIT - 100)
      expect(await cache.set('a', value)).toBe(true)
      expect(await cache.get('a')).toBe(value)
    }
  })

  test('stored by a process with a higher limit is a miss, also when compressed', async () => {
    for (const compressionThreshold of [false, 1_000] as const) {
      const [small, great] = [open({ maxValueBytes: LIMIT }), open({ compressionThreshold })]
      await great.set('a', 'x'.repeat(2 * LIMIT))
      expect(await small.get('a')).toBeUndefined()
      expect(await small.inspect('a')).toMatchObject({ state: 'missing', reason: 'undecodable' })
      expect(await small.getOrSet('a', () => 'computed')).toBe('computed')
      expect(await great.get('a')).toBe('computed')
    }
  })
})

describe('The option maxValueBytes', () => {
  test('is a whole number of bytes, 64 MiB at most', () => {
    for (const maxValueBytes of [
      0,
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      '1mb',
      null,
      MAX_VALUE_BYTES + 1,
    ])
      expect(() => createCache({ store: 'memory', maxValueBytes: maxValueBytes as never })).toThrow(
        'maxValueBytes',
      )
  })

  test('leaves room for the frame around the largest value', () => {
    // 33 generations, and the head of a body.
    expect(MAX_FRAME_BYTES - MAX_VALUE_BYTES).toBeGreaterThan(64 * 1024)
    expect(DEFAULT_VALUE_BYTES).toBeLessThanOrEqual(MAX_VALUE_BYTES)
  })
})

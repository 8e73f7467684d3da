import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_VALUE_BYTES, encodeValue } from '../../src/codec/codec.js'
import { encodeBody } from '../../src/entry/body.js'
import { expireFrame } from '../../src/entry/expiry.js'
import { composeFrame, composeValue, firstBrokenGeneration, parseFrame } from '../../src/entry/frame.js'
import {
  composeGeneration,
  eraOf,
  expireGeneration,
  isGeneration,
  joinGenerations,
  MAX_ERA,
  parseGeneration,
} from '../../src/entry/generation.js'
import { ID_BYTES } from '../../src/entry/layout.js'
import { encodeProvenance } from '../../src/entry/provenance.js'
import { MAX_SEGMENTS } from '../../src/key/segment-count.js'
import { checkLiveness } from '../../src/store/liveness.js'
import { entryStateOf } from '../../src/tiers/entry-state.js'

const id = fc.uint8Array({ minLength: ID_BYTES, maxLength: ID_BYTES }).map((bytes) => Buffer.from(bytes))
const generations = fc.array(id, { minLength: 1, maxLength: 32 })

const WRITTEN_AT = 1_790_000_000_000

function frameOf(value: unknown, above: Buffer[], frameId = Buffer.alloc(ID_BYTES, 7)): Buffer {
  return composeFrame('value', frameId, above, bodyOf(value))
}

function bodyOf(value: unknown): Buffer {
  const payload = encodeValue(value, { compressionThreshold: false })
  if (payload instanceof Promise) throw new Error('unexpectedly compressed')
  const facts = { format: payload.format, payload: payload.bytes, ttlMs: 300_000, writtenBy: 'host:1' }
  return encodeBody(facts, WRITTEN_AT)
}

const standing = (above: Buffer[]) => above.map((one) => composeGeneration(one, true))

/** What a reader comes to: the value, or that it is a miss. */
async function read(frame: Buffer, above: Buffer[]): Promise<{ value: unknown } | 'miss'> {
  const reading = { frame, generations: standing(above), now: WRITTEN_AT + 1 }
  const found = await entryStateOf(reading, DEFAULT_VALUE_BYTES)
  return found.state === 'fresh' ? { value: found.value } : 'miss'
}

describe('A frame', () => {
  test('is parsed to its parts', async () => {
    await fc.assert(
      fc.asyncProperty(id, generations, fc.jsonValue(), async (own, above, value) => {
        const frame = frameOf(value, above, own)
        expect(parseFrame(frame)).toMatchObject({ kind: 'value', id: own, generations: above.length })
        expect(await read(frame, above)).toEqual({ value: structuredClone(value) })
      }),
    )
  })

  test('is live only while each generation above it is unchanged', () => {
    fc.assert(
      fc.property(generations, fc.nat(), (above, at) => {
        const position = at % above.length
        const frame = frameOf(1, above)
        const replaced = standing(above).map((one, index) =>
          index === position ? composeGeneration(Buffer.alloc(ID_BYTES, 0xee), true) : one,
        )
        const absent = standing(above).map((one, index) => (index === position ? null : one))
        expect(firstBrokenGeneration(frame, standing(above))).toBe(-1)
        expect(firstBrokenGeneration(frame, replaced)).toBe(position)
        expect(firstBrokenGeneration(frame, absent)).toBe(position)
        expect(checkLiveness({ frame, generations: standing(above).slice(1) }).live).toBe(false)
        expect(
          checkLiveness({
            frame,
            generations: [...standing(above), composeGeneration(Buffer.alloc(ID_BYTES), true)],
          }).live,
        ).toBe(false)
      }),
    )
  })

  test('contains the provenance of a delete, and is valid with damaged provenance', () => {
    const provenance = { at: 1_790_000_000_000, process: 'host:1', route: 'POST /p', user: 'anna' }
    const info = encodeProvenance(provenance)
    expect(parseFrame(composeFrame('tombstone', Buffer.alloc(ID_BYTES), [], info))).toMatchObject({
      kind: 'tombstone',
      provenance,
    })
    expect(parseGeneration(composeGeneration(Buffer.alloc(ID_BYTES), false, info))).toMatchObject({
      inUse: false,
      provenance,
    })
    for (const broken of ['{', '{}', '[]', 'null', '{"at":"x","process":1}', '{"__proto__":{"at":1}}']) {
      const frame = parseFrame(composeFrame('tombstone', Buffer.alloc(ID_BYTES), [], Buffer.from(broken)))
      expect(frame).toMatchObject({ kind: 'tombstone', provenance: undefined })
    }
  })
})

describe('Damaged bytes are a miss, never a wrong value', () => {
  const value = { name: 'Lamp', price: 4_990, tags: ['a', 'b'], at: new Date(0), nested: new Map([[1, 2n]]) }
  const above = [Buffer.alloc(ID_BYTES, 1), Buffer.alloc(ID_BYTES, 2)]
  const frame = frameOf(value, above)
  const harmless = async (damaged: Buffer) => {
    const result = await read(damaged, above)
    if (result !== 'miss') expect(result.value).toEqual(value)
    return result
  }

  test('at every truncation', async () => {
    for (let length = 0; length < frame.length; length++)
      expect(await harmless(frame.subarray(0, length))).toBe('miss')
  })

  test('at every flipped bit', async () => {
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const damaged = Buffer.from(frame)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      const result = await harmless(damaged)
      // Only a frame's own id says nothing about its value.
      if (result !== 'miss') expect(bit >> 3).toSatisfy((byte: number) => byte >= 4 && byte < 16)
    }
  })

  test('wherever bytes are overwritten, removed or inserted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(frame.length - 1),
        fc.nat(20),
        fc.uint8Array({ maxLength: 20 }),
        async (at, cut, put) => {
          const damaged = Buffer.concat([frame.subarray(0, at), put, frame.subarray(at + cut)])
          if (!damaged.equals(frame)) await harmless(damaged)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('also with the marks of soft expiries, at any mark', async () => {
    const who = encodeProvenance({ at: WRITTEN_AT, process: 'host:1', user: 'anna\n~' })
    const own = expireFrame(frame, Buffer.alloc(ID_BYTES, 8), true, WRITTEN_AT + 5, who)
    const joined = joinGenerations(standing(above).map((one) => expireGeneration(one, WRITTEN_AT, who)))
    const below = composeValue(Buffer.alloc(ID_BYTES, 9), joined as Buffer, bodyOf(value))
    const stale = async (damaged: Buffer, generations = standing(above)) => {
      const reading = { frame: damaged, generations, now: WRITTEN_AT + 10 }
      const found = await entryStateOf(reading, DEFAULT_VALUE_BYTES)
      if (found.state !== 'missing') expect(found).toMatchObject({ value, state: 'stale' })
      return found.state
    }
    for (const marked of [own, below]) {
      expect(await stale(marked)).toBe('stale')
      const marksAt = frame.length - bodyOf(value).length
      for (let length = 0; length < marked.length; length++)
        expect(await stale(marked.subarray(0, length))).toBe('missing')
      // A checksum does not cover them, so they must be digits; more of who did it than there is cuts off the value.
      for (const digit of ['/', ':', '-', ' ', 'x', '\0', '\xff']) {
        for (let at = marksAt; at < marksAt + 32; at++) {
          const damaged = Buffer.from(marked)
          damaged.write(digit, at, 'latin1')
          expect(await stale(damaged)).toBe('missing')
          // Of a body that is cut off too there is nothing to read.
          for (const length of [32, 33, 35, 36, 60])
            expect(await stale(damaged.subarray(0, marksAt + length))).toBe('missing')
        }
      }
      const longest = Buffer.from(marked)
      longest.write('9999', marksAt + 28)
      expect(await stale(longest)).toBe('missing')
    }
  })

  test('at any bytes', async () => {
    const foreign = [
      '',
      'hello',
      '{"a":1}',
      'kc',
      'kc\x01',
      'kc\x02V',
      '\x1f\x8b\x08\0',
      'a:1:{i:0;i:1;}',
      '\x82\xa1a\x01',
    ]
    for (const text of foreign) expect(await harmless(Buffer.from(text, 'latin1'))).toBe('miss')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect(await harmless(Buffer.from(bytes))).toBe('miss')
        for (const kind of ['V', 'E'])
          expect(await harmless(Buffer.concat([Buffer.from(`kc\x01${kind}`, 'latin1'), bytes]))).toBe('miss')
      }),
      { numRuns: 1_000 },
    )
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('The next era of a generation', () => {
  const eraAfter = (before: number, now: number) => {
    const marked = `1234567890121~${String(before).padStart(14, '0')}${'0'.repeat(14)}\n`
    return eraOf(expireGeneration(Buffer.from(marked), now, Buffer.alloc(0)))
  }
  const NOW = 1_790_000_000_000.25

  test('is the time, so that an era that was lost does not come again', () => {
    expect(eraAfter(0, NOW)).toBe(1_790_000_000_000)
    expect(eraAfter(1, NOW)).toBe(1_790_000_000_000)
    expect(
      eraOf(expireGeneration(composeGeneration(Buffer.alloc(ID_BYTES), true), NOW, Buffer.alloc(0))),
    ).toBe(1_790_000_000_000)
  })

  test('is a later one, also while the clock is behind, or before all time', () => {
    expect(eraAfter(1_790_000_000_000, NOW)).toBe(1_790_000_000_001)
    expect(eraAfter(1_790_000_000_500, NOW)).toBe(1_790_000_000_501)
    expect(eraAfter(7, -5)).toBe(8)
  })

  test('is a valid one, also when the clock is far ahead', () => {
    const next = expireGeneration(
      composeGeneration(Buffer.alloc(ID_BYTES), true),
      32_000_000_000_000,
      Buffer.alloc(0),
    )
    expect(isGeneration(next)).toBe(true)
    expect(eraOf(next)).toBe(1)
  })

  test('fits, with those of all ancestors, into a frame', () => {
    const latest = Buffer.from(`1234567890121~${String(MAX_ERA - 1).padStart(14, '0')}${'0'.repeat(14)}\n`)
    const all = Array.from({ length: MAX_SEGMENTS + 1 }, () => expireGeneration(latest, NOW, Buffer.alloc(0)))
    expect(all.every(isGeneration)).toBe(true)
    const joined = joinGenerations(all) as Buffer
    expect(joined.toString('latin1', joined.length - 14)).toBe(String(MAX_ERA * all.length).padStart(14, '0'))
    const frame = composeValue(Buffer.alloc(ID_BYTES, 9), joined, bodyOf('value'))
    expect(checkLiveness({ frame, generations: all })).toMatchObject({ live: true, expiredAt: undefined })
  })
})

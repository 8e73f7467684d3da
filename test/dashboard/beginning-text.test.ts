import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeValue, type Payload } from '../../src/codec/codec.js'
import { UnbuiltValue } from '../../src/codec/unbuilt.js'
import { VALUE_FIELD } from '../../src/dashboard/masking/name-value-fields.js'
import { MASKED, SecretNames } from '../../src/dashboard/masking/secret-names.js'
import { beginningText, valueText } from '../../src/dashboard/value-text.js'

/** With a flag that TypeScript does not take in a literal yet. */
const IN_SETS = '[\u017e]'

const secrets = new SecretNames()
const wholeText = (value: unknown, longest?: number) =>
  [...valueText(value, secrets, longest ? { longest } : {})].join('')
/** The beginning of the text of a whole value. */
function wholeBeginning(value: unknown, length: number, longest?: number): string {
  let text = ''
  for (const piece of valueText(value, secrets, longest ? { longest } : {})) {
    text += piece
    if (text.length >= length) break
  }
  return text
}

const pause = async () => undefined

async function beginningOf(payload: Payload, bytes?: number) {
  return await new UnbuiltValue(payload).beginning(pause, bytes)
}

async function textOf(payload: Payload, bytes?: number, longest?: number): Promise<string> {
  const beginning = await beginningOf(payload, bytes)
  return [...beginningText(beginning, secrets, longest ? { longest } : {})].join('')
}

const encode = (value: unknown, compressionThreshold: number | false = false) =>
  encodeValue(value, { compressionThreshold }) as Promise<Payload>

/** The text without the sizes of collections, which are not known before their ends. */
const unsized = (text: string) => text.replace(/(Map|Set)\((?:\d+|…)\) \{/g, '$1 {')

// In a cut object what stands under `value` is masked: a name that says so may come later.
const name = fc
  .oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('a', 'b', '7', '1000', '__proto__', 'length', 'žluť', 'x y', '\u{1f40e}'),
  )
  .filter((text) => !VALUE_FIELD.test(text))
const leaf = fc.oneof(
  ...[fc.constant(undefined), fc.constant(null), fc.boolean(), fc.integer(), fc.double(), fc.bigInt()],
  ...[fc.string({ maxLength: 40, unit: 'grapheme' }), fc.string({ maxLength: 40, unit: 'binary' })],
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(/a"\/b+/dgimsuy, new RegExp(IN_SETS, 'v'), /(?:)/, 2n ** 20_000n, -(2n ** 16_384n)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.oneof(fc.uint8Array(), fc.int8Array(), fc.float64Array(), fc.uint32Array(), fc.bigInt64Array()),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => bytes.slice().buffer),
  fc.uint8Array({ minLength: 2, maxLength: 9 }).map((bytes) => new DataView(bytes.slice().buffer, 1)),
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    leaf,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.sparseArray(tie('value'), { maxNumElements: 6 }),
    fc.dictionary(name, tie('value'), { maxKeys: 6 }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 5 }).map((members) => new Set(members)),
    tie('value').map((shared) => [shared, { again: shared }, new Map([[shared, shared]])]),
    fc.array(tie('value'), { maxLength: 3 }).map((members) => {
      const cycle: unknown[] = [...members]
      cycle.push({ cycle })
      return cycle
    }),
  ),
}))

describe('The text of the beginning of a value', () => {
  test('is the text of the whole value when all of it was read', async () => {
    await fc.assert(
      fc.asyncProperty(value, async (whole) => {
        for (const compressionThreshold of [false, 0] as const) {
          const payload = await encode(whole, compressionThreshold)
          const beginning = await beginningOf(payload)
          expect(beginning.isDamaged).toBe(false)
          expect([...beginningText(beginning, secrets)].join('')).toBe(wholeText(whole))
        }
      }),
    )
  })

  test('is a prefix of the text of the whole value, at each cut', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.double({ min: 0, max: 1, noNaN: true }), async (whole, share) => {
        for (const compressionThreshold of [false, 0] as const) {
          const payload = await encode(whole, compressionThreshold)
          const { bytes } = new UnbuiltValue(payload)
          const beginning = await beginningOf(payload, Math.floor(share * bytes))
          const text = [...beginningText(beginning, secrets)].join('')
          expect(beginning.isDamaged).toBe(false)
          expect(unsized(wholeText(whole)).startsWith(unsized(text))).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('contains no part of a name that is cut, since its end decides on quotation marks', async () => {
    const whole = [new Date(0), { '': [1], 'x y': [2], ab: new Date(1) }]
    for (const compressionThreshold of [false, 0] as const) {
      const payload = await encode(whole, compressionThreshold)
      for (let end = 0; end <= new UnbuiltValue(payload).bytes; end++)
        expect(wholeText(whole).startsWith(await textOf(payload, end))).toBe(true)
    }
  })

  test('contains no part of a secret that is cut', async () => {
    const secretValues = {
      ...{ password: 'hunter2', token: Buffer.from('hunter2'), more: { apiKey: ['hunter2', ['hunter2']] } },
      pairs: [
        { value: 'hunter2', name: 'Cookie' },
        { val: { a: 'hunter2' }, label: 'Set-Cookie' },
      ],
      headers: ['Accept', '*', 'Authorization', 'hunter2', 'x', 'y'],
      map: new Map([
        ['session', 'hunter2'],
        ['seen', `password=hunter2&token=hunter2`],
      ]),
      text: 'Authorization: Bearer hunter2hunter2, {"password":"hunter2"} https://anna:hunter2@host/',
    }
    for (const holder of [
      secretValues,
      [secretValues],
      new Map([[secretValues, 1]]),
      { a: secretValues, 1: 5 },
    ])
      for (const payload of [await encode(holder), await encode(JSON.parse(JSON.stringify(holder)))]) {
        const { bytes } = new UnbuiltValue(payload)
        for (let end = 0; end <= bytes; end++) {
          const text = await textOf(payload, end)
          // From three letters on.
          expect(text).not.toMatch(/hun|68 75 6e|104, 117, 110/)
        }
      }
  })

  test('omits the end of a text that is cut, since it may be the beginning of a secret', async () => {
    const token = `ghp_${'a1B2'.repeat(9)}`
    const text = `${'word '.repeat(4_000)}${token} ${'word '.repeat(4_000)}`
    for (const whole of [
      text,
      [text],
      new Map([['k', text]]),
      { text },
      new Map([[text, 1]]),
      { [text]: 1 },
    ]) {
      const payload = await encode(whole)
      const at = payload.bytes.indexOf(token)
      for (const end of [at + 4, at + 10, at + 23]) {
        const beginning = await textOf(payload, end)
        expect(unsized(wholeText(whole)).startsWith(unsized(beginning))).toBe(true)
        expect(beginning.length).toBeGreaterThan(10_000)
        expect(beginning).not.toContain('ghp_')
      }
    }
    const encoded = Buffer.from(JSON.stringify({ a: 'žluť'.repeat(9_000), password: 'x' })).toString('base64')
    const secret = Buffer.from(JSON.stringify({ password: 'hunter2'.repeat(9_000), ž: 'ž' })).toString(
      'base64',
    )
    for (const whole of [encoded, secret]) {
      const payload = await encode([whole])
      for (let end = 40_000; end < 40_016; end++)
        expect((await textOf(payload, end)).includes(secret.slice(0, 40))).toBe(false)
    }
  })

  test('masks an object that appears again under the name of a secret', async () => {
    const shared = { a: 'hunter2' }
    const payload = await encode([shared, { password: shared }, 'seen', 'x'.repeat(100_000)])
    expect(await textOf(payload, 90_000)).toMatch(/^\[\n {2}\[masked\],\n {2}\{\n {4}password: \[masked\]/)
  })

  test.each([
    ['a bigint', 12_345_678_901_234_567_890n ** 5_000n, /^\[a bigint of 317\d{3} bits\] 0x[1-9a-f]/],
    ['a negative bigint', -(1n << 8_000_000n), /^\[a bigint of 8000001 bits\] -0x1000/],
    ['a text', 'x'.repeat(900_000), /^"xxxx/],
    ['a wide text', 'ž'.repeat(900_000), /^"žžžž/],
    [
      'a text in a Map',
      new Map([
        ['k', 'x'.repeat(900_000)],
        ['l', 'y'],
      ]),
      /^Map\(…\) \{\n {2}"k" => "xxxx/,
    ],
    ['a text that is a key of a Map', new Map([['x'.repeat(900_000), 1]]), /^Map\(…\) \{\n {2}"xxxx/],
    ['a text that is a name', { ['x'.repeat(900_000)]: 1 }, /^\{\n {2}"xxxx/],
    ['a Buffer', Buffer.alloc(900_000, 1), /^Buffer\(900000\) 01 01 01/],
    ['an ArrayBuffer', new Uint8Array(900_000).fill(1).buffer, /^ArrayBuffer\(900000\) 01 01 01/],
    ['a typed array', new Float64Array(100_000).fill(1.5), /^Float64Array\(100000\) \[1\.5, 1\.5, 1\.5/],
    ['a DataView', new DataView(new ArrayBuffer(900_000)), /^DataView\(900000\) 00 00 00/],
    ['a Set', new Set(Array.from({ length: 300_000 }, (_, at) => at)), /^Set\(…\) \{\n {2}0,\n {2}1,/],
    ['an array', Array.from({ length: 300_000 }, (_, at) => at), /^\[\n {2}0,\n {2}1,\n {2}2/],
    ['Dates', Array.from({ length: 60_000 }, () => new Date(0)), /^\[\n {2}Date 1970-01-01T00:00:00\.000Z,/],
    [
      'a sparse array',
      Object.assign([], { 5: 'a', 9000: 'x'.repeat(900_000) }),
      /^\[\n {2}\[5 empty\],\n {2}"a",\n {2}\[8994 empty\],\n {2}"xxx/,
    ],
    [
      'rows',
      Array.from({ length: 30_000 }, (_, id) => ({ id, on: new Date(0) })),
      /^\[\n {2}\{\n {4}id: 0,\n {4}on: Date/,
    ],
    [
      'records',
      Array.from({ length: 30_000 }, (_, id) => ({ id, name: 'x' })),
      /^\[\n {2}\{\n {4}id: 0,\n {4}name: "x"/,
    ],
  ])('shows %s as in the whole text', async (_, whole, expected) => {
    for (const compressionThreshold of [false, 1_000] as const) {
      const payload = await encode(whole, compressionThreshold)
      const text = await textOf(payload, undefined, 40_000)
      expect(text.length).toBeGreaterThan(20_000)
      expect(text).toMatch(expected)
      const expectedText = unsized(wholeBeginning(whole, 21_000, 40_000))
      expect(expectedText.startsWith(unsized(text).slice(0, 20_000))).toBe(true)
    }
  })

  test('is as deep as the whole text', async () => {
    let whole: unknown = new Map([['x', 'y'.repeat(900_000)]])
    for (let level = 0; level < 990; level++) whole = level % 2 ? [whole] : { whole }
    expect(await textOf(await encode(whole))).toBe(
      wholeText(whole).slice(0, wholeText(whole).indexOf('…') + 2),
    )
  })
})

describe('A value whose unread rest may make it secret', () => {
  test.each([
    [{ value: 'x', name: 'y', rest: 'z'.repeat(500) }, `{\n  value: ${MASKED},\n  name: "y",\n  rest: "`],
    [{ value: 'x'.repeat(500) }, `{\n  value: ${MASKED}`],
    [{ values: [1n, 'x'.repeat(500)] }, `{\n  values: ${MASKED}`],
    [[{ value: 'x', name: 'y' }, 'z'.repeat(500)], '[\n  {\n    value: "x",\n    name: "y",\n  },\n  "'],
  ])('is masked unless it is too large for a secret: %#', async (whole, expected) => {
    expect(await textOf(await encode(whole), 100)).toBe(expected)
  })
})

describe('The beginning of damaged bytes', () => {
  test.each([
    ['rows', Array.from({ length: 40_000 }, (_, id) => ({ id, on: new Date(0) }))],
    ['records', Array.from({ length: 40_000 }, (_, id) => ({ id, name: 'x' }))],
    ['a text', { text: 'x'.repeat(2_000_000), end: 1n }],
  ])('is shown when the damage comes later: %s', async (_, whole) => {
    for (const compressionThreshold of [false, 1_000] as const) {
      const { bytes, format } = await encode(whole, compressionThreshold)
      const payload = { bytes: Buffer.from(bytes), format }
      payload.bytes.fill(0xee, Math.ceil(bytes.length * 0.6))
      const beginning = await beginningOf(payload)
      expect(beginning.isDamaged).toBe(false)
      const text = [...beginningText(beginning, secrets)].join('')
      expect(text.length).toBeGreaterThan(40_000)
      expect(wholeBeginning(whole, text.length).startsWith(text)).toBe(true)
    }
  })

  test('contains all that can be read', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.nat(), fc.nat(255), async (whole, place, byte) => {
        for (const compressionThreshold of [false, 0] as const) {
          const { bytes, format } = await encode(whole, compressionThreshold)
          const damaged = Buffer.from(bytes)
          damaged[place % bytes.length] = byte
          const beginning = await beginningOf({ bytes: damaged, format })
          expect(typeof [...beginningText(beginning, secrets)].join('')).toBe('string')
          const cut = await beginningOf({ bytes: bytes.subarray(0, place % bytes.length), format })
          expect([...beginningText(cut, secrets)].join('').length).toBeLessThanOrEqual(
            wholeText(whole).length,
          )
          // Of compressed bytes the last ones may be missing, and nothing of what they hold.
          if (compressionThreshold === false) expect(cut.isDamaged).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('ends at the damage', async () => {
    const { bytes, format } = await encode([1, new Date(0), { a: 'x' }, 'end'])
    const damaged = Buffer.from(bytes)
    damaged[bytes.indexOf('"\u0001x')] = 0x21
    const beginning = await beginningOf({ bytes: damaged, format })
    expect(beginning.isDamaged).toBe(true)
    expect([...beginningText(beginning, secrets)].join('')).toBe(
      '[\n  1,\n  Date 1970-01-01T00:00:00.000Z,\n  {\n    a: ',
    )
    const unknown = await beginningOf({ bytes, format: 77 })
    expect(unknown).toMatchObject({ isDamaged: true })
    expect([...beginningText(unknown, secrets)].join('')).toBe('')
  })

  test.each([
    [
      'as many Maps as fit',
      Buffer.concat([Buffer.from([0xff, 0x0f, 0x27]), Buffer.from(';:\0'.repeat(500_000))]),
    ],
    [
      'objects with a large index each',
      Buffer.concat([
        Buffer.from([0xff, 0x0f, 0x27]),
        Buffer.from('oI\x80\x0f_{\x01'.repeat(100_000), 'latin1'),
      ]),
    ],
    [
      'arrays of a false length',
      Buffer.concat([
        Buffer.from([0xff, 0x0f, 0x27]),
        Buffer.from('a\xff\xff\xff\x7f@\0\xff\xff\xff\x7f'.repeat(50_000), 'latin1'),
      ]),
    ],
    [
      'a long array of nothing',
      Buffer.concat([
        Buffer.from([0xff, 0x0f]),
        Buffer.from('A\xff\xff\xff\x7f', 'latin1'),
        Buffer.alloc(700_000, '-'),
      ]),
    ],
    [
      'levels without end',
      Buffer.concat([Buffer.from([0xff, 0x0f]), Buffer.alloc(700_000, '\x41\x01', 'latin1')]),
    ],
  ])('takes little memory for %s', async (_, bytes) => {
    const before = process.memoryUsage().heapUsed
    const beginning = await beginningOf({ bytes, format: 1 })
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024)
    expect(wholeText(beginning.value).length).toBeGreaterThan(0)
  })
})

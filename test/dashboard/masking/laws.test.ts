import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskedText, maskText } from '../../../src/dashboard/masking/mask-text.js'
import { SecretNames } from '../../../src/dashboard/masking/secret-names.js'
import { valueText } from '../../../src/dashboard/value-text.js'

const secrets = new SecretNames()
const HIDDEN = 'hunter2'

/** Texts that hold what means something in one syntax or another. */
const hostile = fc.string({
  unit: fc.constantFrom(
    ...[
      '"',
      "'",
      '\\',
      '=',
      ':',
      '&',
      ';',
      ',',
      '{',
      '}',
      '[',
      ']',
      '(',
      ')',
      '<',
      '>',
      '/',
      '%',
      '%22',
      '%3D',
      '?',
      '#',
    ],
    ...[
      ' ',
      '\n',
      '\r\n',
      '-',
      '--',
      '@',
      '://',
      'token',
      'password',
      'a',
      'name',
      'value',
      'eyJ',
      '😀',
      '\ud800',
      '&quot;',
      '.',
    ],
  ),
  maxLength: 40,
})
const open = fc.oneof(
  fc.integer(),
  fc.constantFrom(null, true, 'seen', '', 'a b', 'x=1', "it's", '{', '"', '\\'),
  hostile,
)
const secretName = fc.constantFrom(
  'password',
  '_token',
  'apiKey',
  'user[pin]',
  'X-Auth',
  'pass word',
  'a,token',
  'session:id',
)
const openName = fc.constantFrom('a', 'name of it', 'b-c', 'x"y', "o'clock", 'list', 'url', 'ключ')
const secret = fc.oneof(
  fc.constantFrom<unknown>(
    HIDDEN,
    [HIDDEN],
    { a: HIDDEN },
    [[1, { b: HIDDEN }]],
    `"${HIDDEN}`,
    `ab,${HIDDEN}`,
    `a\\"${HIDDEN}`,
  ),
  hostile.map((text) => `${text}${HIDDEN}`),
)

/** A value with a secret somewhere in it. */
const { value } = fc.letrec<{ value: unknown; node: unknown }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, open, tie('value')),
  value: fc
    .tuple(
      fc.array(fc.tuple(openName, tie('node')), { maxLength: 3 }),
      fc.oneof({ maxDepth: 3 }, fc.tuple(secretName, secret), fc.tuple(openName, tie('value'))),
      fc.array(fc.tuple(openName, open), { maxLength: 2 }),
    )
    .map(([before, at, after]) =>
      Object.fromEntries([...before, at, ...after].map(([name, is]) => [`${name}`, is])),
    ),
}))

const WRITTEN: [how: string, (value: unknown) => string][] = [
  ['as JSON', (given) => JSON.stringify(given)],
  ['as JSON in lines', (given) => JSON.stringify(given, null, 2)],
  ['as JSON in JSON', (given) => JSON.stringify({ body: JSON.stringify(given) })],
  ['as JSON in JSON in JSON', (given) => JSON.stringify([JSON.stringify({ body: JSON.stringify(given) })])],
  ['as JSON, encoded', (given) => `/x?body=${encodeURIComponent(JSON.stringify(given).toWellFormed())}&a=1`],
  [
    'as JSON, encoded twice',
    (given) => `b=${encodeURIComponent(encodeURIComponent(JSON.stringify(given).toWellFormed()))}`,
  ],
  [
    'as JSON in a form',
    (given) => new URLSearchParams({ body: JSON.stringify(given).toWellFormed(), a: '1' }).toString(),
  ],
  ['as JSON in HTML', (given) => JSON.stringify(given).replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
  ['as JSON with a word before it', (given) => `sent ${JSON.stringify(given)}`],
]

test.each(WRITTEN)('no secret is shown of a value %s', (_how, write) => {
  fc.assert(
    fc.property(value, (given) => {
      fc.pre(JSON.stringify(given).includes(HIDDEN))
      expect(maskText(write(given), secrets)).not.toContain(HIDDEN)
    }),
    { numRuns: 1_000 },
  )
})

test('no secret is shown of a value itself, nor of its bytes', () => {
  fc.assert(
    fc.property(value, (given) => {
      const text = JSON.stringify(given)
      fc.pre(text.includes(HIDDEN))
      for (const shown of [
        given,
        new Map([['a', given]]),
        [given],
        { body: text },
        Buffer.from(text),
        [...Buffer.from(text)],
      ]) {
        const written = [...valueText(shown, secrets)].join('')
        expect(written).not.toContain(HIDDEN)
        expect(written.replaceAll(' ', '')).not.toContain(Buffer.from(HIDDEN).toString('hex'))
      }
    }),
    { numRuns: 1_000 },
  )
})

test.each<[string, (name: string, value: string) => string]>([
  ['a query', (name, is) => `/x?a=1&${name}=${is}&b=2`],
  [
    'an encoded query',
    (name, is) => `/x?a=1&${encodeURIComponent(name)}=${encodeURIComponent(is.toWellFormed())}&b=2`,
  ],
  ['a header', (name, is) => `A: 1\r\n${name}: ${is.replace(/[\r\n]+/g, ' ')}\r\nB: 2`],
  ['a cookie', (name, is) => `a=1; ${name}=${is.replace(/[\s;,]+/g, '')}; b=2`],
  ['a log line', (name, is) => `level=info ${name}=${JSON.stringify(is)} b=2`],
  ['a program', (name, is) => inspect({ a: 1, [name]: is, b: 2 })],
  [
    'a program, deep',
    (name, is) => inspect({ a: 1, [name]: { deep: [is] }, b: 2 }, { depth: 9, breakLength: 1 }),
  ],
])('no secret is shown in %s', (_what, write) => {
  fc.assert(
    fc.property(
      fc.constantFrom(
        'password',
        '_password',
        '$token',
        'api_key',
        'apiKey',
        'X-Api-Key',
        'user[password]',
        'pin',
      ),
      fc.string({
        unit: fc.constantFrom('a', 'B', '1', ',', '.', '-', '_', '"', "'", '<', '/', '!', '%', '@', ':'),
        maxLength: 12,
      }),
      (name, before) => {
        expect(maskText(write(name, before + HIDDEN), secrets)).not.toContain(HIDDEN)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('masking changes only secrets, and masking again changes nothing more', () => {
  fc.assert(
    fc.property(
      fc.array(hostile, { maxLength: 6 }).map((texts) => texts.join('')),
      (text) => {
        const masked = maskText(text, secrets)
        if (!masked.includes('[masked]')) expect(masked).toBe(text)
        expect([...maskedText(text, secrets)].join('')).toBe(masked)
        expect(masked.length).toBeLessThan(4 * text.length + 20)
      },
    ),
    { numRuns: 1_000 },
  )
})

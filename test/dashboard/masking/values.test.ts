import { expect, test } from 'vitest'
import { SecretNames } from '../../../src/dashboard/masking/secret-names.js'
import { valueText } from '../../../src/dashboard/value-text.js'

const secrets = new SecretNames()
const shown = (value: unknown, longest?: number) =>
  [...valueText(value, secrets, longest === undefined ? {} : { longest })].join('')
const JSON_TEXT = '{"user":"seen","password":"hunter2"}'
const shared = { inner: { deep: 'hunter2' } }
const utf16 = Buffer.from(JSON_TEXT, 'utf16le')

test.each<[string, unknown]>([
  ['an object met under an open name first', { open: shared, password: shared, a: 'seen' }],
  ['what lies in such an object', { open: shared.inner, password: shared, a: 'seen' }],
  ['an object met in a list first', [[shared], { a: 'seen', token: [shared] }]],
  [
    'an object that is a key of a Map',
    new Map<unknown, unknown>([
      [shared, 'seen'],
      ['session', shared],
    ]),
  ],
  ['an array shared through a Set', { open: new Set([shared]), a: 'seen', secret: new Set([shared]) }],
  ['JSON in a Buffer', { a: 'seen', raw: Buffer.from(JSON_TEXT) }],
  ['JSON in an ArrayBuffer', ['seen', new Uint8Array(Buffer.from(JSON_TEXT)).buffer]],
  ['JSON in UTF-16', ['seen', utf16]],
  [
    'JSON in other arrays',
    ['seen', new Uint16Array(Buffer.from(JSON_TEXT)), Float64Array.from(Buffer.from(JSON_TEXT))],
  ],
  [
    'JSON among other bytes',
    ['seen', Buffer.concat([Buffer.alloc(100_000), Buffer.from(JSON_TEXT), Buffer.alloc(100_000)])],
  ],
  ['JSON at the border of two windows', ['seen', Buffer.from(`${'x '.repeat(32_758)}${JSON_TEXT}`)]],
  [
    'a Buffer that went through JSON',
    { a: 'seen', raw: { type: 'Buffer', data: [...Buffer.from(JSON_TEXT)] } },
  ],
  ['the name of a property', { a: 'seen', 'token=hunter2': 1 }],
  [
    'a text that is a key of a Map',
    new Map([
      ['/x?token=hunter2', 1],
      ['seen', 2],
    ]),
  ],
  ['an item of a Set', new Set(['seen', 'password=hunter2'])],
  ['a pattern', ['seen', /token=hunter2/]],
  ['a message', { a: 'seen', message: 'connect to redis://app:hunter2@host failed' }],
  ['a secret within its holder', { api: { key: 'hunter2' }, a: 'seen' }],
  ['a secret in a list within its holder', { api: [{ key: 'hunter2' }], a: 'seen' }],
  ['DataView', ['seen', new DataView(new Uint8Array(Buffer.from(JSON_TEXT)).buffer)]],
])('%s is masked', (_what, value) => {
  const text = shown(value)
  expect(text).not.toContain('hunter2')
  expect(text.replaceAll(' ', '')).not.toContain(Buffer.from('hunter2').toString('hex'))
  expect(text).not.toMatch(/104,\s+117,\s+110/)
  expect(text).toContain('[masked]')
  expect(text).toContain('seen')
})

test.each<[string, unknown, string]>([
  ['bytes', Buffer.from([0, 1, 254, 255]), 'Buffer(4) 00 01 fe ff'],
  ['a long run of zeros', Buffer.alloc(20_000), ' 00'.repeat(20_000)],
  ['numbers', Array.from({ length: 300 }, (_, at) => at), '299,'],
  ['a shared object without a secret', { a: shared.inner, b: shared.inner }, 'b: [the same as above]'],
])('%s is shown unchanged', (_what, value, expected) => {
  const text = shown(value)
  expect(text).toContain(expected)
  expect(text).not.toContain('[masked]')
})

test.each<[bigint, string]>([
  [12n, '12n'],
  [-(2n ** 64n), '-18446744073709551616n'],
  [1n << 20_000n, `[a bigint of 20001 bits] 0x1${'0'.repeat(5_000)}n`],
  [-(1n << 64_000_000n), '[a bigint of 64000001 bits] -0x1000'],
  [(1n << 17_001n) - 1n, '[a bigint of 17001 bits] 0x1fff'],
])('a bigint is printed in decimal only when that is quick', (value, expected) => {
  expect(shown(value, 20_000).startsWith(expected)).toBe(true)
  expect(shown(new Map([[value, value]]), 20_000)).toContain(expected)
})

test('an array is shown by its items, independently of its length property', () => {
  const array: unknown[] = []
  array[4_294_967_294 - 1] = 'last'
  array[7] = 'seventh'
  expect(shown({ array })).toBe(
    '{\n  array: [\n    [7 empty],\n    "seventh",\n    [4294967285 empty],\n    "last",\n  ],\n}',
  )
  array.length = 4_294_967_295
  expect(shown(array)).toContain('[1 empty]')
  const holes: unknown[] = new Array(5_000_000)
  expect(shown(holes)).toBe('[\n  [5000000 empty],\n]')
})

test.each<[string, () => unknown]>([
  ['a Map with a million entries', () => new Map(Array.from({ length: 1e6 }, (_, at) => [at, at]))],
  ['a Set with a million items', () => new Set(Array.from({ length: 1e6 }, (_, at) => at))],
  ['a long list', () => Array.from({ length: 3e6 }, (_, at) => at)],
  ['a deep list', () => Array.from({ length: 1e5 }).reduce((inner: unknown) => [inner], 'leaf')],
  ['many properties', () => Object.fromEntries(Array.from({ length: 2e5 }, (_, at) => [`name${at}`, at]))],
  ['a long text', () => 'a-'.repeat(4e6)],
  ['a long name', () => ({ ['n'.repeat(8e6)]: 1 })],
  ['a long key of a Map', () => new Map([['n '.repeat(4e6), 1]])],
  ['many bytes', () => Buffer.alloc(1e7, 'ab')],
  ['many numbers', () => new Float64Array(1e6).fill(1.5)],
])('the beginning of %s is sent before the whole is formatted', { timeout: 60_000 }, (_what, make) => {
  let text = ''
  for (const piece of valueText(make(), secrets, { longest: 40_000 })) {
    expect(piece.length).toBeLessThan(60_000)
    text += piece
    if (text.length > 20_000) break
  }
  expect(text.length).toBeLessThan(100_000)
})

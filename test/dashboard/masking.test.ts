import { expect, test } from 'vitest'
import { openSite, type SiteOptions, words } from './site.js'

const HIDDEN = 'hunter2'

/** What staff get to see of a value: its page and its download, which must agree. */
async function shown(value: unknown, { key = 'settings', ...options }: SiteOptions & { key?: string } = {}) {
  const { ask, cache } = await openSite(options)
  await cache.set(key, value)
  const asked = encodeURIComponent(cache.key(key).text)
  const page = words((await ask(`/cache/key?key=${asked}`)).text)
  const saved = (await ask(`/cache/download?key=${asked}`)).text
  expect(page.includes(HIDDEN)).toBe(saved.includes(HIDDEN))
  return { page, saved, hidden: !saved.includes(HIDDEN) }
}

const NAMES = [
  ...[
    'password',
    'passwd',
    'PASSWORD_HASH',
    'userPassword',
    'token',
    'accessToken',
    'refresh_token',
    'secret',
  ],
  ...[
    'client_secret',
    'session',
    'sessionId',
    'Authorization',
    'cookie',
    'Set-Cookie',
    'api key',
    'apiKey',
    'X-API-Key',
  ],
  ...[
    'API_KEY',
    'credential',
    'dbCredentials',
    'private key',
    'privateKey',
    'private_key',
    'pwd',
    'userPin',
    'ｐａｓｓｗｏｒｄ',
  ],
]

test.each(NAMES)('a value named %s is masked at any depth', async (name) => {
  const values = {
    'a field': { a: { b: [{ [name]: HIDDEN, seen: 'visible' }] } },
    'a whole field': { [name]: { deep: [HIDDEN] }, seen: 'visible' },
    'a key of a Map': new Map([
      ['x', new Map([[name, HIDDEN]])],
      ['y', new Map([['z', 'visible']])],
    ]),
    'within a Set': new Set([{ [name]: HIDDEN, seen: 'visible' }]),
    'a pair': {
      headers: [
        [name, HIDDEN],
        ['accept', 'visible'],
      ],
    },
    'raw headers': { raw: ['accept', 'visible', name, HIDDEN] },
    'name and value': {
      fields: [
        { name, value: HIDDEN },
        { name: 'x', value: 'visible' },
      ],
    },
  }
  for (const [where, value] of Object.entries(values)) {
    const { page, hidden, saved } = await shown(value)
    expect(hidden, where).toBe(true)
    expect(page, where).toContain('[masked]')
    expect(saved, where).toContain('visible')
  }
  expect((await shown({ seen: HIDDEN }, { key: `${name}::123` })).hidden, 'the key').toBe(true)
})

test.each([
  `{"user":"anna","token":"${HIDDEN}","x":1}`,
  `{"user":"anna","token": {"a": "${HIDDEN}"}}`,
  `{\\"user\\":\\"anna\\",\\"token\\":\\"${HIDDEN}\\"}`,
  `user=anna&access_token=${HIDDEN}&x=1`,
  `user=anna; sessionId=${HIDDEN}`,
  `User: anna\r\nAuthorization: Bearer ${HIDDEN}\r\nAccept: x`,
  `user anna: password='${HIDDEN} and more'`,
  `user anna, token="a\\"${HIDDEN}"`,
  `user anna, token="unclosed ${HIDDEN}`,
])('the secret in the text %s is masked', async (text) => {
  const { page, hidden } = await shown({ text })
  expect(hidden).toBe(true)
  expect(page).toMatch(/user\S* ?:?anna|anna/)
})

test.each([
  { description: 'a shipping passenger', author: HIDDEN, ppin: HIDDEN, spinner: HIDDEN },
  new Map([['price', HIDDEN]]),
  ['one', HIDDEN],
  `name: ${HIDDEN}`,
])('a value with an ordinary name is shown: %j', async (value) => {
  expect((await shown(value)).hidden).toBe(false)
})

test.each<[string, SiteOptions['dashboard'], string, boolean]>([
  ['a name more', { redact: ['IBAN'] }, 'customer_iban', true],
  ['a short name more, as a word', { redact: ['vat'] }, 'vatNumber', true],
  ['a short name more, not within another', { redact: ['vat'] }, 'private', false],
  ['a pattern more', { redact: [/^x-internal/gi] }, 'X-Internal-Note', true],
  ['the default list is still there', { redact: ['iban'] }, 'password', true],
  ['a list instead', { redact: { only: ['iban'] } }, 'iban', true],
  ['a list instead of the default', { redact: { only: ['iban'] } }, 'password', false],
])('redact: %s', async (_what, dashboard, name, hidden) => {
  const { hidden: is } = await shown(
    { a: { [name]: HIDDEN }, b: { [name]: HIDDEN } },
    dashboard ? { dashboard } : {},
  )
  expect(is).toBe(hidden)
})

test('values can be hidden altogether', async () => {
  const { ask, cache } = await openSite({ dashboard: { hideValues: true } })
  await cache.set('a', 'the value')
  const { text } = await ask('/cache/keys/a')
  expect(text).not.toContain('the value')
  expect(words(text)).toContain('hides values')
  const saved = await ask('/cache/download?key=a')
  expect(saved.status).toBe(403)
  expect(saved.text).not.toContain('the value')
})

test('values of each type are readable', async () => {
  const cyclic: Record<string, unknown> = { name: 'round' }
  cyclic.self = cyclic
  const { saved, page } = await shown({
    date: new Date('2026-01-31T12:00:00Z'),
    big: 12n,
    nothing: [undefined, null, Number.NaN, Number.NEGATIVE_INFINITY, -0],
    map: new Map<unknown, unknown>([[{ a: 1 }, 'x']]),
    set: new Set(['s']),
    buffer: Buffer.from('hi'),
    floats: new Float32Array([1.5, 2]),
    pattern: /a+/gi,
    'not a name': 'a "quoted"\n\u202etext',
    // biome-ignore lint/suspicious/noSparseArray: a hole is a value of its own here
    holes: [1, , 3],
    cyclic,
    empty: [{}, [], new Map(), ''],
  })
  for (const text of [
    ...[
      'date: Date 2026-01-31T12:00:00.000Z',
      'big: 12n',
      'undefined',
      'NaN',
      '-Infinity',
      '-0',
      'Map(1) {',
      '=> "x"',
    ],
    ...[
      'Set(1) {',
      'Buffer(2) 68 69',
      'Float32Array(2) [1.5, 2]',
      'RegExp /a+/gi',
      '"not a name": "a \\"quoted\\"\\n\\u{202e}text"',
    ],
    ...['[1 empty]', 'self: [the same as above]', 'Map(0) {}'],
  ]) {
    expect(saved).toContain(text)
    expect(page).toContain(text)
  }
})

test('a large value is cut on its page and whole in its download', async () => {
  const { ask, cache } = await openSite()
  const list = Array.from({ length: 20_000 }, (_, index) => `item ${index} 😀`)
  await cache.set('list', list)
  await cache.set('text', `${'😀'.repeat(300_000)}end`)
  for (const key of ['list', 'text']) {
    const page = await ask(`/cache/keys/${key}`)
    expect(page.text.length).toBeLessThan(60_000)
    expect(words(page.text)).toContain('First 20,000 characters.')
    expect(page.text.isWellFormed()).toBe(true)
  }
  const saved = (await ask('/cache/download?key=list')).text
  expect(saved.match(/item/g)).toHaveLength(20_000)
  const text = (await ask('/cache/download?key=text')).text
  expect(text).toBe(`"${'😀'.repeat(300_000)}end"\n`)
})

test('a cyclic value is shown once', async () => {
  let value: unknown = ['leaf']
  for (let depth = 0; depth < 60; depth++) value = [value, value]
  const { saved } = await shown(value)
  expect(saved.length).toBeLessThan(20_000)
})

test('a deep value is shown down to a limit', async () => {
  let value: unknown = 'leaf'
  for (let depth = 0; depth < 900; depth++) value = [value]
  expect((await shown(value)).saved).toContain('[…]')
})

import { expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { openSite, words } from './site.js'

const HIDDEN = 'hunter2'
const KEYS: [parts: (string | number)[], shown: string, under: string][] = [
  [['session', HIDDEN], 'session::[masked]', 'session'],
  [['user', 1, 'apiKey', HIDDEN, 'x'], 'user::1::apiKey::[masked]', 'user::1::apiKey'],
  [['user', 'Anna K', 'sid', HIDDEN], 'user::Anna%20K::sid::[masked]', 'user::Anna%20K::sid'],
]

const links = (html: string) =>
  [...html.matchAll(/<a href="([^"]*)"><bdi>(.*?\[masked\])<\/bdi>/g)].map(([, href, text]) => [
    decodeURIComponent(decodeURIComponent(href as string)),
    text,
  ])

test.each(KEYS)('%j is masked wherever keys are listed', async (parts, shown, under) => {
  const { ask, cache } = await openSite()
  await cache.set(parts, 'a value')
  const family = String(parts[0])
  for (const page of [
    '/keys',
    '/keys?whole=yes',
    `/keys?under=${family}`,
    `/keys?under=${encodeURIComponent(under)}`,
    `/keys?q=${family}`,
    `/keys?q=${family}&whole=yes`,
    `/delete?key=${family}&children=yes&preview=yes`,
  ]) {
    const { text } = await ask(`/cache${page}`)
    expect(text, page).not.toContain(HIDDEN)
    expect(links(text), page).toEqual([[`./keys?under=${decodeURIComponent(under)}`, shown]])
  }
  const data = await ask('/cache/api/keys')
  expect(JSON.parse(data.text).keys).toMatchObject([{ key: shown }])
  expect(data.text).not.toContain(HIDDEN)
})

test.each(KEYS)('%j is found neither by its masked part nor by the mask', async (parts) => {
  const { ask, cache } = await openSite()
  await cache.set(parts, 1)
  for (const q of [HIDDEN, 'hunter', `::${HIDDEN}`, `${parts.at(-2)}::h`, 'masked']) {
    const asked = `q=${encodeURIComponent(q)}`
    expect(words((await ask(`/cache/keys?${asked}`)).text), q).toContain('No matches')
    expect(words((await ask(`/cache/keys?${asked}&whole=yes`)).text), q).toContain('No matches')
    expect(JSON.parse((await ask(`/cache/api/keys?${asked}`)).text).keys, q).toEqual([])
  }
})

test('the part before the mask is found, escaped or plain', async () => {
  const { ask, cache } = await openSite()
  await cache.set(['user', 'Anna K', 'sid', HIDDEN], 1)
  for (const q of ['ANNA K', 'anna%20k::si'])
    expect(words((await ask(`/cache/keys?q=${encodeURIComponent(q)}`)).text)).toContain('1 found')
})

test('a request with the full name of a key gets its page', async () => {
  const { ask, cache } = await openSite()
  await cache.set(['session', HIDDEN], 'a value')
  const { text } = await ask(`/cache/keys/session::${HIDDEN}`)
  expect(/<h1[^>]*>(.*?)<\/h1>/s.exec(text)?.[1]).toContain(`session::${HIDDEN}`)
  expect(words(text)).not.toContain('a value')
  expect(words((await ask(`/cache/keys?under=session::${HIDDEN}`)).text)).toContain('1 found')
})

test('keys are masked by the names of the options', async () => {
  const { ask, cache } = await openSite({ dashboard: { redact: { only: ['iban'] } } })
  await cache.setMany([
    ['iban::DE1', 1],
    ['token::abc', 1],
  ])
  const said = words((await ask('/cache/keys')).text)
  expect(said).toContain('iban::[masked]')
  expect(said).toContain('token::abc')
})

test('the link to the next page does not reveal keys', async () => {
  const cache = createCache({ store: 'memory', keyPrefix: 'shop' })
  const { ask } = await openSite({ cache })
  await cache.setMany(Array.from({ length: 1_500 }, (_, index) => [['session', `${HIDDEN}-${index}`], 1]))
  for (const page of ['/keys', '/keys?whole=yes', '/api/keys']) {
    const { text } = await ask(`/cache${page}`)
    expect(text).toMatch(/cursor[="]/)
    expect(text).not.toContain(HIDDEN)
    expect(text).not.toContain(Buffer.from(HIDDEN).toString('base64url'))
  }
})

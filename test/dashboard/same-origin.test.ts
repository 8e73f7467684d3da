import { expect, test } from 'vitest'
import { openSite, type SiteOptions, words } from './site.js'

type Headers = Record<string, string | undefined>

async function change(headers: Headers, options: SiteOptions = {}) {
  const site = await openSite(options)
  await site.cache.set('a', 1)
  const reply = await site.ask('/cache/delete', {
    form: { key: 'a' },
    headers: { 'sec-fetch-site': undefined, ...headers },
  })
  const gone = !(await site.cache.has('a'))
  expect(reply.status).toBe(gone ? 200 : 403)
  return { gone, shown: words(reply.text) }
}

const host = 'shop.example'
const trusting = { before: (app) => void app.set('trust proxy', 'loopback') } satisfies SiteOptions
const proxied = { host: '127.0.0.1:3000', 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https' }

test.each<[string, Headers, SiteOptions?]>([
  ['the browser says same-origin', { 'sec-fetch-site': 'same-origin' }],
  [
    'the browser says same-origin, whatever the host is taken for',
    { 'sec-fetch-site': 'same-origin', origin: 'https://other.example' },
  ],
  ['its Origin is this host', { host, origin: 'http://shop.example' }],
  ['its Origin is this host and port', { host: 'shop.example:8080', origin: 'http://shop.example:8080' }],
  ['its Origin spells the default port out', { host, origin: 'http://SHOP.example:80' }],
  ['its Origin is what a trusted proxy tells', { ...proxied, origin: 'https://shop.example' }, trusting],
  [
    'its Origin was named in the options',
    { host, origin: 'https://admin.example' },
    { dashboard: { origins: ['https://Admin.example:443/'] } },
  ],
])('a change is accepted when %s', async (_when, headers, options) => {
  expect((await change(headers, options)).gone).toBe(true)
})

test.each<[string, Headers, string, SiteOptions?]>([
  ['cross-site', { 'sec-fetch-site': 'cross-site', host, origin: 'http://shop.example' }, 'Sec-Fetch-Site'],
  ['same-site', { 'sec-fetch-site': 'same-site', host, origin: 'http://shop.example' }, 'Sec-Fetch-Site'],
  ['none', { 'sec-fetch-site': 'none', host, origin: 'http://shop.example' }, 'Sec-Fetch-Site'],
  ['stated twice', { 'sec-fetch-site': 'same-origin, cross-site' }, 'Sec-Fetch-Site'],
  [
    'from a configured origin, but cross-site',
    { 'sec-fetch-site': 'cross-site', origin: 'https://admin.example' },
    'Sec-Fetch-Site',
    { dashboard: { origins: ['https://admin.example'] } },
  ],
  ['without an Origin', { host }, 'no Origin'],
  ['from Origin null', { host, origin: 'null' }, 'null'],
  ['from another host', { host, origin: 'http://evil.example' }, 'http://evil.example'],
  [
    'from a host that begins alike',
    { host, origin: 'http://shop.example.evil.example' },
    'is not the origin of this page',
  ],
  [
    'from a user name that looks like the host',
    { host, origin: 'http://shop.example@evil.example' },
    'is not the origin of this page',
  ],
  ['from another port', { host, origin: 'http://shop.example:8080' }, 'is not the origin of this page'],
  ['from another scheme', { host, origin: 'https://shop.example' }, 'trust proxy'],
  [
    'from an Origin that only an untrusted proxy confirms',
    { ...proxied, origin: 'https://shop.example' },
    'is not the origin of this page',
  ],
  ['with a mere Referer', { host, referer: 'http://shop.example/cache/delete' }, 'no Origin'],
])('a change is refused with the reason: %s', async (_when, headers, why, options) => {
  const { gone, shown } = await change(headers, options)
  expect(gone).toBe(false)
  expect(shown).toContain(why)
})

test('only forms change anything', async () => {
  const { ask, cache } = await openSite()
  await cache.set('a', 1)
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', undefined]) {
    expect((await ask('/cache/delete', { form: 'key=a', headers: { 'content-type': type } })).status).toBe(
      415,
    )
  }
  expect((await ask('/cache/delete?key=a&children=yes&preview=yes')).status).toBe(200)
  expect((await ask('/cache/delete?key=a', { form: '' })).status).toBe(400)
  expect(await cache.get('a')).toBe(1)
})

test('a CSRF token is in each form and verified for each change', async () => {
  const csrf = {
    field: 'proof',
    token: async () => 'a"b',
    verify: (req: { body?: { proof?: string } }) => req.body?.proof === 'a"b',
  }
  const { ask, cache } = await openSite({ dashboard: { csrf } })
  await cache.set('a', 1)
  for (const page of ['/delete?key=a&preview=yes', '/clear', '/bypass']) {
    expect((await ask(`/cache${page}`)).text).toContain('name="proof" value="a&#34;b"')
  }
  const refused = await ask('/cache/delete', { form: { key: 'a', proof: 'x' } })
  expect(refused.status).toBe(403)
  expect(words(refused.text)).toContain('token')
  expect(await cache.has('a')).toBe(true)
  expect((await ask('/cache/delete', { form: { key: 'a', proof: 'a"b' } })).status).toBe(200)
  expect(await cache.has('a')).toBe(false)
})

import { describe, expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import { ANONYMOUS, type Asking, openSite, QUIET, type SiteOptions, words } from './site.js'

const COOKIE =
  /^keyedcache-bypass=\d{13}\.[\w-]{16}\.[\w-]{43}; Path=([^;]*); Max-Age=30; HttpOnly; SameSite=Strict(; Secure)?$/

/** What the form answers to a path: where it leads, and for which path its cookie is. */
async function send(path: string, options: SiteOptions = {}, asking: Asking = {}) {
  const { ask } = await openSite(options)
  const reply = await ask('/cache/bypass', { form: { path }, ...asking })
  const [cookie] = reply.headers['set-cookie'] ?? []
  const [, cookiePath, secure] = COOKIE.exec(cookie ?? '') ?? []
  return { ...reply, to: reply.headers.location, cookie, cookiePath, isSecure: secure !== undefined }
}

describe('The form', () => {
  test('redirects to the page of its path, with a cookie for it', async () => {
    const { ask } = await openSite()
    const { text } = await ask('/cache/bypass?path=%2Fproducts%2F1')
    expect(text).toContain('value="/products/1"')
    expect(words(text)).toContain('nothing is read from the cache and nothing is stored')
    expect(await send('/products/1')).toMatchObject({
      ...{ status: 303, to: '/products/1', cookiePath: '/products/1', isSecure: false, text: '' },
      headers: { 'cache-control': 'no-store' },
    })
  })

  test.each<[string, string, string]>([
    ['/', '/', '/'],
    ['  /a ', '/a', '/a'],
    ['/search?q=tea&sort=a;b', '/search?q=tea&sort=a;b', '/search'],
    ['/search?next=//evil.example/', '/search?next=//evil.example/', '/search'],
    ['/a#part', '/a', '/a'],
    ['/a/', '/a/', '/a/'],
    ['/100%25', '/100%25', '/100%25'],
    ['/%2e%2e%2fetc', '/%2e%2e%2fetc', '/%2e%2e%2fetc'],
    ['/a/../b', '/b', '/b'],
    ['/a/%2e%2e/b', '/b', '/b'],
    ['/../../b', '/b', '/b'],
    ['/tee/grün süß', '/tee/gr%C3%BCn%20s%C3%BC%C3%9F', '/tee/gr%C3%BCn%20s%C3%BC%C3%9F'],
    ['/a"b<c>', '/a%22b%3Cc%3E', '/a%22b%3Cc%3E'],
    // A semicolon would end the cookie's path, and what follows it begin an attribute.
    ['/a;Domain=evil.example/b', '/a;Domain=evil.example/b', '/'],
    ['/shop/a;v=1/b?c', '/shop/a;v=1/b?c', '/shop/'],
  ])('%s redirects to %s, with a cookie for %s', async (path, to, cookiePath) => {
    expect(await send(path)).toMatchObject({ status: 303, to, cookiePath })
  })

  test.each([
    '',
    'products/1',
    'http://evil.example/',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/.//evil.example',
    '/a/..//evil.example',
    '/a\\b',
    '/a\r\nSet-Cookie: b=c',
    '/a\0',
    '/a\u0085b',
    'javascript:alert(1)',
    `/${'a'.repeat(1_024)}`,
  ])('does not redirect to %j, and sets no cookie', async (path) => {
    const { status, headers, text } = await send(path)
    expect(status).toBe(400)
    expect(headers).not.toHaveProperty('location')
    expect(headers).not.toHaveProperty('set-cookie')
    expect(words(text)).toContain('Invalid path')
  })

  test('accepts a path up to the length that browsers store, with a longer query', async () => {
    const longest = `/${'a'.repeat(1_023)}`
    expect(await send(`${longest}?${'q'.repeat(1_000)}`)).toMatchObject({ status: 303, cookiePath: longest })
    expect((await send(`/?${'q'.repeat(2_050)}`)).status).toBe(400)
  })

  test('sets a Secure cookie over HTTPS, also as reported by a trusted proxy, and only then', async () => {
    const before: SiteOptions['before'] = (app) => void app.set('trust proxy', 'loopback')
    const headers = { 'x-forwarded-proto': 'https', 'sec-fetch-site': 'same-origin' }
    expect(await send('/a', { before }, { headers })).toMatchObject({ status: 303, isSecure: true })
    expect(await send('/a', {}, { headers })).toMatchObject({ status: 303, isSecure: false })
  })

  test('leaves the cookies of the application', async () => {
    const before: SiteOptions['before'] = (app) =>
      app.use((_req, res, next) => {
        res.setHeader('Set-Cookie', 'session=1')
        next()
      })
    const { headers } = await send('/a', { before })
    expect(headers['set-cookie']).toEqual(['session=1', expect.stringMatching(COOKIE)])
  })

  test('is available on a read-only dashboard, since it changes nothing', async () => {
    const readOnly = { dashboard: { readOnly: true } }
    expect((await (await openSite(readOnly)).ask('/cache/bypass')).status).toBe(200)
    expect(await send('/a', readOnly)).toMatchObject({ status: 303, cookiePath: '/a' })
  })

  test.each<[string, number, Asking, SiteOptions?]>([
    ['a stranger', 401, ANONYMOUS],
    ['a customer', 403, { as: 'customer' }],
    ['another site', 403, { headers: { 'sec-fetch-site': 'cross-site' } }],
    ['a page without its token', 403, {}, { dashboard: { csrf: { token: () => 'a', verify: () => false } } }],
    ['a link', 405, { method: 'PUT' }],
  ])('sets no cookie for %s', async (_who, status, asking, options) => {
    const { headers, ...reply } = await send('/a', options, asking)
    expect(reply.status).toBe(status)
    expect(headers).not.toHaveProperty('set-cookie')
    expect(headers).not.toHaveProperty('location')
  })

  test('sets no cookie when it is only displayed', async () => {
    const { ask } = await openSite()
    expect((await ask('/cache/bypass?path=/a')).headers).not.toHaveProperty('set-cookie')
    expect((await ask('/cache/bypass?path=/a', { method: 'HEAD' })).headers).not.toHaveProperty('set-cookie')
  })

  test('contains the CSRF token of the application', async () => {
    const csrf = {
      token: () => 'proof',
      verify: (req: { body?: unknown }) => JSON.stringify(req.body).includes('proof'),
    }
    const { ask } = await openSite({ dashboard: { csrf } })
    expect((await ask('/cache/bypass')).text).toContain('name="_csrf" value="proof"')
    expect((await ask('/cache/bypass', { form: { path: '/a', _csrf: 'proof' } })).status).toBe(303)
  })

  test('shows that the store is not responding, since no cookie can be signed', async () => {
    const cache = createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'shop', logger: QUIET })
    const { status, text, headers } = await send('/a', { cache })
    expect(status).toBe(503)
    expect(words(text)).toContain('Store not responding')
    expect(headers).not.toHaveProperty('set-cookie')
  })
})

describe('The requests page', () => {
  test('links to the form, and from each GET request with its path', async () => {
    const cache = createCache({ store: 'memory', keyPrefix: 'shop', logger: QUIET })
    const { ask } = await openSite({
      cache,
      before: (app) => {
        app.use(keyedCache(cache, { dashboard: false }))
        app.use('/shop', async (req, res) => {
          await req.cache.get('a')
          res.end()
        })
      },
    })
    await ask('/shop/tea%20pot?secret=1')
    await ask('/shop/saved', { method: 'POST' })
    await ask('/shop/password=abc')
    await ask(`/shop/${'x'.repeat(300)}`)
    const { text } = await ask('/cache/requests')
    expect([...text.matchAll(/href="([^"]*bypass[^"]*)"/g)].map(([, href]) => href)).toEqual([
      './bypass',
      './bypass?path=%2Fshop%2Ftea%2520pot',
    ])
    expect((await ask('/cache/bypass?path=%2Fshop%2Ftea%2520pot')).text).toContain('value="/shop/tea%20pot"')
  })
})

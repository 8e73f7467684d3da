import express from 'express'
import { describe, expect, test } from 'vitest'
import { dashboard } from '../../src/dashboard/mount.js'
import { openSite, words } from './site.js'

/** Every address on a page, as a browser resolves it. */
function addresses(html: string, page: string): string[] {
  const found = [...html.matchAll(/(?:href|src|action)="([^"#]*)"/g)].map((match) =>
    (match[1] as string).replaceAll('&amp;', '&'),
  )
  return found
    .map((address) => new URL(address, `http://here${page}`))
    .map((url) => {
      expect(url.host).toBe('here')
      return url.pathname + url.search
    })
}

describe.each([
  ['/cache', '/cache'],
  ['/admin/tools/cache', '/admin/tools/cache'],
  ['/', ''],
  ['/:tenant/cache', '/acme/cache'],
])('mounted at %s', (mount, base) => {
  test.each([
    '',
    '/',
    '/keys',
    '/keys/',
    '/keys/a::b',
    '/keys/a%2Fb::c',
    '/keys/a/b',
    '/key?key=..',
    '/delete?key=a&preview=yes',
    '/nowhere',
    '/no/such/page',
  ])('each link of %s leads to a page', async (page) => {
    const { ask, cache } = await openSite({ mount })
    await cache.setMany([
      ['a::b', 1],
      ['..', 2],
      [['a/b', 'c'], 3],
    ])
    const from = base + page || '/'
    const { text } = await ask(from)
    const links = addresses(text, from)
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) {
      expect(link.startsWith(`${base}/`)).toBe(true)
      expect((await ask(link)).status, link).toBe(200)
    }
  })
})

test.each([
  ['/delete', { key: 'a', children: 'yes' }],
  ['/delete/', { key: 'a' }],
  ['/clear', { prefix: 'shop' }],
])('each link of the response of %s leads to a page', async (page, form: Record<string, string>) => {
  const { ask } = await openSite({ mount: '/x/cache' })
  const { status, text } = await ask(`/x/cache${page}`, { form })
  expect(status).toBe(200)
  for (const link of addresses(text, `/x/cache${page}`)) {
    expect(link).toMatch(/^\/x\/cache\//)
    expect((await ask(link)).status, link).toBe(200)
  }
})

test('its links work behind a proxy that strips a path prefix', async () => {
  const { ask } = await openSite({ mount: '/cache' })
  const { text } = await ask('/cache/keys/a')
  expect(addresses(text, '/shop/cache/keys/a')).toContain('/shop/cache/delete?key=a')
})

test('works in a router, and under the path of a sub-application', async () => {
  const { ask } = await openSite({
    before: (app) => {
      app.use(
        '/sub',
        express().use(express.Router().use('/cache', (req, res, next) => inner(req, res, next))),
      )
    },
  })
  const inner = dashboard((await openSite()).cache)
  expect((await ask('/sub/cache/')).status).toBe(200)
  expect((await ask('/sub/cache/keys')).status).toBe(200)
})

test('leaves the views, the engine and the locals of the application alone', async () => {
  const { ask } = await openSite({
    before: (app) => {
      app.set('views', '/nowhere')
      app.set('view engine', 'none')
      app.locals.page = app.locals.title = app.locals.site = 'of the shop'
      app.locals.escape = app.locals.include = app.locals.settings = 'broken'
      app.use((req, res, next) => {
        Object.assign(res.locals, { page: 'of the shop', include: 'broken' })
        res.on('finish', () => Object.assign(app.locals, { app: req.app === app, views: app.get('views') }))
        next()
      })
      app.get('/after', (_req, res) => void res.json(app.locals))
    },
  })
  const { status, text } = await ask('/cache/')
  expect(status).toBe(200)
  expect(text).not.toContain('of the shop')
  expect(JSON.parse((await ask('/after')).text)).toMatchObject({
    title: 'of the shop',
    app: true,
    views: '/nowhere',
  })
})

test('nothing in a request becomes an option of the engine', async () => {
  const { ask } = await openSite()
  const options =
    'settings[view%20options][client]=1&settings[view%20options][escapeFunction]=1;x&outputFunctionName=x&client=1&delimiter=x&cache=&_with=1&views=x'
  const plain = words((await ask('/cache/keys')).text)
  expect(words((await ask(`/cache/keys?${options}`)).text)).toBe(plain)
  const { status } = await ask('/cache/delete', { form: `key=a&${options}` })
  expect(status).toBe(200)
})

test.each<[string, express.RequestHandler]>([
  ['urlencoded, simple', express.urlencoded({ extended: false })],
  ['urlencoded, extended', express.urlencoded({ extended: true })],
  ['json', express.json()],
  ['text of everything', express.text({ type: () => false })],
])('a form is read after the application has parsed the body: %s', async (_name, parser) => {
  const { ask, cache } = await openSite({ before: (app) => app.use(parser) })
  await cache.set('a::b', 1)
  const reply = await ask('/cache/delete', { form: { key: 'a', children: 'yes' } })
  expect(reply.status).toBe(200)
  expect(await cache.has('a::b')).toBe(false)
})

test('a body that was already read does not hang', async () => {
  const { ask } = await openSite({
    before: (app) => app.use((req, _res, next) => void req.resume().on('end', next)),
  })
  const { status, text } = await ask('/cache/delete', { form: { key: 'a' } })
  expect(status).toBe(400)
  expect(words(text)).toContain('Nothing was changed')
})

test('parses queries itself, independently of the parser of the application', async () => {
  const { ask, cache } = await openSite({
    before: (app) => app.set('query parser', () => ({ key: { toString: 1 } })),
  })
  await cache.set('a', 'the value')
  expect((await ask('/cache/key?key=a')).text).toContain('the value')
})

import express from 'express'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigurationError } from '../../src/errors.js'
import { keyedCache } from '../../src/express/middleware.js'
import { serve } from '../helpers/http.js'
import { STAFF, signIn } from '../helpers/sign-in.js'

async function site(mount: (app: express.Express) => void) {
  const app = express()
  app.use(signIn(STAFF))
  mount(app)
  app.use((_req, res) => void res.status(404).end('the application'))
  const server = await serve(app)
  onTestFinished(() => server.close())
  return server
}

const open = (path: string) => {
  const handler = keyedCache({ store: 'memory', dashboard: { path } })
  onTestFinished(() => handler.close())
  return handler
}

describe('The path of the dashboard', () => {
  test.each([
    ['/cache', '/cache'],
    ['cache', '/cache'],
    ['/cache/', '/cache'],
    ['cache/', '/cache'],
    ['/admin/cache', '/admin/cache'],
    ['admin/cache/', '/admin/cache'],
    ['/Admin/Cache', '/Admin/Cache'],
    ['/.well-known/cache~1@x', '/.well-known/cache~1@x'],
    ['/v1.0/cache', '/v1.0/cache'],
  ])('%j is %j', async (path, served) => {
    const { ask } = await site((app) => app.use(open(path)))
    expect((await ask(served)).body).toContain('Overview')
    expect((await ask(`${served}/`)).body).toContain('Overview')
    expect((await ask(`${served.toLowerCase()}/keys`)).body).toContain('<h1>Keys</h1>')
    for (const other of [
      `${served}x`,
      '/',
      `/x${served}`,
      served.replaceAll('.', 'x').replace(/cache/i, 'cachf'),
    ])
      expect((await ask(other)).body, other).toBe('the application')
    const inShop = await site((app) => app.use('/shop', express.Router().use(open(path))))
    expect((await inShop.ask(`/shop${served}/`)).body).toContain('Overview')
  })

  test.each<[unknown, string]>([
    ...(['', '/'].map((path) => [path, 'app.use(handler.dashboard())']) as [string, string][]),
    ['/:tenant/cache', 'app.use("/:tenant/cache", handler.dashboard())'],
    ...(['/cache/*', '/cache/*rest', '/ca(che)', '/cache{/x}', '/cache+', '/a[b]'].map((path) => [
      path,
      'handler.dashboard()',
    ]) as [string, string][]),
    ...([
      ...[
        '//',
        '//cache',
        '/a//b',
        '/cache//',
        '/cache?x=1',
        '/cache#top',
        '/my cache',
        ' /cache',
        '/cache ',
        '/my%20cache',
      ],
      ...[
        '/./cache',
        '/a/../b',
        '..',
        './cache',
        '/a/..',
        'https://example.com/cache',
        '/žluť',
        '/a\\b',
        '/a;b',
        '/a\n',
        '\0',
      ],
      `/${'x'.repeat(300)}`,
    ].map((path) => [path, "Write a path like '/cache'"]) as [string, string][]),
    [null, "Write a path like '/cache'"],
    [1, 'the number 1'],
    [['/cache'], "Write a path like '/cache'"],
    [/cache/, "Write a path like '/cache'"],
  ])('%j is refused at once', (path, said) => {
    expect(() => keyedCache({ store: 'memory', dashboard: { path: path as string } })).toThrow(
      ConfigurationError,
    )
    expect(() => keyedCache({ store: 'memory', dashboard: { path: path as string } })).toThrow(said)
  })

  test('is relative to the mount path of the middleware', () => {
    const handler = open('/cache')
    expect(() => handler.dashboard({ path: '/x' })).toThrow("app.use('/x', handler.dashboard())")
  })

  test.each(['/:tenant/cache', '/', '/a/b/'])('a dashboard is mounted by hand at %s', async (mount) => {
    const handler = keyedCache({ store: 'memory', dashboard: false })
    onTestFinished(() => handler.close())
    const { ask } = await site((app) => {
      app.use(handler)
      app.use(mount, handler.dashboard())
    })
    const base = mount.replace(':tenant', 'acme').replace(/\/$/, '')
    expect((await ask(`${base}/`)).body).toContain('Overview')
    expect((await ask(`${base}/keys`)).body).toContain('<h1>Keys</h1>')
  })

  test.each([true, 'yes', null, 1])('dashboard: %j is refused', (dashboard) => {
    expect(() => keyedCache({ store: 'memory', dashboard: dashboard as never })).toThrow(ConfigurationError)
  })

  test.each(['yes', null, 1])('staffHeaders: %j is refused', (staffHeaders) => {
    expect(() => keyedCache({ store: 'memory', staffHeaders: staffHeaders as never })).toThrow(
      'staffHeaders must be',
    )
  })
})

import { describe, expect } from 'vitest'
import { HEADERS } from '../../src/dashboard/http/headers.js'
import { ROUTES } from '../../src/dashboard/routes.js'
import { named, testRows } from '../helpers/rows.js'
import { ANONYMOUS, type Asking, openSite, type Reply, type Site, type SiteOptions } from './site.js'

// Each route of the dashboard, also one that is added later, requested by each kind of user.

interface Met {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly changes: boolean
  readonly isForPrograms: boolean
}

const MET: Met[] = ROUTES.flatMap(({ path, post, changes = false }) => {
  const isForPrograms = path.startsWith('/api/')
  const asked = path.replace('…', 'product::1').replace(/^(\/api)?\/(key|download)$/, '$&?key=product::1')
  const methods = post ? (['GET', 'POST'] as const) : (['GET'] as const)
  return methods.map((method) => ({ path: asked, method, changes, isForPrograms }))
})

/** What every form of the dashboard might send. */
const FORM = { key: 'product::1', children: 'no', prefix: 'shop', path: '/products/1' }

function asking({ method }: Met, who: Asking = {}): Asking {
  return method === 'GET' ? who : { ...who, form: FORM }
}

async function openShop(options: SiteOptions = {}): Promise<Site> {
  const site = await openSite(options)
  await site.cache.set('product::1', 'Tea')
  await site.cache.set('session::5e1f', { password: 'swordfish' })
  return site
}

/** Expects that nothing was changed, and that the reply contains no cached data. */
async function expectClosed({ cache }: Site, { headers, text }: Reply): Promise<void> {
  expect(headers).toMatchObject(
    Object.fromEntries(Object.entries(HEADERS).map(([name, value]) => [name.toLowerCase(), value])),
  )
  expect(text).not.toMatch(/Tea|swordfish/)
  expect(headers['set-cookie']).toBeUndefined()
  expect(await cache.has('product::1')).toBe(true)
}

const byRoute = (routes: readonly Met[]) => named(routes, ({ method, path }) => `${method} ${path}`)

describe('Each route', () => {
  testRows('refuses an anonymous user', byRoute(MET), async (met) => {
    const site = await openShop()
    const reply = await site.ask(`/cache${met.path}`, asking(met, ANONYMOUS))
    expect(reply.status).toBe(401)
    if (met.isForPrograms) expect(reply.headers['content-type']).toContain('application/json')
    await expectClosed(site, reply)
  })

  testRows(
    'redirects an anonymous user to the login page, and responds to programs with 401',
    byRoute(MET),
    async (met) => {
      const site = await openShop({ dashboard: { loginUrl: '/login' } })
      const reply = await site.ask(`/cache${met.path}`, asking(met, ANONYMOUS))
      expect(reply.status).toBe(met.isForPrograms ? 401 : 302)
      if (!met.isForPrograms) expect(reply.headers.location).toMatch(/^\/login\?next=%2Fcache%2F/)
      await expectClosed(site, reply)
    },
  )

  testRows('refuses a customer', byRoute(MET), async (met) => {
    const site = await openShop()
    const reply = await site.ask(`/cache${met.path}`, asking(met, { as: 'customer' }))
    expect(reply.status).toBe(403)
    await expectClosed(site, reply)
  })

  testRows('is open to staff', byRoute(MET), async (met) => {
    const { ask } = await openShop()
    const reply = await ask(`/cache${met.path}`, asking(met))
    expect([200, 303]).toContain(reply.status)
    expect(reply.headers['content-security-policy']).toBe(HEADERS['Content-Security-Policy'])
    expect(reply.headers['cache-control']).toBe('no-store')
  })

  testRows('changes nothing in a read-only dashboard', byRoute(MET), async (met) => {
    const site = await openShop({ dashboard: { readOnly: true } })
    const reply = await site.ask(`/cache${met.path}`, asking(met))
    if (met.changes) {
      expect(reply.status).toBe(403)
      await expectClosed(site, reply)
    } else expect([200, 303]).toContain(reply.status)
    expect(await site.cache.has('product::1')).toBe(true)
  })
})

const proxied = { host: '127.0.0.1:3000', 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https' }
const trusting: SiteOptions = { before: (app) => void app.set('trust proxy', 'loopback') }
const host = 'shop.example'

/** Origins that a request may state; `Sec-Fetch-Site` is absent unless it is named. */
const ORIGINS: [from: string, headers: Record<string, string>, isOurs: boolean, options?: SiteOptions][] = [
  ['a page of this site', { 'sec-fetch-site': 'same-origin' }, true],
  ['another subdomain', { 'sec-fetch-site': 'same-site', host, origin: 'http://shop.example' }, false],
  ['another site', { 'sec-fetch-site': 'cross-site', host, origin: 'http://shop.example' }, false],
  ['an address that was typed', { 'sec-fetch-site': 'none' }, false],
  ['an unknown word', { 'sec-fetch-site': 'Same-Origin' }, false],
  ['this origin, in an older browser', { host, origin: 'http://shop.example' }, true],
  ['a hidden origin', { host, origin: 'null' }, false],
  ['nowhere', { host }, false],
  ['another origin', { host, origin: 'http://evil.example' }, false],
  ['another port', { host, origin: 'http://shop.example:8080' }, false],
  ['an origin that begins alike', { host, origin: 'http://shop.example.evil.example' }, false],
  ['behind a trusted proxy, its origin', { ...proxied, origin: 'https://shop.example' }, true, trusting],
  ['behind a trusted proxy, another', { ...proxied, origin: 'https://evil.example' }, false, trusting],
  ['behind a proxy that is not trusted, its origin', { ...proxied, origin: 'https://shop.example' }, false],
]

describe.each(MET.filter(({ method }) => method === 'POST'))('POST $path', ({ path }) => {
  const rows = ORIGINS.map(([from, ...rest]) => [from, rest] as const)
  testRows('is accepted from pages of its own origin only', rows, async ([headers, isOurs, options]) => {
    const site = await openShop(options)
    const reply = await site.ask(`/cache${path}`, {
      form: FORM,
      headers: { 'sec-fetch-site': undefined, ...headers } as Record<string, string | undefined>,
    })
    if (isOurs) expect([200, 303]).toContain(reply.status)
    else {
      expect(reply.status).toBe(403)
      expect(reply.text).toContain('refused')
      await expectClosed(site, reply)
    }
  })
})

testRows(
  'no page contains a value whose name looks secret',
  byRoute(MET.filter(({ method }) => method === 'GET')),
  async ({ path }) => {
    const { ask } = await openShop()
    const asked = path.replaceAll('product::1', 'session::5e1f')
    for (const query of ['', 'q=pass', 'under=session', 'whole=yes']) {
      const joint = asked.includes('?') ? '&' : '?'
      const { text } = await ask(`/cache${asked}${query && joint + query}`)
      expect(text).not.toContain('swordfish')
    }
  },
)

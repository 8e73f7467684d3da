import express, { type Request } from 'express'
import { describe, expect, test, vi } from 'vitest'
import { bypassToken } from '../../src/bypass/token.js'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import type { Answer } from '../helpers/http.js'
import { changedShop, cleared, NAME, quiet, shop, type Who } from './bypass-shop.js'

/** A store of the application's own, which keeps no secret, or this one. */
function storeWith(secret?: () => Promise<Buffer>): Store {
  const { secret: _, ...store } = wrapStore(new MemoryStore(), (_operation, proceed) => proceed())
  return { ...store, ...(secret && { secret }) }
}

describe('The cookie', () => {
  const sign =
    (path: string, now = Date.now()) =>
    async (cache: KeyedCache) =>
      `${NAME}=${await bypassToken((text) => internalsOf(cache).sign(text), path, now)}`
  const flipped = (cookie: string, at: number) =>
    cookie.slice(0, at) + (cookie[at] === 'a' ? 'b' : 'a') + cookie.slice(at + 1)

  test.each<[string, (cookie: string, cache: KeyedCache) => string | Promise<string>, Who?]>([
    ['of a customer', (cookie) => cookie, 'customer'],
    ['of somebody who is signed in no more', (cookie) => cookie, 'nobody'],
    ['for another path', (_, cache) => sign('/other')(cache)],
    ['for a path that begins alike', (_, cache) => sign('/pag')(cache)],
    ['that has expired', (_, cache) => sign('/page', Date.now() - 61_000)(cache)],
    ['from the far future', (_, cache) => sign('/page', Date.now() + 86_400_000)(cache)],
    ['of another cache', () => sign('/page')(quiet())],
    ['whose signature is another', (cookie) => flipped(cookie, cookie.length - 20)],
    ['whose signature only looks alike', (cookie) => flipped(cookie, cookie.length - 1)],
    ['whose time was put off', (cookie) => cookie.replace(/=\d{13}/, `=${Date.now() + 100_000}`)],
    ['whose random part is another', (cookie) => flipped(cookie, NAME.length + 20)],
    ['that is cut off', (cookie) => cookie.slice(0, -1)],
    ['that is longer', (cookie) => `${cookie}a`],
    ['in quotes', (cookie) => cookie.replace(/=(.*)/, '="$1"')],
    ['that is empty', () => `${NAME}=`],
    ['that is huge', () => `${NAME}=${'a'.repeat(8_000)}`],
    ['that is yes', () => `${NAME}=yes`],
    ['behind many others', (cookie) => `${`${NAME}=x; `.repeat(100)}${cookie}`],
  ])('%s changes nothing, and is cleared', async (_what, change, who: Who = 'staff') => {
    const { get, cookieFor, cache } = await changedShop()
    const cookie = await change(await cookieFor('/page'), cache)
    const answer = await get('/page', cookie, who)
    expect([answer.status, answer.body]).toEqual([200, 'old'])
    expect(cleared(answer)).toMatch(/^keyedcache-bypass=; Path=\/page; Max-Age=0; /)
  })

  test('is found among other cookies, also of the same name', async () => {
    const { get, cookieFor } = await changedShop()
    const others = `a=${NAME}; ${NAME}=yes; x${NAME}=no;${NAME}=${'0'.repeat(13)}.a.b`
    expect((await get('/page', `${others}; ${await cookieFor('/page')};b=c`)).body).toBe('new')
  })

  test('is not confused with a cookie whose name ends the same', async () => {
    const { get } = await changedShop()
    expect(cleared(await get('/page', `x${NAME}=1`))).toBeUndefined()
    expect(cleared(await get('/page'))).toBeUndefined()
  })

  test('applies to GET and HEAD, not to POST', async () => {
    const { get, cookieFor } = await changedShop()
    const [head, post] = await Promise.all(
      ['HEAD', 'POST'].map(async (method) => get('/page', await cookieFor('/page'), 'staff', method)),
    )
    expect(head?.headers['cache-status']).toBe('keyedcache; fwd=bypass')
    expect(post?.body).toBe('old')
    expect(cleared(post as Answer)).toContain('Max-Age=0')
  })

  test.each([
    '/page/100%25',
    '/page/%2e%2e%2fetc',
    '/page/tee%20gr%C3%BCn',
    '/page//double',
    '/page/?q=1&path=//evil.example',
    '/page/a;b=c',
  ])('works for %s', async (path) => {
    const { bypassed, get } = await changedShop()
    const answer = await bypassed(path)
    expect(answer.body).toBe('new')
    expect(cleared(answer)).toContain(`; Path=${path.replace(/\?.*|a;.*/, '')}; Max-Age=0`)
    expect((await get(path)).body).toBe('old')
  })

  test('contains the whole path when the middleware is mounted at a path', async () => {
    const { app, bypassed, get, cache } = await shop({ mount: '/shop' })
    await cache.set('a', 'cached')
    app.get('/shop/page', async (req, res) => void res.send(await req.cache.get('a', { default: 'missing' })))
    const answer = await bypassed('/shop/page')
    expect(answer.body).toBe('missing')
    expect(cleared(answer)).toContain('; Path=/shop/page;')
    expect((await get('/shop/page')).body).toBe('cached')
  })

  test('is cleared as Secure when a trusted proxy reports HTTPS', async () => {
    const app = express()
    app.set('trust proxy', 'loopback')
    const { cookieFor, get } = await changedShop({
      app: app.use((req, _res, next) => {
        req.headers['x-forwarded-proto'] = 'https'
        next()
      }),
    })
    const answer = await get('/page', await cookieFor('/page'))
    expect(answer.body).toBe('new')
    expect(cleared(answer)).toMatch(/; Secure$/)
  })

  test('bypasses once when the middleware is mounted twice', async () => {
    const cache = quiet()
    const { app, bypassed } = await shop({ cache })
    app.use(keyedCache(cache, { dashboard: false }))
    app.get('/page', async (req, res) => void res.send(String(await req.cache.set('a', 1))))
    const answer = await bypassed('/page')
    expect(answer.body).toBe('false')
    expect(cleared(answer)).toBeDefined()
  })
})

describe('The staff check', () => {
  const asking = (isStaff: unknown) => ({ isStaff: isStaff as () => boolean })

  test('is called once for the request, and for no additional request', async () => {
    const isStaff = vi.fn((req: Request) => req.get('x-user') === 'staff')
    const { get, cookieFor } = await changedShop({ dashboard: { isStaff }, staffHeaders: false })
    const cookie = await cookieFor('/page')
    isStaff.mockClear()
    await get('/page')
    await get('/page', `${NAME}=yes`)
    expect(isStaff).not.toHaveBeenCalled()
    expect((await get('/page', cookie)).body).toBe('new')
    expect((await get('/page', cookie, 'customer')).body).toBe('old')
    expect(isStaff).toHaveBeenCalledTimes(2)
  })

  test('is the check of the dashboard, also when it is mounted later', async () => {
    const { get, cache } = await changedShop({
      dashboard: { isStaff: async (req) => req.get('x-user') === 'customer' },
    })
    const cookie = async () =>
      `${NAME}=${await bypassToken((text) => internalsOf(cache).sign(text), '/page', Date.now())}`
    expect((await get('/page', await cookie(), 'customer')).body).toBe('new')
    expect((await get('/page', await cookie(), 'staff')).body).toBe('old')
  })

  test('is the default check without a dashboard', async () => {
    const { get, cache } = await changedShop({ dashboard: false })
    const cookie = `${NAME}=${await bypassToken((text) => internalsOf(cache).sign(text), '/page', Date.now())}`
    expect((await get('/page', cookie)).body).toBe('new')
  })

  test.each<[string, unknown]>([
    [
      'throws',
      () => {
        throw new Error('down')
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
    ['is true only in a manner of speaking', () => 'true'],
    ['never answers', () => new Promise(() => {})],
  ])('refuses the bypass when it %s, and the page is served', async (_how, isStaff) => {
    const { get, cache } = await changedShop({ dashboard: asking(isStaff) })
    const cookie = `${NAME}=${await bypassToken((text) => internalsOf(cache).sign(text), '/page', Date.now())}`
    const answer = await get('/page', cookie)
    expect([answer.status, answer.body]).toEqual([200, 'old'])
    expect(cleared(answer)).toBeDefined()
  })
})

describe('The signing key', () => {
  const KEY = Buffer.alloc(32, 'k')

  test.each<[string, () => Promise<Buffer>]>([
    ['is not given away', () => Promise.reject(new Error('down'))],
    ['never comes', () => new Promise(() => {})],
  ])('that %s causes no error for the request, and does not hang', async (_how, fails) => {
    const secret = vi.fn(async (): Promise<Buffer> => KEY)
    const { get, cookieFor } = await changedShop({
      cache: quiet({ store: storeWith(secret), timeouts: { store: 100 } }),
    })
    const cookie = await cookieFor('/page')
    secret.mockImplementation(fails)
    const answer = await get('/page', cookie)
    expect([answer.status, answer.body]).toEqual([200, 'old'])
    expect(cleared(answer)).toBeDefined()
  })

  test('is read for staff only', async () => {
    const secret = vi.fn(async (): Promise<Buffer> => KEY)
    const { get, cookieFor } = await changedShop({ cache: quiet({ store: storeWith(secret) }) })
    const cookie = await cookieFor('/page')
    secret.mockClear()
    await get('/page', cookie, 'customer')
    await get('/page', `${NAME}=yes`)
    await get('/page')
    expect(secret).not.toHaveBeenCalled()
    expect((await get('/page', cookie)).body).toBe('new')
    expect(secret).toHaveBeenCalledTimes(1)
  })

  test('is separate for each process when the store keeps none', async () => {
    const store = storeWith()
    const { get, cookieFor } = await changedShop({ cache: quiet({ store }) })
    expect((await get('/page', await cookieFor('/page'))).body).toBe('new')
    const elsewhere = quiet({ store })
    const cookie = `${NAME}=${await bypassToken((text) => internalsOf(elsewhere).sign(text), '/page', Date.now())}`
    expect((await get('/page', cookie)).body).toBe('old')
  })

  test('gives each text its own signature, and survives a clear', async () => {
    const cache = quiet()
    const signature = await internalsOf(cache).sign('a')
    expect(signature).toHaveLength(32)
    expect(signature.equals(await internalsOf(cache).sign('a'))).toBe(true)
    expect(signature.equals(await internalsOf(cache).sign('b'))).toBe(false)
    await cache.clear()
    expect(signature.equals(await internalsOf(cache).sign('a'))).toBe(true)
  })
})

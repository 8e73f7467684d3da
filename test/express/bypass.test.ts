import express, { type Express, type Request } from 'express'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { bypassToken } from '../../src/bypass-token.js'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache, type MiddlewareOptions } from '../../src/express/middleware.js'
import type { CacheOptions } from '../../src/options.js'
import { withDeadlines } from '../../src/store/deadline.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { type Answer, serve } from '../helpers/http.js'

const NAME = 'keyedcache-bypass'

type Who = 'staff' | 'customer' | 'nobody'

interface Shop {
  readonly app: Express
  readonly cache: KeyedCache
  /** Sends the form as staff; gives the `Cookie` header for where it leads. */
  cookieFor(path: string): Promise<string>
  get(path: string, cookie?: string, who?: Who, method?: string): Promise<Answer>
  /** Gets a page with the cookie that the form has given for it. */
  bypassed(path: string): Promise<Answer>
}

interface ShopOptions extends MiddlewareOptions {
  readonly cache?: KeyedCache
  readonly mount?: string
  readonly app?: Express
}

/** An application with the middleware; who is signed in says a header, as a session would elsewhere. */
async function shop({
  cache = quiet(),
  mount = '/',
  app = express(),
  ...options
}: ShopOptions = {}): Promise<Shop> {
  app.use((req, _res, next) => {
    const who = req.get('x-user')
    if (who) Object.assign(req, { user: { is_staff: who === 'staff' } })
    next()
  })
  app.use(mount, keyedCache(cache, options))
  const server = await serve(app)
  onTestFinished(async () => {
    await server.close()
    await cache.close()
  })
  const get: Shop['get'] = (path, cookie, who = 'staff', method = 'GET') =>
    server.ask(path, {
      method,
      headers: { ...(who !== 'nobody' && { 'x-user': who }), ...(cookie && { cookie }) },
    })
  const cookieFor = async (path: string) => {
    const form = await server.ask(`${mount === '/' ? '' : mount}/cache/bypass`, {
      method: 'POST',
      headers: {
        ...{ 'x-user': 'staff', 'sec-fetch-site': 'same-origin' },
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ path }).toString(),
    })
    expect(form).toMatchObject({ status: 303, headers: { location: path } })
    return String(form.headers['set-cookie']).split(';', 1)[0] as string
  }
  return { app, cache, get, cookieFor, bypassed: async (path) => get(path, await cookieFor(path)) }
}

function quiet(options: CacheOptions = {}): KeyedCache {
  return createCache({ store: 'memory', logger: { warn() {} }, ...options })
}

/** A shop whose database has changed behind the cache's back, unlike what the page that is cached says. */
async function changedShop(options: ShopOptions = {}) {
  const made = await shop(options)
  const database = { price: 'old' }
  const answer = (req: Request) => req.cache.getOrSet('price', () => database.price)
  made.app.use('/page', async (req, res) => void res.send(await answer(req)))
  expect((await made.get('/page', undefined, 'nobody')).body).toBe('old')
  database.price = 'new'
  return { ...made, database }
}

/** The clearing of the cookie, if an answer has it. */
function cleared({ headers }: Answer): string | undefined {
  const given = [headers['set-cookie'] ?? []].flat().filter((one) => one.startsWith(`${NAME}=`))
  expect(given.length).toBeLessThan(2)
  return given[0]
}

/** A store of the application's own, which keeps no secret, or this one. */
function storeWith(secret?: () => Promise<Buffer>): Store {
  const { secret: _, ...store } = withDeadlines(new MemoryStore(), 5_000)
  return { ...store, ...(secret && { secret }) }
}

describeOnEveryBackend('A request of staff who ask for it', (open) => {
  test('gets the page without the cache: once, and for themselves alone', async () => {
    const { get, cookieFor, cache } = await changedShop({ cache: open() })
    const before = await cache.inspect('price')
    const cookie = await cookieFor('/page')
    const [seen, customer] = await Promise.all([get('/page', cookie), get('/page', undefined, 'customer')])
    expect(seen.body).toBe('new')
    expect(seen.headers['cache-status']).toBe('keyedcache; fwd=bypass')
    expect(seen.headers['server-timing']).toMatch(/^cache;dur=[\d.]+;desc="0 hits, 1 miss, 1 computed"$/)
    expect(cleared(seen)).toBe(`${NAME}=; Path=/page; Max-Age=0; HttpOnly; SameSite=Strict`)
    expect(customer.body).toBe('old')
    expect((await get('/page')).body).toBe('old')
    expect(await cache.inspect('price')).toMatchObject({ value: before.value, writtenAt: before.writtenAt })
  })

  test('is told of in the ledger, and counted by its reason', async () => {
    const { app, get, cookieFor, cache } = await shop({
      cache: open({ ledger: { sample: Number.MIN_VALUE } }),
    })
    app.get('/page', async (req, res) => {
      await req.cache.get('a')
      await req.cache.has('a')
      await req.cache.set('a', 1)
      await req.cache.getOrSet('b', () => 1)
      await req.cache.delete('c')
      res.end()
    })
    await get('/page', await cookieFor('/page'))
    expect(await cache.requests()).toMatchObject([
      {
        route: 'GET /page',
        calls: [
          { operation: 'get', key: 'a', outcome: 'miss', reason: 'bypassed' },
          { operation: 'has', key: 'a', outcome: 'miss', reason: 'bypassed' },
          { operation: 'set', key: 'a', outcome: 'skipped', reason: 'bypassed' },
          { operation: 'getOrSet', key: 'b', outcome: 'computed', reason: 'bypassed' },
          { operation: 'delete', key: 'c', outcome: 'absent' },
        ],
      },
    ])
    const { totals } = await cache.stats()
    expect(totals).toMatchObject({
      misses: 2,
      missesBy: { bypassed: 2 },
      hits: 0,
      writes: 0,
      computations: 1,
    })
  })

  test('is let through by another process than the one that was asked for it', async () => {
    const asked = await shop({ cache: open() })
    const other = await changedShop({ cache: open() })
    expect((await other.get('/page', await asked.cookieFor('/page'))).body).toBe('new')
  })
})

describe('Without the cache,', () => {
  /** What a request sees of these two, cached before. */
  async function sees<T>(ask: (bound: KeyedCache, global: KeyedCache) => Promise<T>) {
    const made = await shop()
    await made.cache.setMany([
      ['a', 'cached'],
      ['b', 'cached'],
    ])
    let seen: T | undefined
    made.app.get('/page', async (req, res) => {
      seen = await ask(req.cache, made.cache)
      res.end()
    })
    expect((await made.bypassed('/page')).status).toBe(200)
    const stored = await made.cache.getMany(['a', 'b', 'new'])
    return { seen, stored, made }
  }
  const UNTOUCHED = ['cached', 'cached', undefined]

  test('every read misses', async () => {
    const { seen, stored } = await sees(async (cache) => [
      await cache.get('a'),
      await cache.get('a', { default: 'default' }),
      await cache.has('a'),
      await cache.getMany(['a', 'b']),
      await cache.getOrThrow('a').catch((error) => error.code),
    ])
    expect(seen).toEqual([undefined, 'default', false, [undefined, undefined], 'ERR_KEYEDCACHE_NOT_CACHED'])
    expect(stored).toEqual(UNTOUCHED)
  })

  test('nothing is stored, nor kept for the same request', async () => {
    const { seen, stored } = await sees(async (cache) => [
      await cache.set('a', 'set'),
      await cache.set('new', 'set', { overwrite: true }),
      await cache.setMany([['b', 'set']]),
      await cache.get('a'),
      await cache.getOrSet('new', () => 'computed'),
      await cache.getOrSet('new', () => 'again'),
    ])
    expect(seen).toEqual([false, false, 0, undefined, 'computed', 'again'])
    expect(stored).toEqual(UNTOUCHED)
  })

  test('deletes go through', async () => {
    const { seen, stored } = await sees((cache) => cache.delete('a'))
    expect(seen).toBe(true)
    expect(stored).toEqual([undefined, 'cached', undefined])
  })

  test.each<[string, (cache: KeyedCache, read: () => Promise<unknown>) => Promise<unknown>]>([
    ['a factory', (cache, read) => cache.getOrSet('new', read)],
    [
      'a factory of many',
      async (cache, read) => cache.getOrSetMany(['new', 'newer'], async () => [await read(), 1]),
    ],
    ['a cached function', (cache, read) => cache.cached(read, { name: 'read' })()],
    ['a job', (cache, read) => cache.withRequestMemory(read)],
    [
      'a factory in a job in a factory',
      (cache, read) =>
        cache.getOrSet('new', () => cache.withRequestMemory(() => cache.getOrSet('newer', read))),
    ],
  ])('neither does %s find or store anything', async (_what, run) => {
    for (const isBound of [true, false]) {
      const { seen, stored, made } = await sees((bound, global) => {
        // As a service has it, which knows nothing of the request.
        const cache = isBound ? bound : global
        return run(cache, async () => [
          await cache.get('a'),
          await cache.getOrSet('b', () => 'computed'),
          await cache.set('new', 1),
        ])
      })
      expect([seen].flat(2).slice(0, 3)).toEqual([undefined, 'computed', false])
      expect(stored).toEqual(UNTOUCHED)
      expect((await made.cache.list({ scan: 1_000 })).entries).toHaveLength(2)
    }
  })

  test('nobody else’s computation is joined, nor is one of theirs joined', async () => {
    const { app, cache, get, cookieFor } = await shop()
    const asked: string[] = []
    let go = () => {}
    const gone = new Promise<void>((resolve) => (go = resolve))
    app.get('/page', async (req, res) => {
      const who = String(req.get('x-user'))
      const value = await req.cache.getOrSet('slow', async () => {
        asked.push(who)
        await gone
        return who
      })
      res.send(value)
    })
    const answers = [get('/page', undefined, 'customer'), get('/page', await cookieFor('/page'))]
    await expect.poll(() => asked.length).toBe(2)
    answers.push(get('/page', undefined, 'customer'))
    go()
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['customer', 'staff', 'customer'])
    expect(await cache.get('slow')).toBe('customer')
  })

  test('goes on what the request has begun, until its response: not what is left running', async () => {
    const { app, cache, bypassed } = await shop()
    await cache.set('a', 'cached')
    const late = vi.fn()
    app.get('/page', (req, res) => {
      res.once('close', () =>
        setImmediate(async () => {
          late(await req.cache.get('a'), await req.cache.set('b', 1))
        }),
      )
      res.end()
    })
    await bypassed('/page')
    await expect.poll(() => late.mock.calls).toEqual([['cached', true]])
  })

  test('what is set after the response from what was missing in it is refused: it may be out of date', async () => {
    const { app, cache, bypassed } = await shop()
    await cache.set('a', 'cached')
    const late = vi.fn()
    app.get('/page', async (req, res) => {
      await req.cache.get('a')
      res.once('close', () => setImmediate(async () => late(await req.cache.set('a', 'late'))))
      res.end()
    })
    await bypassed('/page')
    await expect.poll(() => late.mock.calls).toEqual([[false]])
    expect(await cache.get('a')).toBe('cached')
  })

  test('another cache of the application is used all the same', async () => {
    const other = quiet()
    onTestFinished(() => other.close())
    await other.set('session', 'there')
    const { seen } = await sees((cache) =>
      cache.getOrSet('new', async () => [await other.get('session'), await other.set('seen', 1)]),
    )
    expect(seen).toEqual(['there', true])
  })

  test('the application’s cookies are its own', async () => {
    const { app, bypassed } = await shop()
    app.get('/page', (_req, res) => void res.writeHead(200, { 'Set-Cookie': 'session=1' }).end())
    const { headers } = await bypassed('/page')
    expect(headers['set-cookie']).toEqual(['session=1', expect.stringContaining(`${NAME}=;`)])
  })

  test('says so where nothing is taken down, and where staff get no headers else', async () => {
    const options: ShopOptions[] = [
      { cache: quiet({ ledger: false }) },
      { staffHeaders: false },
      { cache: quiet({ ledger: false }), staffHeaders: false },
    ]
    for (const one of options) {
      const { bypassed, get } = await changedShop(one)
      const { body, headers } = await bypassed('/page')
      expect([body, headers['cache-status']]).toEqual(['new', 'keyedcache; fwd=bypass'])
      expect((await get('/page')).headers).not.toHaveProperty('cache-status')
    }
  })
})

describe('The cookie', () => {
  const sign =
    (path: string, now = Date.now()) =>
    async (cache: KeyedCache) =>
      `${NAME}=${await bypassToken((text) => cache.sign(text), path, now)}`
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

  test('is found among others, also of its own name', async () => {
    const { get, cookieFor } = await changedShop()
    const others = `a=${NAME}; ${NAME}=yes; x${NAME}=no;${NAME}=${'0'.repeat(13)}.a.b`
    expect((await get('/page', `${others}; ${await cookieFor('/page')};b=c`)).body).toBe('new')
  })

  test('of a name that only ends alike is somebody else’s', async () => {
    const { get } = await changedShop()
    expect(cleared(await get('/page', `x${NAME}=1`))).toBeUndefined()
    expect(cleared(await get('/page'))).toBeUndefined()
  })

  test('is for what is looked at: with HEAD too, but not with POST', async () => {
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

  test('is for the whole path, where the middleware is mounted below one', async () => {
    const { app, bypassed, get, cache } = await shop({ mount: '/shop' })
    await cache.set('a', 'cached')
    app.get('/shop/page', async (req, res) => void res.send(await req.cache.get('a', { default: 'missing' })))
    const answer = await bypassed('/shop/page')
    expect(answer.body).toBe('missing')
    expect(cleared(answer)).toContain('; Path=/shop/page;')
    expect((await get('/shop/page')).body).toBe('cached')
  })

  test('is cleared as a Secure one where a trusted proxy says HTTPS', async () => {
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

  test('lets the request through once, where the middleware is mounted twice', async () => {
    const cache = quiet()
    const { app, bypassed } = await shop({ cache })
    app.use(keyedCache(cache, { dashboard: false }))
    app.get('/page', async (req, res) => void res.send(String(await req.cache.set('a', 1))))
    const answer = await bypassed('/page')
    expect(answer.body).toBe('false')
    expect(cleared(answer)).toBeDefined()
  })
})

describe('Who is staff', () => {
  const asking = (isStaff: unknown) => ({ isStaff: isStaff as () => boolean })

  test('is asked once of the request, and of no other that would not be asked anyway', async () => {
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

  test('says the dashboard’s own check, later too', async () => {
    const { get, cache } = await changedShop({
      dashboard: { isStaff: async (req) => req.get('x-user') === 'customer' },
    })
    const cookie = async () => `${NAME}=${await bypassToken((text) => cache.sign(text), '/page', Date.now())}`
    expect((await get('/page', await cookie(), 'customer')).body).toBe('new')
    expect((await get('/page', await cookie(), 'staff')).body).toBe('old')
  })

  test('says the default check without a dashboard here', async () => {
    const { get, cache } = await changedShop({ dashboard: false })
    const cookie = `${NAME}=${await bypassToken((text) => cache.sign(text), '/page', Date.now())}`
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
  ])('is nobody where the check %s, and the page comes', async (_how, isStaff) => {
    const { get, cache } = await changedShop({ dashboard: asking(isStaff) })
    const cookie = `${NAME}=${await bypassToken((text) => cache.sign(text), '/page', Date.now())}`
    const answer = await get('/page', cookie)
    expect([answer.status, answer.body]).toEqual([200, 'old'])
    expect(cleared(answer)).toBeDefined()
  })
})

describe('The key', () => {
  const KEY = Buffer.alloc(32, 'k')

  test.each<[string, () => Promise<Buffer>]>([
    ['is not given away', () => Promise.reject(new Error('down'))],
    ['never comes', () => new Promise(() => {})],
  ])('that %s is no error for who asked, and hangs nothing', async (_how, fails) => {
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

  test('is asked for by nobody but staff', async () => {
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

  test('is each process’s own with a store that keeps none', async () => {
    const store = storeWith()
    const { get, cookieFor } = await changedShop({ cache: quiet({ store }) })
    expect((await get('/page', await cookieFor('/page'))).body).toBe('new')
    const elsewhere = quiet({ store })
    const cookie = `${NAME}=${await bypassToken((text) => elsewhere.sign(text), '/page', Date.now())}`
    expect((await get('/page', cookie)).body).toBe('old')
  })

  test('signs each text in its own way, and goes on to after a clear', async () => {
    const cache = quiet()
    const signature = await cache.sign('a')
    expect(signature).toHaveLength(32)
    expect(signature.equals(await cache.sign('a'))).toBe(true)
    expect(signature.equals(await cache.sign('b'))).toBe(false)
    await cache.clear()
    expect(signature.equals(await cache.sign('a'))).toBe(true)
  })
})

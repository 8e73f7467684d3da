import { once } from 'node:events'
import { request, type ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import express, { type Express, type Request, type Response } from 'express'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { CacheInternals } from '../../src/cache/internals.js'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache, type MiddlewareOptions } from '../../src/express/middleware.js'
import { cacheStatus, serverTiming } from '../../src/express/staff-headers.js'
import type { CacheOptions } from '../../src/options.js'
import type { CallSummary } from '../../src/stats/request-log.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { type Answer, serve, type TestServer } from '../helpers/http.js'
import { signIn, signInByHeader, USER_HEADER } from '../helpers/sign-in.js'

interface Shop extends TestServer {
  readonly app: Express
  readonly cache: KeyedCache
  /** Sends a request by staff, or with `false` by an anonymous user. */
  get(path: string, isStaff?: boolean): Promise<Answer>
}

/** An application with the middleware in front; a header signs staff in. */
async function shop({
  cache = createCache({ store: 'memory' }),
  before,
  ...options
}: MiddlewareOptions & {
  readonly cache?: KeyedCache
  readonly before?: (app: Express) => void
} = {}): Promise<Shop> {
  const app = express()
  app.use(signInByHeader)
  before?.(app)
  const handler = keyedCache(cache, options)
  app.use(handler)
  const server = await serve(app)
  onTestFinished(async () => {
    await server.close()
    await cache.close()
  })
  const get = (path: string, isStaff = true) =>
    server.ask(path, { headers: isStaff ? { [USER_HEADER]: 'staff' } : {} })
  return { ...server, app, cache, get }
}

/** Reads `a`, which is there, twice, and `b`, which is not. */
async function readSome(req: Request): Promise<void> {
  await req.cache.get('a')
  await req.cache.get('a')
  await req.cache.get('b')
}

const sampled = (requestLog: CacheOptions['requestLog']) =>
  createCache({ store: 'memory', ...(requestLog !== undefined && { requestLog }) })

/** So few that no request of a test is among them. */
const NEVER = { sample: Number.MIN_VALUE }

describeOnEveryBackend('A request', (open) => {
  test('is in the request log once it has ended, with its calls in order', async () => {
    const { app, cache, ask } = await shop({ cache: open({ requestLog: true }) })
    await cache.set('a', 1)
    app.get('/products/:id', async (req, res) => {
      await readSome(req)
      await req.cache.set('b', 2)
      await pause(10)
      res.status(418).end()
    })
    const before = Date.now()
    await ask('/products/1?token=secret')
    const requests = await cache.requests()
    expect(requests).toHaveLength(1)
    const [one] = requests
    expect(one).toMatchObject({
      process: cache.processStats().process,
      route: 'GET /products/1',
      status: 418,
      moreCalls: 0,
      calls: [
        { operation: 'get', key: 'a', outcome: 'hit', tier: 'store' },
        { operation: 'get', key: 'a', outcome: 'hit', tier: 'request' },
        { operation: 'get', key: 'b', outcome: 'miss', reason: 'absent' },
        { operation: 'set', key: 'b', outcome: 'stored' },
      ],
    })
    expect(one?.at).toBeGreaterThanOrEqual(before)
    expect(one?.durationMs).toBeGreaterThanOrEqual(9)
    expect(one?.durationMs).toBeLessThan(5_000)
    const last = one?.calls.at(-1)
    expect((last?.afterMs ?? 0) + (last?.durationMs ?? 0)).toBeLessThanOrEqual(one?.durationMs ?? 0)
  })
})

describe('Of requests', () => {
  test('those without cache calls are not recorded', async () => {
    const { app, cache, ask } = await shop()
    app.get('/', (_req, res) => void res.send('plain'))
    await ask('/')
    await ask('/none')
    expect(await cache.requests()).toEqual([])
  })

  test('none is recorded with requestLog: false, nor reported in headers', async () => {
    const { app, cache, get } = await shop({ cache: sampled(false) })
    app.get('/', async (req, res) => {
      await readSome(req)
      res.end()
    })
    const { headers } = await get('/')
    expect(headers).not.toHaveProperty('server-timing')
    expect(headers).not.toHaveProperty('cache-status')
    expect(await cache.requests()).toEqual([])
  })

  test('a sample is recorded, and all requests of staff', async () => {
    const { app, cache, get } = await shop({ cache: sampled({ sample: 0.25 }) })
    app.get('/:who', async (req, res) => {
      await req.cache.get('a')
      res.end()
    })
    const dice = vi.spyOn(Math, 'random')
    for (const [path, share] of [
      ['in', 0.2499],
      ['out', 0.25],
    ] as const) {
      dice.mockReturnValue(share)
      await get(`/${path}`, false)
    }
    await get('/staff')
    dice.mockRestore()
    const routes = (await cache.requests()).map(({ route }) => route)
    expect(routes.sort()).toEqual(['GET /in', 'GET /staff'])
  })

  test('an unsampled one has no request log at all', async () => {
    const { app, cache, get } = await shop({ cache: sampled(NEVER) })
    const open = vi.spyOn(CacheInternals.prototype, 'openScope')
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      res.end()
    })
    await get('/', false)
    expect(open.mock.calls.map(([{ log }]) => log)).toEqual([undefined])
    open.mockRestore()
    expect(await cache.requests()).toEqual([])
  })

  test('those of the dashboard are never recorded, at any path, even when earlier middleware uses the cache', async () => {
    const cache = createCache({ store: 'memory' })
    const { app, get } = await shop({ cache })
    app.use(async (req: Request, _res: Response, next: () => void) => {
      await req.cache.get('session')
      next()
    })
    const other = keyedCache({ store: 'memory', dashboard: false })
    app.use('/admin/cache', keyedCache(cache).dashboard())
    app.use('/admin/other', other.dashboard())
    for (const path of ['/cache/', '/admin/cache/', '/admin/cache/requests', '/admin/other/']) {
      const { status, headers } = await get(path)
      expect(status, path).toBe(200)
      expect(headers, path).not.toHaveProperty('server-timing')
    }
    await get('/elsewhere')
    expect((await cache.requests()).map(({ route }) => route)).toEqual(['GET /elsewhere'])
    await other.close()
  })

  test('one that was aborted is marked as aborted', async () => {
    const { app, cache, port } = await shop()
    let asked = () => {}
    const hasAsked = new Promise<void>((resolve) => (asked = resolve))
    app.get('/', async (req) => {
      await req.cache.get('a')
      asked()
    })
    const asking = request({ port, host: '127.0.0.1', path: '/' })
    asking.on('error', () => {})
    asking.end()
    await hasAsked
    asking.destroy()
    await expect.poll(() => cache.requests()).toMatchObject([{ route: 'GET /', aborted: true }])
  })

  test('one is recorded once when the middleware is mounted twice', async () => {
    const { app, cache, ask } = await shop()
    app.use(keyedCache(cache, { dashboard: false }))
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      res.end()
    })
    await ask('/')
    expect(await cache.requests()).toMatchObject([{ calls: [{ key: 'a' }] }])
  })

  test('the full path is recorded in a router, and the beginning of a long path', async () => {
    const { app, cache, ask } = await shop()
    const router = express.Router()
    router.use(async (req, res) => {
      await req.cache.get('a')
      res.end()
    })
    app.use('/shop', router)
    await ask('/shop/products?q=1')
    await ask(`/shop/${'x'.repeat(5_000)}`)
    const routes = (await cache.requests()).map(({ route }) => route)
    expect(routes).toContain('GET /shop/products')
    expect(routes.map(({ length }) => length)).toContain(200)
  })

  test('calls after the response belong to no request', async () => {
    const { app, cache, ask } = await shop()
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      res.end()
      await once(res, 'close')
      await req.cache.get('late')
    })
    await ask('/')
    await expect.poll(() => cache.processStats().totals.misses).toBe(2)
    expect(await cache.requests()).toMatchObject([{ calls: [{ key: 'a' }] }])
  })
})

describe('Staff', () => {
  test('get headers with the time and the outcomes of the cache', async () => {
    const { app, cache, get } = await shop()
    await cache.set('a', 1)
    app.get('/', async (req, res) => {
      await readSome(req)
      await req.cache.getOrSet('c', () => pause(20).then(() => 1))
      res.send('done')
    })
    const { headers, body } = await get('/')
    expect(body).toBe('done')
    expect(headers['server-timing']).toMatch(/^cache;dur=\d+(\.\d+)?;desc="2 hits, 2 misses, 1 computed"$/)
    const [, ms] = /dur=([\d.]+)/.exec(headers['server-timing'] as string) ?? []
    expect(Number(ms)).toBeGreaterThanOrEqual(19)
    expect(headers['cache-status']).toBe('keyedcache; fwd=miss; stored')
  })

  test('alone get the headers, neither customers nor anonymous users', async () => {
    const { app, get } = await shop({
      before: (before) =>
        before.use(signIn((req) => (req.get(USER_HEADER) ? undefined : { is_staff: 'yes' }))),
    })
    app.get('/', async (req, res) => {
      await readSome(req)
      res.end()
    })
    expect((await get('/')).headers).toHaveProperty('server-timing')
    expect((await get('/', false)).headers).not.toHaveProperty('server-timing')
  })

  test('get no headers for a request without cache calls', async () => {
    const { app, get } = await shop()
    app.get('/', (_req, res) => void res.send('plain'))
    const { headers } = await get('/')
    expect(headers).not.toHaveProperty('server-timing')
    expect(headers).not.toHaveProperty('cache-status')
  })

  test('get no headers with staffHeaders: false', async () => {
    const { app, cache, get } = await shop({ cache: sampled(NEVER), staffHeaders: false })
    app.get('/', async (req, res) => {
      await readSome(req)
      res.end()
    })
    expect((await get('/')).headers).not.toHaveProperty('server-timing')
    expect(await cache.requests()).toEqual([])
    const handler = keyedCache({ store: 'memory', staffHeaders: false })
    await handler.close()
  })

  test.each<[string, (res: Response) => unknown]>([
    ['send', (res) => res.send('done')],
    ['json', (res) => res.json({})],
    ['end', (res) => res.end('done')],
    ['writeHead', (res) => res.writeHead(200, { 'Content-Type': 'text/plain' }).end('done')],
    ['writeHead with a reason', (res) => res.writeHead(200, 'Fine', { 'x-a': '1' }).end('done')],
    ['writeHead alone', (res) => res.writeHead(200).end('done')],
    ['write', (res) => [res.write('do'), res.end('ne')]],
    ['flushHeaders', (res) => [res.flushHeaders(), res.end('done')]],
    ['redirect', (res) => res.redirect('/elsewhere')],
    ['sendFile', (res) => res.sendFile(`${process.cwd()}/package.json`)],
    ['sendStatus', (res) => res.sendStatus(204)],
  ])('get the headers with %s', async (_how, answer) => {
    const { app, cache, get } = await shop()
    await cache.set('a', 1)
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      answer(res)
    })
    const { headers } = await get('/')
    expect(headers['server-timing']).toMatch(/^cache;dur=[\d.]+;desc="1 hit, 0 misses"$/)
    expect(headers['cache-status']).toBe('keyedcache; hit')
  })

  test.each<[string, (res: Response) => unknown]>([
    ['set', (res) => res.set({ 'Server-Timing': 'db;dur=5', 'Cache-Status': 'cdn; hit' }).end()],
    [
      'set as a list',
      (res) => res.set('Server-Timing', ['db;dur=5']).set('Cache-Status', ['cdn; hit']).end(),
    ],
    ['given', (res) => res.writeHead(200, { 'server-timing': 'db;dur=5', 'CACHE-STATUS': 'cdn; hit' }).end()],
    [
      'given as a list of lists',
      (res) =>
        res.writeHead(200, { 'Server-Timing': ['db;dur=5'], 'Cache-Status': ['cdn; hit'] } as never).end(),
    ],
    [
      'given as an array',
      (res) => res.writeHead(200, ['Server-Timing', 'db;dur=5', 'Cache-Status', 'cdn; hit'] as never).end(),
    ],
    [
      'set, and others given as an array',
      (res) =>
        res
          .set({ 'Server-Timing': 'db;dur=5', 'Cache-Status': 'cdn; hit' })
          .writeHead(200, ['X-A', '1'] as never)
          .end(),
    ],
    [
      'set by a later hook on writeHead',
      (res) => {
        const { writeHead } = res
        res.writeHead = function hooked(this: ServerResponse, ...args: unknown[]) {
          this.setHeader('Server-Timing', 'db;dur=5')
          this.setHeader('Cache-Status', 'cdn; hit')
          return (writeHead as (...given: unknown[]) => ServerResponse).apply(this, args)
        } as never
        res.end()
      },
    ],
  ])('keep a header that the application has %s', async (_how, answer) => {
    const { app, get } = await shop()
    app.get('/', async (req, res) => {
      await req.cache.get('b')
      answer(res)
    })
    const { headers } = await get('/')
    expect(headers['server-timing']).toMatch(/^db;dur=5, cache;dur=[\d.]+;desc="0 hits, 1 miss"$/)
    expect(headers['cache-status']).toBe('cdn; hit, keyedcache; fwd=miss')
  })

  test('get an unchanged response when the application sends no headers of its own', async () => {
    const { app, get } = await shop()
    app.disable('x-powered-by')
    app.get('/', async (req, res) => {
      await req.cache.get('b')
      res.writeHead(200, [
        ['X-A', '1'],
        ['X-B', '2'],
      ] as never)
      res.end()
    })
    const { headers } = await get('/')
    expect(headers).toMatchObject({ 'x-a': '1', 'x-b': '2', 'cache-status': 'keyedcache; fwd=miss' })
  })

  test('get the headers once when the first attempt of the application to send headers fails', async () => {
    const { app, get } = await shop()
    app.get('/', async (req, res) => {
      await req.cache.get('b')
      expect(() => res.writeHead(9_999)).toThrow(RangeError)
      res.status(500).end()
    })
    expect((await get('/')).headers['cache-status']).toBe('keyedcache; fwd=miss')
  })

  test('get the error of an application that sends headers twice', async () => {
    const { app, get } = await shop()
    const failed = vi.fn()
    app.get('/', async (req, res) => {
      await req.cache.get('b')
      res.end('first')
      try {
        res.writeHead(500)
      } catch (error) {
        failed((error as { code?: string }).code)
      }
    })
    expect((await get('/')).body).toBe('first')
    expect(failed).toHaveBeenCalledWith('ERR_HTTP_HEADERS_SENT')
  })
})

describe('isStaff', () => {
  const answerOf = async (
    isStaff: unknown,
    { asksFor = 10, requestLog = NEVER as CacheOptions['requestLog'] } = {},
  ) => {
    const { app, cache, get } = await shop({
      cache: sampled(requestLog),
      dashboard: { isStaff: isStaff as () => boolean },
    })
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      await pause(asksFor)
      res.end('done')
    })
    const began = performance.now()
    const { headers, body, status } = await get('/')
    expect([status, body]).toEqual([200, 'done'])
    const tookMs = performance.now() - began
    return {
      hasHeaders: 'server-timing' in headers,
      isRecorded: (await cache.requests()).length === 1,
      tookMs,
    }
  }

  test.each<[string, unknown, boolean]>([
    ['yes', () => true, true],
    ['yes, later', () => pause(1).then(() => true), true],
    ['no, later', () => pause(1).then(() => false), false],
    [
      'throws',
      () => {
        throw new Error('down')
      },
      false,
    ],
    ['rejects', () => Promise.reject(new Error('down')), false],
    ['is true only in a manner of speaking', () => 'true', false],
    ['gives an object', () => ({}), false],
    [
      'gives something that throws when it is awaited',
      () =>
        Object.defineProperty({}, 'then', {
          get() {
            throw new Error('evil')
          },
        }),
      false,
    ],
    ['gives something that never answers', () => new Promise(() => {}), false],
    ['looks at the cache', async (req: Request) => (await req.cache.get('role')) === undefined, true],
  ])('that %s decides of headers and request log', async (_how, isStaff, expected) => {
    expect(await answerOf(isStaff)).toMatchObject({ hasHeaders: expected, isRecorded: expected })
  })

  test('that is slow does not delay the response', async () => {
    const { hasHeaders, tookMs } = await answerOf(() => pause(3_000).then(() => true), { asksFor: 0 })
    expect(hasHeaders).toBe(false)
    expect(tookMs).toBeLessThan(1_500)
  })

  test('does not affect requests that are sampled anyway', async () => {
    for (const isStaff of [
      () => false,
      async () => false,
      () => new Promise(() => {}),
      () => Promise.reject(1),
    ]) {
      expect(await answerOf(isStaff, { requestLog: true })).toMatchObject({
        hasHeaders: false,
        isRecorded: true,
      })
    }
  })

  test('is called once for each request', async () => {
    const isStaff = vi.fn(() => false)
    await answerOf(isStaff)
    expect(isStaff).toHaveBeenCalledTimes(1)
  })

  test('is called for signed-in users only, so that a check that accepts all shows nothing to anonymous users', async () => {
    const isStaff = vi.fn(() => true)
    const { app, cache, get } = await shop({ cache: sampled(NEVER), dashboard: { isStaff } })
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      res.end()
    })
    const { headers } = await get('/', false)
    expect(headers).not.toHaveProperty('server-timing')
    expect(headers).not.toHaveProperty('cache-status')
    expect(isStaff).not.toHaveBeenCalled()
    expect(await cache.requests()).toEqual([])
    expect((await get('/')).headers).toHaveProperty('cache-status')
  })

  test('is called for every request with staffHeaders: true, as behind basic authentication', async () => {
    const { app, get } = await shop({
      cache: sampled(NEVER),
      dashboard: { isStaff: (req) => req.get('authorization') === 'Basic eDp5' },
      staffHeaders: true,
      before: (app) =>
        app.use((req, _res, next) => {
          if (req.path === '/staff') req.headers.authorization = 'Basic eDp5'
          next()
        }),
    })
    app.use(async (req, res) => {
      await req.cache.get('a')
      res.end()
    })
    expect((await get('/staff', false)).headers).toHaveProperty('cache-status')
    expect((await get('/', false)).headers).not.toHaveProperty('cache-status')
  })

  test('must be a function', () => {
    expect(() => keyedCache({ store: 'memory', dashboard: { isStaff: true as never } })).toThrow('isStaff')
  })
})

/** A list of tokens with parameters by RFC 8941: the syntax of `Cache-Status`. */
const MEMBER =
  /^[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*(; ?[a-z*][a-z0-9_\-.*]*(=([A-Za-z*][\w!#$%&'*+\-.^`|~:/]*|-?\d+|"[^"\\]*"))?)*$/

describe('The headers', () => {
  const none: CallSummary = {
    ...{
      calls: 0,
      hits: 0,
      misses: 0,
      disabled: 0,
      storeDown: 0,
      computed: 0,
      waited: 0,
      stored: 0,
      writes: 0,
    },
    cacheMs: 1.9349,
  }

  test.each<[Partial<CallSummary>, string, string | undefined]>([
    [{ hits: 3, misses: 1 }, '3 hits, 1 miss', 'keyedcache; fwd=miss'],
    [{ hits: 1 }, '1 hit, 0 misses', 'keyedcache; hit'],
    [
      { hits: 1, misses: 1, computed: 1, stored: 1 },
      '1 hit, 1 miss, 1 computed',
      'keyedcache; fwd=miss; stored',
    ],
    [{ misses: 2, waited: 2 }, '0 hits, 2 misses', 'keyedcache; fwd=miss; collapsed'],
    [{ misses: 2, waited: 1 }, '0 hits, 2 misses', 'keyedcache; fwd=miss'],
    [{ misses: 2, disabled: 2 }, '0 hits, 2 misses', 'keyedcache; fwd=bypass'],
    [{ hits: 1, misses: 2, storeDown: 1 }, '1 hit, 2 misses', 'keyedcache; fwd=miss; detail=store-down'],
    [{ calls: 2, writes: 2 }, '2 writes', undefined],
    [{ calls: 1 }, '1 call', undefined],
  ])('of %j', (summary, desc, status) => {
    expect(serverTiming({ ...none, ...summary })).toBe(`cache;dur=1.93;desc="${desc}"`)
    expect(cacheStatus({ ...none, ...summary })).toBe(status)
    if (status !== undefined) expect(status).toMatch(MEMBER)
  })
})

import { EventEmitter, once } from 'node:events'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import express, { type ErrorRequestHandler, type NextFunction, type Request, type Response } from 'express'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { ConfigurationError } from '../../src/errors.js'
import { keyedCache } from '../../src/express/middleware.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { serve, type TestServer } from '../helpers/http.js'
import { collectGarbage } from '../helpers/memory.js'
import { startRedis } from '../helpers/redis.js'
import { signIn } from '../helpers/sign-in.js'

const servers: TestServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function start(app: express.Express): Promise<TestServer> {
  const server = await serve(app)
  servers.push(server)
  return server
}

/** An application whose cache holds `a`, with the middleware in front. */
async function shop(cache: KeyedCache = createCache({ store: 'memory' })) {
  await cache.set('a', { n: 0 })
  const app = express()
  app.use(keyedCache(cache, { dashboard: false }))
  return { app, cache }
}

describe('app.use(keyedCache())', () => {
  test('needs no further setup', async () => {
    vi.stubEnv('REDIS_URL', '')
    const app = express()
    const handler = keyedCache()
    app.use(handler)
    app.get('/', async (req, res) => {
      const seen = await req.cache.get<number>('visits', { default: 0 })
      await req.cache.set('visits', seen + 1)
      res.json(seen)
    })
    const server = await start(app)
    expect((await server.ask('/')).body).toBe('0')
    expect((await server.ask('/')).body).toBe('1')
    expect((await server.ask('/cache/')).status).toBe(401)
    await handler.close()
    vi.unstubAllEnvs()
  })

  test('serves a repeated read from request memory, with req.cache and without', async () => {
    const { app, cache } = await shop()
    const service = () => cache.get('a')
    app.get('/', async (req, res) => {
      res.json([await req.cache.get('a'), await service(), await req.cache.get('a')])
    })
    const server = await start(app)
    expect((await server.ask('/')).body).toBe('[{"n":0},{"n":0},{"n":0}]')
    expect(cache.processStats().totals).toMatchObject({ hits: 3, requestHits: 2 })
  })

  test('mounts the dashboard at the path of its option, or nowhere', async () => {
    const app = express()
    app.use(keyedCache({ store: 'memory', dashboard: { path: '/staff/Cache' } }))
    app.use('/elsewhere', keyedCache({ store: 'memory', dashboard: false }).dashboard())
    app.get('/staff/cachefoo', (_req, res) => void res.send('the application’s own'))
    const server = await start(app)
    expect((await server.ask('/staff/cache/')).status).toBe(401)
    expect((await server.ask('/elsewhere/')).status).toBe(401)
    expect((await server.ask('/staff/cachefoo')).body).toBe('the application’s own')
    expect((await server.ask('/cache/')).status).toBe(404)
  })

  test('that is not called says so at the first request', async () => {
    const app = express()
    app.use(keyedCache as never)
    app.use(((error, _req, res, _next) => void res.send(error.message)) as ErrorRequestHandler)
    const server = await start(app)
    expect((await server.ask('/')).body).toBe(
      'keyedCache makes the middleware. Call it: app.use(keyedCache()).',
    )
  })

  test('refuses unknown options', () => {
    expect(() => keyedCache({ dashbord: false } as never)).toThrow(ConfigurationError)
    expect(() => keyedCache({ dashboard: { readonly: true } } as never)).toThrow(/did you mean "readOnly"/)
    expect(() => keyedCache(createCache({ store: 'memory' }), { ttl: 5 } as never)).toThrow(
      /Unknown option "ttl"/,
    )
  })

  test('records user and route of a delete', async () => {
    const { app, cache } = await shop()
    app.use(signIn({ username: 'anna', id: 5 }))
    app.post('/products/:id', async (req, res) => {
      await req.cache.delete('a')
      res.end()
    })
    const server = await start(app)
    await server.ask('/products/123?secret=1', { method: 'POST' })
    const { provenance, why } = await cache.inspect('a')
    expect(provenance).toMatchObject({ route: 'POST /products/123', user: 'anna' })
    expect(why).toMatch(/^Deleted \d+ ms ago by process .+, POST \/products\/123, user anna\.$/)
  })

  test('deletes also when the audit hook fails', async () => {
    const store = new MemoryStore()
    const cache = createCache({ store })
    const app = express()
    const hooks: Record<string, () => unknown> = {
      throwing: () => {
        throw new Error('no user database')
      },
      numeric: () => ({ user: 5 }),
      nested: () => ({ user: { name: 'x' }, route: ['a'] }),
      empty: () => null,
    }
    for (const [name, audit] of Object.entries(hooks)) {
      app.use(`/${name}`, keyedCache(createCache({ store }), { dashboard: false, audit: audit as never }))
      app.post(`/${name}`, async (req, res) => void res.json(await req.cache.delete('a')))
    }
    const user = Object.defineProperty({}, 'username', {
      get() {
        throw new Error('lazy')
      },
    })
    app.use('/lazy', signIn(user))
    app.use('/lazy', keyedCache(createCache({ store }), { dashboard: false }))
    app.post('/lazy', async (req, res) => void res.json(await req.cache.delete('a')))
    const server = await start(app)
    for (const name of [...Object.keys(hooks), 'lazy']) {
      await cache.set('a', 1)
      expect((await server.ask(`/${name}`, { method: 'POST' })).body, name).toBe('true')
      const { provenance } = await cache.inspect('a')
      if (name === 'throwing') expect(provenance?.user).toMatch(/audit failed: Error: no user database/)
      if (name === 'numeric') expect(provenance?.user).toBe('5')
      if (name === 'lazy')
        expect(provenance).toMatchObject({ route: 'POST /lazy', user: expect.stringMatching(/lazy/) })
    }
  })
})

describe('Mounted twice', () => {
  test('has one scope: a miss before the second middleware makes a set after it a fill', async () => {
    const { app, cache } = await shop()
    app.use(async (req, _res, next) => {
      await req.cache.get('a')
      await req.cache.get('p')
      await internalsOf(cache)
        .bindTo(internalsOf(cache).openScope({ fills: false }))
        .delete('p')
      next()
    })
    app.use(keyedCache(cache, { dashboard: false }))
    app.get('/', async (req, res) => {
      await req.cache.get('a')
      res.json([await req.cache.set('p', 'stale'), cache.processStats().totals.requestHits])
    })
    expect((await (await start(app)).ask('/')).body).toBe('[false,1]')
  })

  test('with another cache provides that cache, each with its own scope', async () => {
    const { app } = await shop()
    const second = createCache({ store: 'memory' })
    app.use('/second', keyedCache(second, { dashboard: false }))
    app.get('/second', async (req, res) => void res.json(await req.cache.has('a')))
    app.get('/', async (req, res) => void res.json(await req.cache.has('a')))
    const server = await start(app)
    expect((await server.ask('/second')).body).toBe('false')
    expect((await server.ask('/')).body).toBe('true')
  })

  test.each([
    ['a proxy', (cache: KeyedCache) => new Proxy(cache, {})],
    ['an object above it', (cache: KeyedCache) => Object.create(cache) as KeyedCache],
  ])('with %s as req.cache between the two, it serves requests and the dashboard', async (_, wrap) => {
    const { app, cache } = await shop()
    app.use((req, _res, next) => {
      req.cache = wrap(req.cache)
      next()
    })
    app.use(keyedCache(cache, { dashboard: { isStaff: () => true } }))
    app.get('/', async (req, res) => void res.json(await req.cache.get('a')))
    const server = await start(app)
    expect((await server.ask('/')).body).toBe('{"n":0}')
    expect((await server.ask('/cache/api/stats')).status).toBe(200)
  })
})

test('keyedCache() refuses a wrapped cache by name', () => {
  const cache = createCache({ store: 'memory' })
  for (const wrapped of [new Proxy(cache, {}), Object.create(cache) as KeyedCache]) {
    expect(() => keyedCache(wrapped)).toThrow(ConfigurationError)
    expect(() => keyedCache(wrapped)).toThrow(/^A cache does not work through a proxy, or as a prototype: /)
  }
})

describe('A set after a miss', () => {
  const app = async (change: (cache: KeyedCache) => Promise<unknown>) => {
    const { app, cache } = await shop()
    app.all('/', async (req, res) => {
      await req.cache.get('p')
      await change(cache)
      res.send(String(await req.cache.set('p', 'computed')))
    })
    return start(app)
  }
  const outside = (cache: KeyedCache) =>
    internalsOf(cache)
      .bindTo(internalsOf(cache).openScope({ fills: false }))
      .delete('p')

  test('in a GET or HEAD is a fill, in a POST a plain write', async () => {
    const server = await app(outside)
    expect((await server.ask('/')).body).toBe('false')
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      expect((await server.ask('/', { method })).body).toBe('true')
    }
    const still = await app(async () => {})
    expect((await still.ask('/')).body).toBe('true')
  })
})

describe('The request scope', () => {
  /** Answers how many of the request's reads came from its memory. */
  const probe = (cache: KeyedCache) => async () => {
    const before = cache.processStats().totals.requestHits
    await cache.get('a')
    await cache.get('a')
    return cache.processStats().totals.requestHits - before
  }

  const ways: Record<string, (app: express.Express, inMemory: () => Promise<number>) => void> = {
    'an async handler': (app, inMemory) => {
      app.get('/', async (_req, res) => {
        await pause(1)
        res.json(await inMemory())
      })
    },
    'timers and callbacks': (app, inMemory) => {
      app.get('/', (_req, res) => {
        setTimeout(() => process.nextTick(() => setImmediate(async () => res.json(await inMemory()))), 1)
      })
    },
    'a chain of next()': (app, inMemory) => {
      app.use((_req, _res, next) => setImmediate(next))
      app.use(
        '/',
        express.Router().use((_req: Request, _res: Response, next: NextFunction) => next()),
      )
      app.get('/', async (_req, res) => void res.json(await inMemory()))
    },
    'an error handler': (app, inMemory) => {
      app.get('/', (_req, _res, next) => void setImmediate(() => next(new Error('broken'))))
      app.use(async (_error: Error, _req: Request, res: Response, _next: NextFunction) => {
        res.json(await inMemory())
      })
    },
    'a stream': (app, inMemory) => {
      app.get('/', (_req, res) => {
        Readable.from(
          (async function* () {
            yield String(await inMemory())
          })(),
        ).pipe(res)
      })
    },
    'a body parser': (app, inMemory) => {
      app.use(express.json())
      app.post('/', async (_req, res) => void res.json(await inMemory()))
      app.get('/', async (_req, res) => void res.json(await inMemory()))
    },
  }
  for (const [way, build] of Object.entries(ways)) {
    test(`survives ${way}`, async () => {
      const { app, cache } = await shop()
      build(app, probe(cache))
      const server = await start(app)
      expect((await server.ask('/')).body).toBe('1')
      if (way === 'a body parser') {
        const headers = { 'content-type': 'application/json' }
        expect((await server.ask('/', { method: 'POST', headers, body: '{"a":1}' })).body).toBe('1')
      }
    })
  }

  test('is on req.cache even when the async context was lost', async () => {
    const { app, cache } = await shop()
    const bus = new EventEmitter()
    app.get('/', (req, res) => {
      bus.once('go', async () => {
        await req.cache.get('a')
        await req.cache.get('a')
        await req.cache.get('missed')
        await internalsOf(cache)
          .bindTo(internalsOf(cache).openScope({ fills: false }))
          .delete('missed')
        res.json([cache.processStats().totals.requestHits, await req.cache.set('missed', 'stale')])
      })
    })
    const server = await start(app)
    const asking = server.ask('/')
    await vi.waitFor(() => expect(bus.listenerCount('go')).toBe(1))
    bus.emit('go')
    expect((await asking).body).toBe('[1,false]')
  })

  test('is never shared by two requests, on one connection or at once', async () => {
    const { app, cache } = await shop()
    app.get('/:n', async (req, res) => {
      const first = await cache.get<{ n: number }>('a')
      // Behind the back of this request's memory.
      await internalsOf(cache)
        .bindTo(internalsOf(cache).openScope({ fills: false }))
        .set('a', { n: Number(req.params.n) })
      await pause(2)
      const again = await cache.get<{ n: number }>('a')
      res.json([first?.n, again?.n])
    })
    const server = await start(app)
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => server.ask(`/${n}`)))
    for (const { body } of answers) {
      const [first, again] = JSON.parse(body)
      expect(again).toBe(first)
    }
    await cache.set('a', { n: 100 })
    for (let n = 101; n < 106; n++) expect((await server.ask(`/${n}`)).body).toBe(`[${n - 1},${n - 1}]`)
  })

  test('does not retain the request that opened the connection', async () => {
    const redis = await startRedis()
    const cache = createCache({ redis: redis.url, keyPrefix: 'kept' })
    const app = express()
    app.use(keyedCache(cache, { dashboard: false }))
    const requests: WeakRef<Request>[] = []
    app.get('/', async (req, res) => {
      requests.push(new WeakRef(req))
      await req.cache.get('a')
      await req.cache.set('a', 1)
      await req.cache.delete('a', { children: true })
      res.end()
    })
    const server = await start(app)
    for (let n = 0; n < 5; n++) await server.ask('/')
    await vi.waitFor(
      () => {
        collectGarbage()
        // A kept-alive connection holds its last request.
        expect(requests.slice(0, 4).map((request) => request.deref() !== undefined)).toEqual([
          false,
          false,
          false,
          false,
        ])
      },
      { timeout: 10_000, interval: 200 },
    )
    await cache.close()
    await redis.stop()
  })

  test('ends with the response, also after an abort', async () => {
    const { app, cache } = await shop()
    const after: Promise<boolean>[] = []
    app.get('/', async (_req, res) => {
      const first = await cache.get('a')
      after.push(once(res, 'close').then(async () => first === (await cache.get('a'))))
      if (_req.query.hang === undefined) res.end()
    })
    const server = await start(app)
    await server.ask('/')
    expect(await after[0]).toBe(false)

    const asking = request({ port: server.port, host: '127.0.0.1', path: '/?hang' })
    asking.on('error', () => {})
    asking.end()
    await vi.waitFor(() => expect(after).toHaveLength(2))
    asking.destroy()
    expect(await after[1]).toBe(false)
  })
})

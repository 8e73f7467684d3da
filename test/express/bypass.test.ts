import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { changedShop, cleared, NAME, quiet, type ShopOptions, shop } from './bypass-shop.js'

describeOnEveryBackend('A request of staff with a bypass cookie', (open) => {
  test('gets the page without the cache: once, and for this user alone', async () => {
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

  test('is marked in the request log, and counted by its reason', async () => {
    const { app, get, cookieFor, cache } = await shop({
      cache: open({ requestLog: { sample: Number.MIN_VALUE } }),
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

  test('bypasses in another process than the one that set the cookie', async () => {
    const asked = await shop({ cache: open() })
    const other = await changedShop({ cache: open() })
    expect((await other.get('/page', await asked.cookieFor('/page'))).body).toBe('new')
  })
})

describe('During a bypass,', () => {
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

  test('each read misses', async () => {
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

  test('nothing is stored, not even in request memory', async () => {
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

  test('deletes are executed', async () => {
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
  ])('%s neither finds nor stores a value', async (_what, run) => {
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

  test('the request joins no computation of other requests, and they join none of its own', async () => {
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

  test('the work of the request bypasses until its response, later work does not', async () => {
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

  test('a set after the response that follows a miss during it is refused, since it may be outdated', async () => {
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

  test('another cache of the application is still used', async () => {
    const other = quiet()
    onTestFinished(() => other.close())
    await other.set('session', 'there')
    const { seen } = await sees((cache) =>
      cache.getOrSet('new', async () => [await other.get('session'), await other.set('seen', 1)]),
    )
    expect(seen).toEqual(['there', true])
  })

  test('the cookies of the application are unchanged', async () => {
    const { app, bypassed } = await shop()
    app.get('/page', (_req, res) => void res.writeHead(200, { 'Set-Cookie': 'session=1' }).end())
    const { headers } = await bypassed('/page')
    expect(headers['set-cookie']).toEqual(['session=1', expect.stringContaining(`${NAME}=;`)])
  })

  test('the response header shows the bypass, also without request log and staff headers', async () => {
    const options: ShopOptions[] = [
      { cache: quiet({ requestLog: false }) },
      { staffHeaders: false },
      { cache: quiet({ requestLog: false }), staffHeaders: false },
    ]
    for (const one of options) {
      const { bypassed, get } = await changedShop(one)
      const { body, headers } = await bypassed('/page')
      expect([body, headers['cache-status']]).toEqual(['new', 'keyedcache; fwd=bypass'])
      expect((await get('/page')).headers).not.toHaveProperty('cache-status')
    }
  })
})

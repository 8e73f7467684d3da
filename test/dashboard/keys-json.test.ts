import { describe, expect, test, vi } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { startRedis } from '../helpers/redis.js'
import { ANONYMOUS, openSite, QUIET, type Reply } from './site.js'

const json = (reply: Reply) => {
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8')
  return JSON.parse(reply.text)
}

describe('/api/keys', () => {
  test('lists the rows of the page', async () => {
    const { ask, cache } = await openSite()
    await cache.set('product::1', { name: 'Tea' }, { ttl: '1h' })
    await cache.set('cart::1', 1)
    const { now, ...rest } = json(await ask('/cache/api/keys?under=product'))
    expect(Math.abs(now - Date.now())).toBeLessThan(60_000)
    expect(rest).toEqual({
      keys: [
        {
          key: 'product::1',
          bytes: expect.any(Number),
          ttlMs: expect.any(Number),
          writtenAt: expect.any(Number),
          writtenBy: cache.processStats().process,
          computingMs: 0,
        },
      ],
      ...{ scanned: 2, total: 2, cursor: null },
    })
    expect(json(await ask('/cache/api/keys?q=CART')).keys).toMatchObject([{ key: 'cart::1' }])
  })

  test('pages by its cursor, with each key once', async () => {
    const { ask, cache } = await openSite()
    await cache.setMany(Array.from({ length: 700 }, (_, index) => [`k::${index}`, 1] as const))
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = json(await ask(`/cache/api/keys?under=k&cursor=${encodeURIComponent(cursor)}`))
      seen.push(...page.keys.map(({ key }: { key: string }) => key))
      cursor = page.cursor
    }
    expect(new Set(seen).size).toBe(700)
    expect(seen).toHaveLength(700)
    expect(json(await ask('/cache/api/keys?cursor=nonsense')).error.status).toBe(400)
  })
})

describe('/api/key', () => {
  test('returns the facts of the page for a cached key', async () => {
    const { ask, cache } = await openSite()
    await cache.delete('product::1')
    await cache.delete('product', { children: true })
    await cache.set('product::1', { name: 'Tea', token: 'hunter2' }, { ttl: '1h' })
    const { now, events, why, ...rest } = json(await ask('/cache/api/key?key=product::1'))
    expect(rest).toEqual({
      ...{ key: 'product::1', state: 'fresh', tier: 'store' },
      ttlMs: expect.any(Number),
      bytes: expect.any(Number),
      writtenAt: expect.any(Number),
      writtenBy: cache.processStats().process,
      generations: [
        { of: 'shop', id: expect.any(String) },
        { of: 'product', id: expect.any(String) },
      ],
      value: { kind: 'shown', text: '{\n  name: "Tea",\n  token: [masked],\n}', isWhole: true },
    })
    expect(why).toMatch(/^Written .* by .*; expires in 60 min/)
    expect(now).toBeGreaterThanOrEqual(rest.writtenAt)
    expect(events).toMatchObject([
      { type: 'delete', key: 'product', children: true },
      { type: 'delete', key: 'product::1' },
    ])
  })

  test('returns why a key is not cached, and the user who deleted it', async () => {
    const { ask, cache } = await openSite()
    await cache.set('product::1', 1)
    const scope = internalsOf(cache).openScope({
      fills: false,
      origin: () => ({ route: 'GET /?token=hunter2', user: 'anna' }),
    })
    await internalsOf(cache).bindTo(scope).delete('product::1')
    const reply = await ask('/cache/api/key?key=product::1')
    expect(reply.text).not.toContain('hunter2')
    const data = json(reply)
    expect(data).toMatchObject({
      ...{ state: 'missing', reason: 'deleted', value: { kind: 'none' } },
      provenance: { user: 'anna', route: 'GET /?token=[masked]' },
    })
    expect(data.why).toMatch(/^Deleted .* user anna/)
  })

  test.each<[string, string, object, string]>([
    ['under a secret’s name', 'session::abc', {}, 'masked'],
    ['where values are hidden', 'a', { hideValues: true }, 'hidden'],
  ])('returns no value %s', async (_where, key, options, kind) => {
    const { ask, cache } = await openSite({ dashboard: options })
    await cache.set(key, 'hunter2')
    const reply = await ask(`/cache/api/key?key=${key}`)
    expect(reply.text).not.toContain('hunter2')
    expect(json(reply).value).toEqual({ kind })
  })

  test('responds with 503, without a partial result, when the events cannot be read', async () => {
    const { ask, cache } = await openSite()
    vi.spyOn(cache, 'events').mockRejectedValue(new CacheNotRespondingError('out of order'))
    const reply = await ask('/cache/api/key?key=never')
    expect(reply.status).toBe(503)
    expect(json(reply)).toEqual({ error: { status: 503, message: 'The store is not responding.' } })
  })

  test('returns the beginning of a long value, marked as incomplete', async () => {
    const { ask, cache } = await openSite()
    await cache.set('a', 'x'.repeat(100_000))
    const { value } = json(await ask('/cache/api/key?key=a'))
    expect(value.isWhole).toBe(false)
    expect(value.text).toHaveLength(20_000)
  })

  test.each(['', '?key=', '?key[]=a', '?key=a&key=b', `?key=${'a'.repeat(5_000)}`])(
    '%s is refused',
    async (query) => {
      const { ask } = await openSite()
      expect(json(await ask(`/cache/api/key${query}`)).error.status).toBe(400)
    },
  )
})

describe.each(['/api/keys', '/api/key?key=needle'])('%s', (page) => {
  test('is closed to strangers, and to customers', async () => {
    const { ask, cache } = await openSite()
    await cache.set('needle', 'hay')
    for (const [asking, status] of [
      [ANONYMOUS, 401],
      [{ as: 'customer' }, 403],
    ] as const) {
      const reply = await ask(`/cache${page}`, asking)
      expect(reply.status).toBe(status)
      expect(reply.text).not.toContain('needle')
      json(reply)
    }
    expect((await ask(`/cache${page}`)).text).toContain('needle')
    expect((await ask(`/cache${page}`, { form: {} })).status).toBe(405)
    expect((await ask(`/cache${page}`, { method: 'HEAD' })).text).toBe('')
  })

  test('responds with 503 while the store does not respond', async () => {
    const redis = await startRedis()
    try {
      const cache = createCache({ redis: redis.url, keyPrefix: 'shop', logger: QUIET })
      await expect.poll(() => cache.set('needle', 1)).toBe(true)
      const { ask } = await openSite({ cache })
      expect((await ask(`/cache${page}`)).status).toBe(200)
      redis.freeze()
      const reply = await ask(`/cache${page}`)
      expect(reply.status).toBe(503)
      expect(json(reply).error.message).toContain('not responding')
    } finally {
      redis.thaw()
      await redis.stop()
    }
  })
})

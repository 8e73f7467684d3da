import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { Redis } from 'ioredis'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { launchBrowser } from '../helpers/browser.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { STAFF, signIn } from '../helpers/sign-in.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let browser: Browser
let redis: RedisServer
let admin: Redis
beforeAll(async () => {
  browser = await launchBrowser()
  redis = await startRedis()
  admin = new Redis(redis.url)
})
afterAll(async () => {
  await browser?.close()
  await admin?.quit()
  await redis?.stop()
})

/** A shop with a cache, and the pages that staff see. */
interface Shop {
  readonly cache: KeyedCache
  /** Sends a request to the shop. */
  visit(path: string, method?: string): Promise<void>
  /** State and reason on the page of the key. */
  why(key: string): Promise<string>
  /** Miss reasons on the overview. */
  misses(): Promise<string>
  /** Calls of the newest request. */
  lastRequest(): Promise<string>
}

let prefixes = 0

async function openShop(cache: KeyedCache = onRedis()): Promise<Shop> {
  const app = express()
  app.use(signIn(STAFF))
  app.use(keyedCache(cache))
  app.get('/read/:key', async (req, res) => {
    res.json((await req.cache.get(req.params.key)) ?? null)
  })
  app.get('/shape/:key', async (req, res) => {
    const validate = (value: unknown) => typeof value === 'number'
    res.json(await req.cache.getOrSet(req.params.key, () => 1, { validate }))
  })
  app.post('/products/:id', async (req, res) => {
    await req.cache.delete(['product', req.params.id as string])
    res.end()
  })
  app.post('/import', async (req, res) => {
    await req.cache.delete('product', { children: true })
    res.end()
  })
  app.post('/reset', async (req, res) => {
    await req.cache.clear()
    res.end()
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const site = `http://localhost:${(server.address() as AddressInfo).port}`
  const context = await browser.newContext({ javaScriptEnabled: false })
  onTestFinished(async () => {
    await context.close()
    server.closeAllConnections()
    server.close()
    await cache.close()
  })
  const page = await context.newPage()
  const read = async (path: string, what: string) => {
    await page.goto(`${site}/cache${path}`)
    return said(page, what)
  }
  return {
    cache,
    visit: async (path, method = 'GET') => void (await fetch(site + path, { method })),
    why: (key) => read(`/key?key=${encodeURIComponent(key)}`, '.states .state:first-child'),
    misses: () => read('/', '.why'),
    lastRequest: () => read('/requests', 'details:first-of-type tbody'),
  }
}

function onRedis(): KeyedCache {
  const keyPrefix = `why:${++prefixes}`
  return createCache({ redis: redis.url, keyPrefix, timeouts: { store: '2s' }, logger: { warn() {} } })
}

async function said(page: Page, selector: string): Promise<string> {
  return ((await page.locator(selector).first().textContent()) ?? '').replace(/\s+/g, ' ').trim()
}

/** Waits until a key is not cached any more. */
async function gone(cache: KeyedCache, key: string): Promise<void> {
  await vi.waitFor(async () => expect(await cache.has(key)).toBe(false), { timeout: 5_000, interval: 10 })
}

describe('The pages say why a key is not cached:', () => {
  test('no record of it', async () => {
    const { visit, why, misses } = await openShop()
    await visit('/read/product::1')
    expect(await why('product::2')).toMatch(/^Not cached No record of this key\.$/)
    expect(await why('product::1')).toMatch(
      /No record of this key\. A request has missed it since, and has not stored a value yet\.$/,
    )
    expect(await misses()).toContain('1 no record of it')
  })

  test('it expired', async () => {
    const { cache, visit, why, misses, lastRequest } = await openShop()
    await cache.set('product::1', 1, { ttl: '50ms' })
    await gone(cache, 'product::1')
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(/^Not cached Expired .+ ago; written .+ ago\./)
    expect(await misses()).toContain('1 expired 100.0 %')
    expect(await lastRequest()).toMatch(/get product::1 miss expired/)
  })

  test('it was deleted, by whom and from where', async () => {
    const { cache, visit, why, misses } = await openShop()
    await cache.set('product::1', 1)
    await visit('/products/1', 'POST')
    await visit('/read/product::1')
    const who = `process ${cache.processStats().process}, POST /products/1, user anna.`
    expect(await why('product::1')).toMatch(/^Not cached Deleted .+ ago by /)
    expect(await why('product::1')).toContain(who)
    expect(await misses()).toContain('1 deleted 100.0 %')
  })

  test('it was deleted with a parent key', async () => {
    const { cache, visit, why, misses } = await openShop()
    await cache.set('product::1', 1)
    await visit('/import', 'POST')
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(
      /^Not cached Deleted with everything under product, .+ ago by process .+, POST \/import, user anna\./,
    )
    expect(await misses()).toContain('1 deleted with a parent key')
  })

  test('everything was deleted', async () => {
    const { cache, visit, why } = await openShop()
    await cache.set('product::1', 1)
    await visit('/reset', 'POST')
    expect(await why('product::1')).toMatch(
      /^Not cached Everything was deleted .+ ago by process .+, POST \/reset, user anna\./,
    )
  })

  test('its last value was fenced', async () => {
    const { cache, visit, why, misses } = await openShop()
    await cache.getOrSet('product::1', () => visit('/products/1', 'POST').then(() => 'old'))
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(
      /^Not cached Deleted .+, user anna\. The last computed value was not stored .+ ago: the key was invalidated during the computation\./,
    )
    expect(await misses()).toContain('1 last value fenced')
  })

  test('a full store has evicted it', async () => {
    const { cache, visit, why, misses } = await openShop(
      createCache({ store: new MemoryStore({ maxEntries: 20 }) }),
    )
    await cache.set('product::1', 1)
    for (let i = 0; i < 40; i++) await cache.set(`other::${i}`, i)
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(
      /^Not cached Evicted or lost: written .+ ago, with .+ of its TTL remaining\. The store was full/,
    )
    expect(await misses()).toContain('1 evicted or lost')
  })

  test('it is unreadable', async () => {
    const { cache, visit, why, misses } = await openShop()
    await admin.set(`${cache.keyPrefix}:product::1`, 'not ours')
    await visit('/read/product::1')
    // The request that missed has put its marker there.
    expect(await misses()).toContain('1 unreadable data')
    await admin.set(`${cache.keyPrefix}:product::1`, 'not ours')
    expect(await why('product::1')).toMatch(/^Not cached The stored data is unreadable: damaged, foreign/)
  })

  test('the store has lost its generation', async () => {
    const { cache, visit, why, misses } = await openShop()
    await cache.set('product::1', 1)
    const { keyPrefix } = cache
    await admin.del(`${keyPrefix}:gen:{${keyPrefix}:product}`)
    expect(await why('product::1')).toMatch(/^Not cached The store lost the generation of product/)
    await visit('/read/product::1')
    expect(await misses()).toContain('1 generation lost by the store')
  })

  test('validation rejected it', async () => {
    const { cache, visit, misses, lastRequest } = await openShop()
    await cache.set('product::1', 'a text')
    await visit('/shape/product::1')
    expect(await misses()).toContain('1 rejected by validation')
    expect(await lastRequest()).toMatch(/getOrSet product::1 computed rejected by validation/)
  })

  test('its computation has just failed', async () => {
    const { cache, visit, why, misses } = await openShop()
    const fail = () => Promise.reject(new Error('no database'))
    await expect(cache.getOrSet('product::1', fail, { errorTtl: '1m' })).rejects.toThrow('no database')
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(
      /^Not cached The computation failed .+ ago in process .+\. This failure is kept for another/,
    )
    expect(await misses()).toContain('1 recent computation failed')
  })

  test('it is stale, and served within its grace period', async () => {
    const { cache, visit, why, misses } = await openShop()
    await cache.set('product::1', 1, { ttl: '50ms', grace: '1m' })
    await gone(cache, 'product::1')
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(
      /^Stale Written .+\. Expired .+ ago\. Served within its grace period for/,
    )
    expect(await misses()).toContain('1 expired')
  })

  test('caching is off', async () => {
    const { cache, visit, why, misses, lastRequest } = await openShop()
    await cache.set('product::1', 1)
    cache.enable(false)
    await visit('/read/product::1')
    expect(await misses()).toContain('1 caching off')
    expect(await lastRequest()).toMatch(/get product::1 miss caching off/)
    expect(await why('product::1')).toMatch(/^Cached/)
  })

  test('a computation is in progress', async () => {
    const { cache, why } = await openShop()
    let finish: (value: string) => void = () => {}
    const computing = cache.getOrSet('product::1', () => new Promise<string>((resolve) => (finish = resolve)))
    await expect
      .poll(() => why('product::1'))
      .toMatch(/^Computing No record of this key\. .*A computation is in progress\./)
    finish('x')
    await computing
  })

  test('the store is not responding, then confirms the delete', async () => {
    const frozen = await startRedis()
    onTestFinished(() => frozen.stop())
    const cache = createCache({
      redis: frozen.url,
      keyPrefix: 'why',
      timeouts: { store: '200ms' },
      logger: { warn() {} },
    })
    const { visit, why, misses } = await openShop(cache)
    await expect.poll(() => cache.set('product::1', 1)).toBe(true)
    frozen.freeze()
    await visit('/products/1', 'POST')
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(/^Unknown The store is not responding\./)
    expect(await misses()).toContain('1 store not responding')
    frozen.thaw()
    await expect
      .poll(() => why('product::1'), { timeout: 10_000 })
      .toMatch(/^Not cached Deleted .+ user anna\./)
  })

  test('its invalidation is pending', async () => {
    const store = new MemoryStore()
    const { visit, why, misses, cache } = await openShop(createCache({ store, logger: { warn() {} } }))
    await cache.set('product::1', 1)
    store.remove = () => Promise.reject(new Error('out of order'))
    await visit('/products/1', 'POST')
    await visit('/read/product::1')
    expect(await why('product::1')).toMatch(
      /^Not cached This process has invalidated it, without confirmation by the store\. It retries until the store confirms\./,
    )
    expect(await misses()).toContain('1 invalidation pending')
  })
})

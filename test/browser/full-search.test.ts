import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import axe from 'axe-core'
import express from 'express'
import { Redis } from 'ioredis'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { dashboard } from '../../src/dashboard/mount.js'
import { launchBrowser } from '../helpers/browser.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { STAFF, signIn } from '../helpers/sign-in.js'

const STRANGERS = 200_000

let browser: Browser
let redis: RedisServer
let cache: KeyedCache
let site: string
let close: () => Promise<void>

/** A store with many foreign names and three keys of this cache. */
beforeAll(async () => {
  browser = await launchBrowser()
  redis = await startRedis()
  const client = new Redis(redis.url)
  await client.eval("for i = 1, ARGV[1] do redis.call('SET', 'stranger:' .. i, 'x') end", 0, STRANGERS)
  client.disconnect()
  cache = createCache({ redis: redis.url, keyPrefix: 'shop', timeouts: { store: '10s' } })
  for (const id of [1, 2, 3]) await cache.set(['product', id, 'needle'], 1)
  const app = express()
  app.use(signIn(STAFF))
  app.use('/cache', dashboard(cache))
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  site = `http://localhost:${(server.address() as AddressInfo).port}`
  close = async () => {
    server.closeAllConnections()
    server.close()
    await cache.close()
  }
})
afterAll(async () => {
  await browser?.close()
  await close?.()
  await redis?.stop()
})

async function open(options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options)
  onTestFinished(() => context.close())
  return context.newPage()
}

/** Names that a full search looks at in one step; those of an ordinary page are fewer. */
const STEP = 500

/** Holds the full search once it has looked at so many names, until it is let go; counts its looks. */
function holdAt(names: number) {
  const list = cache.list.bind(cache)
  const search = { looks: 0, isHeld: false, letGo: () => {} }
  const held = new Promise<void>((resolve) => {
    search.letGo = resolve
  })
  const spy = vi.spyOn(cache, 'list').mockImplementation(async (options) => {
    if (options.scan !== STEP) return list(options)
    if (search.looks++ * STEP >= names) {
      search.isHeld = true
      await held
    }
    return list(options)
  })
  onTestFinished(() => {
    search.letGo()
    spy.mockRestore()
  })
  return search
}

/** The visible progress line. */
const progress = (page: Page) => page.locator('.progress td:visible')

describe.each([true, false])('with JavaScript on: %s', (javaScriptEnabled) => {
  test('a search shows its progress and its outcome', async () => {
    const page = await open({ javaScriptEnabled })
    await page.goto(`${site}/cache/keys?q=needle`)
    const search = holdAt(150_000)
    await page.getByRole('link', { name: 'Search all names' }).click({ noWaitAfter: true })
    await expect.poll(() => search.isHeld, { timeout: 15_000 }).toBe(true)
    await page.getByRole('link', { name: 'Stop the search' }).waitFor()
    // Only the latest progress line is visible.
    await expect.poll(() => progress(page).count()).toBe(1)
    expect(await progress(page).textContent()).toMatch(
      /^\s*Scanned [\d,]+ of about 200,0\d\d names, \d found\.$/,
    )
    expect(await page.getByText('scanned all of').count()).toBe(0)
    search.letGo()
    await page.getByText(/^3 found; scanned all of about 200,0\d\d names in the store/).waitFor()
    expect(await page.locator('tbody th.key').allInnerTexts()).toHaveLength(3)
    expect(await progress(page).count()).toBe(0)
    expect(await page.getByRole('link', { name: 'Stop the search' }).count()).toBe(0)
    // The outcome arrives last and is shown first.
    const [outcome, table] = await Promise.all(
      ['.outcome', 'table'].map((part) => page.locator(part).boundingBox()),
    )
    expect(outcome!.y).toBeLessThan(table!.y)
    await page.getByRole('link', { name: 'product::2::needle' }).click()
    expect(await page.textContent('h1')).toBe('product::2::needle')
  })

  test('the stop button ends the search', async () => {
    const page = await open({ javaScriptEnabled })
    const search = holdAt(50_000)
    await page.goto(`${site}/cache/keys?q=needle&whole=yes`, { waitUntil: 'commit' })
    await expect.poll(() => search.isHeld, { timeout: 15_000 }).toBe(true)
    const ended = page.waitForURL(`${site}/cache/keys?q=needle`, { waitUntil: 'commit' })
    await page.getByRole('link', { name: 'Stop the search' }).click({ noWaitAfter: true })
    await ended
    await page.getByText('Search all names').waitFor()
    search.letGo()
    await page.reload()
    expect(search.looks).toBe(50_000 / STEP + 1)
  })
})

const LOOKS: [name: string, options: BrowserContextOptions][] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { colorScheme: 'light', viewport: { width: 360, height: 800 } }],
]

test.each(LOOKS)('%s: accessible during the search and after it (axe)', async (_name, options) => {
  const page = await open(options)
  const search = holdAt(100_000)
  await page.goto(`${site}/cache/keys?under=product&whole=yes`, { waitUntil: 'commit' })
  await expect.poll(() => search.isHeld, { timeout: 15_000 }).toBe(true)
  await progress(page).waitFor()
  for (const state of ['going on', 'ended']) {
    if (state === 'ended') {
      search.letGo()
      await page.waitForLoadState('load')
    }
    await page.evaluate(axe.source)
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
    expect(
      violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
      state,
    ).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth'), state).toBeLessThanOrEqual(
      options.viewport?.width ?? 1280,
    )
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${_name}-${state}.png` })
  }
})

test.each(LOOKS)('%s: a search shows that it waits for two others, then continues', async (name, options) => {
  const search = holdAt(0)
  const others = await Promise.all([open({}), open({})])
  for (const [at, other] of others.entries()) {
    await other.goto(`${site}/cache/keys?q=other&whole=yes`, { waitUntil: 'commit' })
    await expect.poll(() => search.looks, { timeout: 15_000 }).toBe(at + 1)
  }
  const page = await open(options)
  await page.goto(`${site}/cache/keys?q=needle&whole=yes`, { waitUntil: 'commit' })
  await expect.poll(() => progress(page).textContent()).toMatch(/Waiting: two other searches are in progress/)
  await page.getByRole('link', { name: 'Stop the search' }).waitFor()
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
    options.viewport?.width ?? 1280,
  )
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}-waiting.png` })
  search.letGo()
  await page.getByText(/^3 found; scanned all of about 200,0\d\d names in the store/).waitFor()
  expect(await progress(page).count()).toBe(0)
})

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import axe from 'axe-core'
import express from 'express'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { keyedCache } from '../../src/express/middleware.js'
import { launchBrowser } from '../helpers/browser.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { STAFF, signIn } from '../helpers/sign-in.js'

let browser: Browser
let redis: RedisServer
let site: string
let close: () => Promise<void>

/** A shop after some visits, so that every page has content. */
beforeAll(async () => {
  browser = await launchBrowser()
  redis = await startRedis()
  const app = express()
  app.use(signIn(STAFF))
  const handler = keyedCache({ redis: redis.url, keyPrefix: 'shop', timeouts: { store: '2s' } })
  app.use(handler)
  app.get('/products/:id', async (req, res) => {
    await req.cache.getOrSet(['product', req.params.id], () => ({ name: 'Tea' }))
    res.json(await req.cache.get(['product', req.params.id]))
  })
  app.post('/products/:id', async (req, res) => {
    await req.cache.delete(['product', req.params.id as string], { children: true })
    res.end()
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  site = `http://localhost:${(server.address() as AddressInfo).port}`
  close = async () => {
    server.closeAllConnections()
    server.close()
    await handler.close()
  }
  for (const id of [1, 2, 2, 3]) await fetch(`${site}/products/${id}`)
  await fetch(`${site}/products/1`, { method: 'POST' })
})
afterAll(async () => {
  await browser?.close()
  await close?.()
  await redis?.stop()
})

/** Every page, with text that it must contain. */
const PAGES: [path: string, says: RegExp][] = [
  ['/cache/', /Figures of all processes.*Last minute\s*62\.5 %\s*of 8 reads/s],
  ['/cache/?span=day', /Last day, per 15 minutes/],
  ['/cache/processes', /this process\s*active/],
  ['/cache/requests', /POST \/products\/1.*GET \/products\/3/s],
  ['/cache/events', /Deleted with children.*product::1.*POST \/products\/1.*anna/s],
  ['/cache/events?type=clear', /No matches in/],
  ['/cache/keys', /product::2/],
  ['/cache/keys/product::2', /Cached|Written/],
  ['/cache/keys/product::1', /Deleted .* by process .*POST \/products\/1, user anna/],
  ['/cache/keys/product::9', /No record of this key/],
  ['/cache/delete', /Delete/],
  ['/cache/delete?key=product&children=yes&preview=yes', /Affected now: 2 keys/],
  ['/cache/delete?key=product&children=yes&how=expire&preview=yes', /About .* to recompute/],
  ['/cache/clear', /prefix/],
  ['/cache/bypass?path=%2Fproducts%2F1', /rendered once without the cache, for you only/],
]

async function open(options: BrowserContextOptions = {}): Promise<{ page: Page; noise: string[] }> {
  const context = await browser.newContext(options)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const noise: string[] = []
  page.on('dialog', (dialog) => void noise.push(`dialog ${dialog.message()}`))
  page.on('pageerror', (error) => noise.push(`error ${error.message}`))
  page.on('console', (message) => noise.push(`console ${message.text()}`))
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== site) noise.push(`request ${request.url()}`)
  })
  return { page, noise }
}

describe.each([true, false])('with JavaScript on: %s', (javaScriptEnabled) => {
  test('each page shows what has happened, without errors', async () => {
    const { page, noise } = await open({ javaScriptEnabled })
    for (const [path, says] of PAGES) {
      expect((await page.goto(site + path))?.status(), path).toBe(200)
      expect(await page.textContent('main'), path).toMatch(says)
    }
    expect(noise).toEqual([])
  })

  test('a request opens to show its calls, with links to their keys', async () => {
    const { page } = await open({ javaScriptEnabled })
    await page.goto(`${site}/cache/requests`)
    const request = page.locator('details', { hasText: 'GET /products/3' }).first()
    expect(await request.locator('table').isVisible()).toBe(false)
    await request.locator('summary').click()
    expect(await request.locator('table').textContent()).toMatch(/getOrSet.*product::3/s)
    await request.getByRole('link', { name: 'product::3' }).first().click()
    expect(await page.textContent('h1')).toBe('product::3')
  })

  test('the history is available as a table', async () => {
    const { page } = await open({ javaScriptEnabled })
    await page.goto(`${site}/cache/`)
    expect(await page.locator('svg rect.hits').count()).toBeGreaterThan(0)
    await page.getByText('Show as table').click()
    const cells = page.locator('details tbody tr').first().locator('td')
    expect(await cells.first().isVisible()).toBe(true)
  })
})

test('the remaining TTL counts down, also after an auto-refresh', async () => {
  const { page } = await open()
  // The page's clock is stopped: a second of real time would change the expected text.
  await page.clock.install({ time: '2026-01-31T12:00:00Z' })
  await page.clock.pauseAt('2026-01-31T12:00:01Z')
  await page.goto(`${site}/cache/keys/product::2`)
  const left = page.locator('[data-remaining-ms]')
  const seconds = async () => {
    const [, minutes = '0', rest = ''] = /in (?:(\d+):)?(\d+)/.exec((await left.textContent()) ?? '') ?? []
    return Number(minutes) * 60 + Number(rest)
  }
  const before = await seconds()
  expect(before).toBeGreaterThan(60)
  await page.clock.runFor(10_000)
  expect(before - (await seconds())).toBe(10)
  await page.evaluate('getSelection().selectAllChildren(document.querySelector("[data-remaining-ms]"))')
  const selected = await seconds()
  await page.clock.runFor(5_000)
  expect(await seconds()).toBe(selected)
  await page.evaluate('getSelection().removeAllRanges()')
  await page.evaluate(
    `document.querySelector('[data-remaining-ms]').outerHTML = '<b data-remaining-ms="3000"></b>'`,
  )
  await page.clock.runFor(2_000)
  expect(await left.textContent()).toBe('in 2 s')
  await page.clock.runFor(5_000)
  expect(await left.textContent()).toBe('now')
})

const WIDE = { width: 1280, height: 720 }
const NARROW = { width: 360, height: 800 }
const LOOKS = [
  { look: 'light', colorScheme: 'light', viewport: WIDE },
  { look: 'dark', colorScheme: 'dark', viewport: WIDE },
  { look: 'narrow', colorScheme: 'light', viewport: NARROW },
] as const

test('all pages are accessible, in all looks (axe)', async () => {
  const { page } = await open()
  for (const [path] of PAGES) {
    await page.goto(site + path)
    await page.evaluate(axe.source)
    for (const { look, colorScheme, viewport } of LOOKS) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(viewport)
      const found = (await page.evaluate('axe.run()')) as axe.AxeResults
      const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
      expect(violations, `${path}, ${look}`).toEqual([])
      expect(found.passes.length, `${path}, ${look}`).toBeGreaterThan(10)
    }
  }
}, 180_000)

test('at 360 pixels no page is wider than the screen', async () => {
  const { page } = await open({ viewport: NARROW })
  for (const [path] of PAGES) {
    await page.goto(site + path)
    expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(360)
  }
})

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { keyedCache } from '../../src/express/middleware.js'
import { launchBrowser } from '../helpers/browser.js'
import { signInByCookie } from '../helpers/sign-in.js'

// Many pages, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

let site: string
let database: { price: number }
/** Cookies of the browser's requests. */
let came: string[]

/** A shop with a cached price on its product page, and a page that shows the cookies. */
beforeEach(async () => {
  database = { price: 10 }
  came = []
  const app = express()
  app.use(signInByCookie, (req, _res, next) => {
    if (/bypass=/.test(req.headers.cookie ?? '')) came.push(req.originalUrl)
    next()
  })
  const handler = keyedCache({ store: 'memory', keyPrefix: 'shop' })
  app.use(handler)
  app.get('/styles.css', (_req, res) => void res.type('css').send('p { color: navy }'))
  app.get('/products/:id', async (req, res) => {
    const price = await req.cache.getOrSet(['price', req.params.id], async () => database.price, {
      ttl: '1h',
    })
    res.send(
      `<!doctype html><title>Tea</title><link rel="stylesheet" href="/styles.css"><p id="price">€${price}</p>`,
    )
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  site = `http://localhost:${(server.address() as AddressInfo).port}`
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await handler.close()
  })
})

async function visitor(user: 'staff' | 'customer', javaScriptEnabled: boolean): Promise<Page> {
  const context = await browser.newContext({ javaScriptEnabled })
  onTestFinished(() => context.close())
  await context.addCookies([{ name: 'user', value: user, url: site }])
  const page = await context.newPage()
  return page
}

const priceOn = (page: Page) => page.locator('#price').textContent()

/** Paths that browsers and cookies may interpret differently. */
const ODD_PATHS = ['/products/1?colour=green', '/products/tee%20gr%C3%BCn', '/products/1;v=2']

describe.each([true, false])('with JavaScript on: %s', (javaScript) => {
  test.each(javaScript ? ['/products/1', ...ODD_PATHS] : ['/products/1'])(
    '%s: staff bypass the cache once, other users do not',
    async (path) => {
      const [staff, customer] = [await visitor('staff', javaScript), await visitor('customer', javaScript)]
      await customer.goto(site + path)
      database.price = 12
      await staff.goto(site + path)
      expect(await priceOn(staff)).toBe('€10')

      await staff.goto(`${site}/cache/requests`)
      await staff.getByRole('link', { name: 'View a page without the cache' }).click()
      await staff.getByLabel('Path of the page').fill(path)
      const [answer] = await Promise.all([
        staff.waitForResponse(site + path),
        staff.getByRole('button', { name: 'View without the cache' }).click(),
      ])
      await staff.waitForURL(site + path)
      expect(await priceOn(staff)).toBe('€12')
      expect((await answer.allHeaders())['cache-status']).toBe('keyedcache; fwd=bypass')

      await customer.reload()
      expect(await priceOn(customer)).toBe('€10')
      await staff.reload()
      expect(await priceOn(staff)).toBe('€10')
      expect(came).toEqual([path])
      expect((await staff.context().cookies()).map(({ name }) => name)).toEqual(['user'])

      await staff.goto(`${site}/cache/requests?q=${encodeURIComponent('price')}`)
      const request = staff.locator('details').nth(2)
      await request.locator('summary').click()
      expect(await request.textContent()).toContain('cache bypassed by staff')
    },
  )

  test('the request log links to the form with the path filled in', async () => {
    const staff = await visitor('staff', javaScript)
    await staff.goto(`${site}/products/7`)
    database.price = 12
    await staff.goto(`${site}/cache/requests`)
    await staff.locator('summary', { hasText: 'GET /products/7' }).click()
    await staff.getByRole('link', { name: 'View this page without the cache' }).click()
    expect(await staff.getByLabel('Path of the page').inputValue()).toBe('/products/7')
    await staff.getByRole('button', { name: 'View without the cache' }).click()
    expect(await priceOn(staff)).toBe('€12')
  })

  test('a path outside this site is refused with a message', async () => {
    const staff = await visitor('staff', javaScript)
    await staff.goto(`${site}/cache/bypass`)
    await staff.getByLabel('Path of the page').fill('//evil.example/')
    await staff.getByRole('button', { name: 'View without the cache' }).click()
    expect(await staff.getByRole('alert').textContent()).toContain('Enter a path on this site')
    expect(staff.url()).toBe(`${site}/cache/bypass`)
    expect(await staff.getByLabel('Path of the page').inputValue()).toBe('//evil.example/')
  })

  test('the bypass cookie of the start page does not apply to its pictures and styles', async () => {
    const staff = await visitor('staff', javaScript)
    await staff.goto(`${site}/cache/bypass`)
    await staff.getByLabel('Path of the page').fill('/')
    await staff.getByRole('button', { name: 'View without the cache' }).click()
    await staff.goto(`${site}/products/1`)
    expect(came).toEqual(['/'])
  })
})

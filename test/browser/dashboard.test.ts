import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { dashboard } from '../../src/dashboard/mount.js'
import { launchBrowser } from '../helpers/browser.js'
import { signInByCookie } from '../helpers/sign-in.js'

/** Scripts other than the dashboard's. */
const OTHER_SCRIPTS = 'script:not([src$="/assets/dashboard.js"], [src$="/assets/live.js"])'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

let cache: KeyedCache
let site: string
beforeEach(async () => {
  cache = createCache({ store: 'memory', keyPrefix: 'shop' })
  const app = express()
  app.get('/login', (req, res) => {
    const back = String(req.query.next ?? '/')
    res.setHeader('Set-Cookie', 'user=staff; SameSite=Lax; HttpOnly; Path=/')
    res.end(`<p>Sign in</p><a href="${encodeURI(back)}">as Anna</a>`)
  })
  app.use(signInByCookie)
  app.use('/cache', dashboard(cache, { loginUrl: '/login' }))
  site = await listen(app)
  onTestFinished(() => cache.close())
})

async function listen(app: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(app as never).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

interface Visitor {
  readonly page: Page
  /** Problems on the page: dialogs, errors, blocked resources, requests to other origins. */
  readonly noise: string[]
}

type Cookie = Parameters<BrowserContext['addCookies']>[0][number]

async function visit(
  user: 'staff' | 'customer' | undefined,
  javaScriptEnabled = true,
  cookie: Partial<Cookie> = { sameSite: 'Lax' },
): Promise<Visitor> {
  const context = await browser.newContext({ javaScriptEnabled })
  onTestFinished(() => context.close())
  if (user) await context.addCookies([{ name: 'user', value: user, url: site, ...cookie }])
  const page = await context.newPage()
  page.setDefaultTimeout(5_000)
  const noise: string[] = []
  page.on('dialog', (dialog) => {
    noise.push(`dialog ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('pageerror', (error) => noise.push(`error ${error.message}`))
  page.on('console', (message) => noise.push(`console ${message.text()}`))
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== site) noise.push(`request ${request.url()}`)
  })
  return { page, noise }
}

describe.each([true, false])('JavaScript on: %s', (javaScript) => {
  test('an anonymous user is redirected to sign in, and back to the page', async () => {
    await cache.set('product::1', 'the value')
    const { page } = await visit(undefined, javaScript)
    await page.goto(`${site}/cache/keys/product::1`)
    expect(page.url()).toContain('/login')
    await page.getByText('as Anna').click()
    expect(new URL(page.url()).pathname).toBe('/cache/keys/product::1')
    expect(await page.textContent('pre')).toContain('the value')
  })

  test('a customer receives the 403 page', async () => {
    const { page } = await visit('customer', javaScript)
    const answer = await page.goto(`${site}/cache/`)
    expect(answer?.status()).toBe(403)
    expect(await page.textContent('main')).toContain('for staff')
    expect(await page.evaluate('getComputedStyle(document.body).margin')).toBe('0px')
  })

  test('staff read figures, find a key, delete it with its children and see the result', async () => {
    await cache.setMany([
      ['product::1', { name: 'Tea' }],
      ['product::1::price', 12],
      ['product::2', 2],
      ['cart', 3],
    ])
    await cache.get('product::1')
    await cache.get('product::9')
    const { page, noise } = await visit('staff', javaScript)
    await page.goto(`${site}/cache`)
    expect(await page.textContent('.windows')).toMatch(/50\.0 %/)
    expect(await page.getByRole('row', { name: /^product/ }).textContent()).toMatch(/2\s+50\.0 %\s+1\s+1/)

    await page.getByRole('link', { name: 'product', exact: true }).click()
    expect(await page.locator('tbody tr').count()).toBe(3)
    await page.getByLabel('Contains').fill('price')
    await page.getByRole('button', { name: 'Search' }).click()
    expect(await page.locator('tbody tr').count()).toBe(1)
    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByText('product').click()
    await page.getByRole('link', { name: 'product::1', exact: true }).click()
    expect(await page.textContent('pre')).toContain('name: "Tea"')

    await page.getByRole('link', { name: 'Delete…' }).click()
    expect(await page.getByRole('radio', { name: 'No: this key only' }).isChecked()).toBe(true)
    await page.getByRole('radio', { name: 'Yes: this key and all keys below it' }).check()
    await page.getByRole('button', { name: 'Preview' }).click()
    expect(await page.textContent('main')).toMatch(/Affected now: 2 keys/)
    expect(await cache.has('product::1')).toBe(true)
    await page.getByRole('button', { name: 'Delete with children' }).click()

    expect(await page.textContent('main [role=status]')).toMatch(/Deleted with children/)
    expect(await page.textContent('main')).toMatch(/Live before\s*2 keys/)
    expect(await page.textContent('main')).toMatch(/POST \/cache\/delete, user anna/)
    expect([
      await cache.has('product::1'),
      await cache.has('product::1::price'),
      await cache.has('product::2'),
    ]).toEqual([false, false, true])

    await cache.set('product::1', 'again')
    await page.goBack()
    expect(await page.textContent('main')).toMatch(/Affected now: 1 key\./)
    expect(await cache.has('product::1')).toBe(true)
    expect(noise).toEqual([])
  })

  test('staff mark a key stale, and it is still served within its grace period', async () => {
    await cache.getOrSet('product::1', () => 'old', { grace: '1h' })
    const { page, noise } = await visit('staff', javaScript)
    await page.goto(`${site}/cache/keys/product::1`)
    await page.getByRole('link', { name: 'Delete…' }).click()
    expect(await page.getByRole('radio', { name: 'Delete:' }).isChecked()).toBe(true)
    await page.getByRole('radio', { name: 'Mark stale (soft expiry)' }).check()
    await page.getByRole('button', { name: 'Preview' }).click()
    expect(await page.textContent('main')).toMatch(/to recompute, based on the last compute time/)
    expect((await cache.inspect('product::1')).state).toBe('fresh')
    await page.getByRole('button', { name: 'Mark this key stale' }).click()
    expect(await page.textContent('main [role=status]')).toMatch(/Marked stale\s*product::1 only/)
    await page.getByRole('link', { name: 'product::1', exact: true }).click()
    expect(await page.textContent('main [role=status]')).toMatch(
      /Stale.*Marked stale .* user anna\. Served within its grace period/s,
    )
    expect(await page.textContent('pre')).toContain('old')
    expect(await cache.getOrSet('product::1', () => 'new', { grace: '1h' })).toBe('old')
    expect(noise).toEqual([])
  })

  test('hostile keys and values have no effect', async () => {
    const evil = `"'></pre></textarea><img src=x onerror=alert(1)><script>alert(1)</script>`
    await cache.set(evil, { [evil]: evil })
    await cache.set([evil, '..', 'javascript:alert(1)'], evil)
    await cache.get([evil])
    const { page, noise } = await visit('staff', javaScript)
    for (const start of ['/', '/keys']) {
      await page.goto(`${site}/cache${start}`)
      const links: string[] = []
      for (const link of await page.locator('main a').all()) {
        links.push(new URL((await link.getAttribute('href')) ?? '', page.url()).href)
      }
      for (const link of links) {
        expect(link).toMatch(`${site}/cache/`)
        await page.goto(link)
        expect(await page.locator(OTHER_SCRIPTS).count()).toBe(0)
        expect(await page.locator('img, [onerror], [style]').count()).toBe(0)
      }
    }
    await page.goto(
      `${site}/cache/delete?preview=yes&children=yes&key=${encodeURIComponent(cache.key([evil]).text)}`,
    )
    expect(await page.textContent('main')).toMatch(/Affected now: [12] keys?/)
    await page.getByRole('button', { name: /^Delete/ }).click()
    expect(await page.textContent('h1')).toBe('Result')
    expect(noise).toEqual([])
  })

  test('a form on another site changes nothing', async () => {
    await cache.set('a', 1)
    const attack = await listen(
      express().use((_req, res) => {
        res
          .type('html')
          .end(
            `<form method="post" action="${site}/cache/delete"><input name="key" value="a"><button>Win</button></form>`,
          )
      }),
    )
    // A fresh cookie without SameSite, which is how express-session sets it, travels with a form from anywhere.
    const { page } = await visit('staff', javaScript, {})
    // Another port is the same site; another host name is another site.
    for (const from of [attack, attack.replace('localhost', '127.0.0.1')]) {
      await page.goto(from)
      const [request] = await Promise.all([
        page.waitForRequest(`${site}/cache/delete`),
        page.getByRole('button').click(),
      ])
      // Without the cookie it would have been sent to sign in: so it is the dashboard that refuses the change.
      expect((await request.response())?.status()).toBe(403)
      expect(await page.textContent('main')).toContain('The change was refused')
      expect(await cache.has('a')).toBe(true)
    }
  })
})

test('the slash key focuses the search, except in a field', async () => {
  const { page, noise } = await visit('staff')
  await page.goto(`${site}/cache/`)
  await page.keyboard.press('/')
  expect(await page.evaluate('document.activeElement.id')).toBe('search')
  await page.keyboard.type('a/b')
  expect(await page.inputValue('#search')).toBe('a/b')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/cache/keys?q=a%2Fb')
  expect(noise).toEqual([])
})

test('the first tab stop is the skip link', async () => {
  const { page } = await visit('staff')
  await page.goto(`${site}/cache/keys`)
  await page.keyboard.press('Tab')
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content')
  expect((await page.locator('.skip').boundingBox())?.y).toBeGreaterThanOrEqual(0)
})

test.each(['light', 'dark'] as const)('fits a narrow screen and is legible, %s', async (colorScheme) => {
  await cache.setMany([
    ['product::1', { name: 'Tea' }],
    [['family', 'x'.repeat(100)], 'y'.repeat(500)],
  ])
  await cache.get('product::1')
  const { page } = await visit('staff')
  await page.setViewportSize({ width: 360, height: 700 })
  await page.emulateMedia({ colorScheme })
  for (const path of [
    '/',
    '/keys',
    '/keys/product::1',
    `/keys/family::${'x'.repeat(100)}`,
    '/delete',
    '/clear',
    '/nowhere',
  ]) {
    await page.goto(`${site}/cache${path}`)
    expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBe(360)
  }
  await page.goto(`${site}/cache/delete?preview=yes&children=yes&key=family::${'x'.repeat(100)}`)
  await page.getByRole('button', { name: /^Delete/ }).click()
  expect(await page.textContent('main')).toContain('Deleted with children')
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
  const style = 'getComputedStyle(document.body)'
  const [ink, ground] = await page.evaluate<[string, string]>(`[${style}.color, ${style}.backgroundColor]`)
  expect(contrast(rgb(ink), rgb(ground))).toBeGreaterThan(7)
})

function rgb(color: string): number[] {
  return (color.match(/\d+/g) ?? []).slice(0, 3).map(Number)
}

/** WCAG 2.2's contrast ratio. */
function contrast(one: number[], other: number[]): number {
  const [dark, light] = [one, other].map(luminance).sort((a, b) => a - b) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(rgb: number[]): number {
  const [red, green, blue] = rgb.map((value) =>
    value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  ) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

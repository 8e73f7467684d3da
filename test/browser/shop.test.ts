import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Shop, startShop } from '../example/shop.js'
import { launchBrowser } from '../helpers/browser.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

// Many pages, each with its pictures, on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

/** One line of a page's footer. */
interface Call {
  readonly call: string
  readonly result: string
  readonly from: string
}

/** The cache calls that the page lists, as `get product::2`, `hit`, `store`. */
function calls(page: Page, where = 'footer.trace'): Promise<Call[]> {
  return page.locator(`${where} .calls tbody tr`).evaluateAll((rows) =>
    rows.map((row) => {
      const [call, key, result, from] = [...row.querySelectorAll('td')].map((cell) =>
        cell.textContent?.trim(),
      )
      return { call: `${call} ${key}`, result: result ?? '', from: from ?? '' }
    }),
  )
}

/** How long the shop says that it took for the page, in ms. */
async function pageTime(page: Page): Promise<number> {
  return Number.parseFloat((await page.locator('[data-page-ms]').textContent()) ?? '')
}

function price(page: Page): Promise<string | null> {
  return page.locator('[data-price]').textContent()
}

async function signIn(page: Page, username: 'staff' | 'customer'): Promise<void> {
  await page.getByLabel('Name').fill(username)
  await page.getByLabel('Password').fill(`${username}-demo`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

const PATIENT = { timeout: 20_000 }

const MISSES: Call[] = [
  { call: 'get product::2', result: 'miss', from: 'no record of it' },
  { call: 'compute product::2', result: 'computed', from: '' },
  { call: 'get product::2', result: 'hit', from: 'request memory' },
  { call: 'get product::2::reviews', result: 'miss', from: 'no record of it' },
  { call: 'compute product::2::reviews', result: 'computed', from: '' },
]

const HITS: Call[] = [
  { call: 'get product::2', result: 'hit', from: 'store' },
  { call: 'get product::2', result: 'hit', from: 'request memory' },
  { call: 'get product::2::reviews', result: 'hit', from: 'store' },
]

describe.each([
  { store: 'the in-memory store', workers: 1 },
  { store: 'Redis, four workers', workers: 4 },
])('the shop on $store', ({ workers }) => {
  let redis: RedisServer | undefined
  let shop: Shop
  let page: Page
  beforeAll(async () => {
    redis = workers > 1 ? await startRedis() : undefined
    shop = await startShop({ redis: redis?.url, workers })
    page = await browser.newPage()
  })
  afterAll(async () => {
    await page?.context().close()
    await shop?.stop()
    await redis?.stop()
  })

  test('prints its address, its cache store and the demo accounts', () => {
    expect(shop.output()).toContain(`The shop is listening on ${shop.url}/`)
    expect(shop.output()).toContain(`${shop.url}/cache/`)
    expect(shop.output()).toMatch(
      workers > 1 ? /cache store +redis 127\.0\.0\.1/ : /cache store +in-memory store/,
    )
    expect(shop.output()).toContain('staff / staff-demo, customer / customer-demo')
  })

  test('the first visit misses, the second hits', async () => {
    await page.goto(shop.url)
    expect(await calls(page)).toMatchObject([
      { call: 'get catalogue::all', result: 'miss', from: 'no record of it' },
      { call: 'compute catalogue::all', result: 'computed' },
    ])
    expect(await page.locator('.card').count()).toBe(24)

    await page.getByRole('link', { name: 'Moka pot' }).click()
    expect(await page.locator('h1').textContent()).toBe('Moka pot, three cups')
    expect(await page.locator('.reviews li').count()).toBe(2)
    // The reviews and the second read of the product are asked for at once: either may be answered first.
    expect((await calls(page)).toSorted(byCall)).toEqual(MISSES.toSorted(byCall))
    const slow = await pageTime(page)

    await page.reload()
    expect((await calls(page)).toSorted(byCall)).toEqual(HITS.toSorted(byCall))
    expect(await pageTime(page)).toBeLessThan(slow)
  })

  test('a shipping quote is computed once', async () => {
    await page.getByRole('link', { name: 'Shipping', exact: true }).click()
    await page.getByLabel('Weight in kg').fill('2.8')
    await page.getByLabel('Country').selectOption('Czechia')
    await page.getByLabel('Postal code').fill('110 00')
    await page.getByRole('button', { name: 'Get a quote' }).click()
    const key = 'func::shippingQuote::3::CZ::11000'
    expect(await calls(page)).toMatchObject([
      { call: `get ${key}`, result: 'miss' },
      { call: `compute ${key}`, result: 'computed' },
    ])
    expect(await pageTime(page)).toBeGreaterThan(790)
    const quoted = await page.locator('.quote').textContent()

    await page.getByRole('button', { name: 'Get a quote' }).click()
    expect(await calls(page)).toMatchObject([{ call: `get ${key}`, result: 'hit', from: 'store' }])
    expect(await page.locator('.quote').textContent()).toBe(quoted)
  })

  test('all workers serve pages from one cache', async () => {
    const seen = new Set<string | null>()
    await expect
      .poll(async () => {
        await page.goto(`${shop.url}/products/2`)
        expect((await calls(page)).every(({ result }) => result === 'hit')).toBe(true)
        return seen.add(await page.locator('[data-worker]').textContent()).size
      }, PATIENT)
      .toBe(workers)
  })

  test('a price that staff change appears at once', async () => {
    await page.getByRole('link', { name: 'Sign in' }).click()
    expect(await page.locator('.demo').textContent()).toContain('Demo accounts')
    await signIn(page, 'staff')
    expect(page.url()).toBe(`${shop.url}/products/2`)

    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByLabel('Price in euros').fill('cheap')
    await page.getByRole('button', { name: 'Save' }).click()
    expect(await page.locator('.wrong').textContent()).toBe('A price such as 24.90, please.')

    await page.getByLabel('Price in euros').fill('29.5')
    await page.getByLabel('Name').fill('Moka pot <b>&"quoted"')
    await page.getByRole('button', { name: 'Save' }).click()
    expect(page.url()).toBe(`${shop.url}/products/2`)
    expect(await price(page)).toBe('€29.50')
    expect(await page.locator('h1').textContent()).toBe('Moka pot <b>&"quoted"')
    expect(await calls(page, '.notice')).toMatchObject([
      { call: 'get product::2', result: 'hit' },
      { call: 'delete product::2', result: 'deleted' },
      { call: 'delete catalogue', result: 'deleted' },
    ])
    expect(await calls(page)).toContainEqual({ call: 'get product::2', result: 'miss', from: 'deleted' })
    expect(await calls(page)).toContainEqual({
      call: 'get product::2::reviews',
      result: 'miss',
      from: 'deleted with a parent key',
    })

    for (let view = 0; view < workers; view++) {
      await page.goto(`${shop.url}/products/2`)
      expect(await price(page)).toBe('€29.50')
      expect(await page.locator('.notice').count()).toBe(0)
      await page.goto(shop.url)
      expect(await page.locator('.card', { hasText: 'Moka pot' }).textContent()).toContain('€29.50')
    }
  })

  test('the dashboard counts, lists the keys, and deletes a product with children', async () => {
    await page.getByRole('link', { name: 'Cache' }).click()
    expect(page.url()).toBe(`${shop.url}/cache/`)
    expect(await page.locator('main').textContent()).toContain('Store up')

    const before = await mostReads(page, shop, 2 * workers)
    await expect
      .poll(async () => {
        await page.goto(`${shop.url}/products/2`)
        return await mostReads(page, shop, 1)
      }, PATIENT)
      .toBeGreaterThan(before)

    await page.getByRole('link', { name: 'Keys' }).click()
    const listed = await page.locator('table.keys th.key').allTextContents()
    expect(listed.map((text) => text.trim())).toEqual(
      expect.arrayContaining([
        'product::2',
        'product::2::reviews',
        'catalogue::all',
        'func::shippingQuote::3::CZ::11000',
      ]),
    )

    await page.getByLabel('Under key').fill('product::2')
    await page.getByRole('button', { name: 'Search' }).click()
    expect(await page.locator('table.keys th.key').count()).toBe(2)
    await page.getByRole('link', { name: 'Delete…' }).click()
    await page.getByLabel('Yes').check()
    await page.getByRole('button', { name: 'Preview' }).click()
    expect(await page.locator('main').textContent()).toMatch(/Affected now: 2 keys/)
    await page.getByRole('button', { name: 'Delete with children' }).click()
    const result = await page.locator('main').textContent()
    expect(result).toMatch(/Deleted with children[\s\S]+Live before\s*2 keys/)
    expect(result).toMatch(/User\s*staff/)
    expect(result).toMatch(/Current state\s*product::2\s*Deleted .+ user staff/)

    await page.goto(`${shop.url}/cache/keys/product::2`)
    expect(await page.locator('main').textContent()).toMatch(/Not cached[\s\S]+User\s*staff/)

    await page.goto(`${shop.url}/products/2`)
    expect(await calls(page)).toContainEqual({ call: 'get product::2', result: 'miss', from: 'deleted' })
    // Once the dead entry has been reclaimed, a second after the delete, the reason is lost.
    expect(await calls(page)).toContainEqual({
      call: 'get product::2::reviews',
      result: 'miss',
      from: expect.stringMatching(/^(deleted with a parent key|no record of it)$/),
    })
    // The view above may find its value refused when the dead entry is cleared away in the meantime; then the next stores it.
    await expect
      .poll(async () => {
        await page.reload()
        return (await calls(page)).toSorted(byCall)
      }, PATIENT)
      .toEqual(HITS.toSorted(byCall))
  })

  test('signed out, the forms and the dashboard are closed again', async () => {
    await page.goto(shop.url)
    await page.getByRole('button', { name: 'Sign out staff' }).click()
    await page.goto(`${shop.url}/products/2/edit`)
    expect(page.url()).toBe(`${shop.url}/login?next=%2Fproducts%2F2%2Fedit`)
  })

  test('an anonymous user is redirected to sign in, and back', async () => {
    const context = await browser.newContext()
    try {
      const visitor = await context.newPage()
      await visitor.goto(`${shop.url}/cache/`)
      expect(new URL(visitor.url()).pathname).toBe('/login')
      await signIn(visitor, 'staff')
      expect(visitor.url()).toBe(`${shop.url}/cache/`)
    } finally {
      await context.close()
    }
  })

  test('a customer may neither open the dashboard nor edit', async () => {
    const context = await browser.newContext()
    try {
      const visitor = await context.newPage()
      await visitor.goto(`${shop.url}/login`)
      await signIn(visitor, 'customer')
      expect(await visitor.getByRole('link', { name: 'Cache' }).count()).toBe(0)
      expect((await visitor.goto(`${shop.url}/cache/`))?.status()).toBe(403)
      expect((await visitor.goto(`${shop.url}/products/2/edit`))?.status()).toBe(403)
    } finally {
      await context.close()
    }
  })

  test('no errors were logged', async () => {
    await shop.stop()
    expect(await shop.ended).toEqual({ code: 0, signal: null })
    expect(shop.output()).not.toMatch(/error|warn/i)
  })
})

/** How many reads of products the dashboard counts; the most of several looks, as each may be another worker's figures. */
async function mostReads(page: Page, shop: Shop, looks: number): Promise<number> {
  let most = 0
  for (let look = 0; look < looks; look++) {
    await page.goto(`${shop.url}/cache/`)
    const row = page.locator('tr', { has: page.getByRole('rowheader', { name: 'product', exact: true }) })
    if ((await row.count()) === 0) continue
    const reads = await row.locator('td').first().textContent()
    most = Math.max(most, Number(reads?.replace(/\D/g, '')))
  }
  return most
}

function byCall(one: Call, other: Call): number {
  return one.call.localeCompare(other.call) || one.result.localeCompare(other.result)
}

describe('while Redis fails', () => {
  let redis: RedisServer
  let shop: Shop
  let page: Page
  beforeAll(async () => {
    redis = await startRedis()
    shop = await startShop({ redis: redis.url, workers: 2 })
    page = await browser.newPage()
    for (const path of ['/', '/products/2']) await page.goto(shop.url + path)
  })
  afterEach(() => redis.restart())
  afterAll(async () => {
    await page?.context().close()
    await shop?.stop()
    await redis?.stop()
  })

  test.each([
    { outage: 'frozen', cause: () => redis.freeze() },
    { outage: 'gone', cause: () => redis.kill() },
  ])('$outage: pages are still served within about a second, and nothing crashes', async ({ cause }) => {
    await cause()
    for (const path of ['/', '/products/2', '/products/2', '/login']) {
      const answer = await page.goto(shop.url + path)
      expect(answer?.status()).toBe(200)
      expect(await pageTime(page), path).toBeLessThan(1500)
      for (const { call, result, from } of await calls(page)) {
        if (call.startsWith('get ') && from !== 'request memory') {
          expect({ result, from }).toEqual({ result: 'miss', from: 'store not responding' })
        }
      }
    }

    // Staff can still work, and see their changes at once.
    await signIn(page, 'staff')
    await page.goto(`${shop.url}/products/2/edit`)
    const cents = 1000 + Math.floor(Math.random() * 9000)
    await page.getByLabel('Price in euros').fill((cents / 100).toFixed(2))
    await page.getByRole('button', { name: 'Save' }).click()
    expect(await price(page)).toBe(`€${(cents / 100).toFixed(2)}`)
    await page.getByRole('button', { name: 'Sign out staff' }).click()

    expect(shop.output()).not.toContain('ended')
    await redis.restart()
    await expect
      .poll(async () => {
        await page.goto(`${shop.url}/products/2`)
        return (await calls(page)).every(({ result }) => result === 'hit')
      }, PATIENT)
      .toBe(true)
    expect(await price(page)).toBe(`€${(cents / 100).toFixed(2)}`)
  })

  test('shutdown still works', async () => {
    await redis.kill()
    shop.process.kill('SIGTERM')
    expect(await shop.ended).toEqual({ code: 0, signal: null })
  })
})

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import express, { type RequestHandler } from 'express'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type KeyedCacheHandler, keyedCache } from '../../src/express/middleware.js'
import { launchBrowser } from '../helpers/browser.js'
import { freePort } from '../helpers/ports.js'
import { CUSTOMER, STAFF, signIn, type User } from '../helpers/sign-in.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

let handler: KeyedCacheHandler
let site: string
/** The user who is signed in, and a middleware in front of the dashboard. */
let user: User
let before: RequestHandler
let up: () => Promise<void>
let down: () => Promise<void>

beforeEach(async () => {
  user = STAFF
  before = (_req, _res, next) => next()
  handler = keyedCache({ store: 'memory', keyPrefix: 'shop', dashboard: { loginUrl: '/login' } })
  const app = express()
  app.get('/login', (_req, res) => void res.send('<main id="main">Sign in</main>'))
  app.use(
    signIn(() => user),
    (req, res, next) => before(req, res, next),
  )
  app.use(handler)
  app.get('/products/:id', async (req, res) => {
    res.json(await req.cache.getOrSet(['product', req.params.id], () => ({ name: 'Tea' })))
  })
  app.post('/products/:id', async (req, res) => {
    await req.cache.delete(['product', req.params.id as string])
    res.end()
  })

  const port = await freePort()
  site = `http://localhost:${port}`
  let server: Server
  up = async () => {
    server = createServer(app).listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  down = async () => {
    server.close()
    server.closeAllConnections()
    if (server.listening) await once(server, 'close')
  }
  await up()
  onTestFinished(async () => {
    await down()
    await handler.close()
  })
})

interface Visitor {
  readonly page: Page
  /** Number of refreshes. */
  readonly asked: () => number
  /** Errors of the page. */
  readonly noise: string[]
}

/** The page's clock stands still until a test lets it run. */
async function visit(path: string, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext(options)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const noise: string[] = []
  page.on('pageerror', (error) => noise.push(`error ${error.message}`))
  page.on('console', (message) => noise.push(`console ${message.text()}`))
  let asked = 0
  page.on('request', (request) => {
    if (request.resourceType() === 'fetch') asked++
  })
  await page.clock.install({ time: '2026-01-31T12:00:00Z' })
  await page.clock.pauseAt('2026-01-31T12:00:01Z')
  await page.goto(site + path)
  return { page, noise, asked: () => asked }
}

const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 5_000 })
const shop = (id: number, method = 'GET') => fetch(`${site}/products/${id}`, { method })
const choose = (page: Page, choice: string) =>
  page.getByLabel('Auto-refresh', { exact: true }).selectOption(choice)
const main = (page: Page) => page.textContent('main')
const status = (page: Page) => page.textContent('[data-live] [role=status]')

/** Lets two seconds pass, and waits for the refresh. */
async function refresh(page: Page): Promise<void> {
  const answered = page.waitForResponse((response) => response.request().resourceType() === 'fetch')
  await page.clock.runFor(2_000)
  await (await answered).finished()
}

/** Expects no refresh within 20 seconds. */
async function expectPaused({ page, asked }: Visitor, says: string): Promise<void> {
  const until = asked()
  await page.clock.runFor(20_000)
  expect(await status(page)).toBe(says)
  expect(asked()).toBe(until)
}

async function expectGoingOn({ page }: Visitor): Promise<void> {
  await shop(99)
  await refresh(page)
  await eventually(() => main(page)).toContain('99')
  expect(await status(page)).toBe('')
}

describe('the choice of auto-refresh', () => {
  test('is Off by default', async () => {
    const { page, asked } = await visit('/cache/')
    expect(await page.getByLabel('Auto-refresh', { exact: true }).inputValue()).toBe('')
    await page.clock.runFor(120_000)
    expect(asked()).toBe(0)
  })

  test('updates the page in place, and is stored for other pages', async () => {
    const { page, noise, asked } = await visit('/cache/')
    await page.evaluate('window.stillTheSame = true')
    await choose(page, '2 s')
    await shop(1)
    await shop(1)
    await refresh(page)
    await eventually(() => page.textContent('.windows')).toMatch(/50\.0 %\s*of 2 reads/)
    await shop(1)
    await shop(1)
    await refresh(page)
    await eventually(() => page.textContent('.windows')).toMatch(/75\.0 %\s*of 4 reads/)
    expect(await page.evaluate('stillTheSame')).toBe(true)

    await page.getByRole('link', { name: 'Requests' }).click()
    await page.waitForURL('**/requests')
    expect(await page.getByLabel('Auto-refresh', { exact: true }).inputValue()).toBe('2')
    await page.reload()
    await shop(7)
    await refresh(page)
    await eventually(() => main(page)).toContain('GET /products/7')

    await choose(page, 'Off')
    const until = asked()
    await page.clock.runFor(120_000)
    await page.reload()
    await page.clock.runFor(120_000)
    expect(asked()).toBe(until)
    expect(noise).toEqual([])
  })

  test('refreshes at the chosen interval', async () => {
    const { page, asked } = await visit('/cache/')
    await choose(page, '30 s')
    await page.clock.runFor(25_000)
    expect(asked()).toBe(0)
    await page.clock.runFor(5_000)
    await eventually(asked).toBe(1)
  })

  test('applies to one page when storage is not available', async () => {
    const { page, noise } = await visit('/cache/')
    await page.addInitScript(`
      for (const name of ['getItem', 'setItem']) Storage.prototype[name] = () => { throw new Error('private') }
    `)
    await page.reload()
    await choose(page, '2 s')
    await shop(1)
    await refresh(page)
    await eventually(() => page.textContent('.windows')).toContain('of 1 reads')
    expect(noise).toEqual([])
  })

  test('is at least two seconds, also when a shorter interval is stored', async () => {
    const { page, asked } = await visit('/cache/')
    await page.evaluate(`localStorage.setItem('keyedcache-live', '0.01')`)
    await page.reload()
    expect(await page.getByLabel('Auto-refresh', { exact: true }).inputValue()).toBe('')
    await page.clock.runFor(60_000)
    expect(asked()).toBe(0)
  })

  test('is not offered without JavaScript', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(`${site}/cache/`)
    expect(await page.locator('[data-live]').isVisible()).toBe(false)
    expect(await page.locator('.windows').isVisible()).toBe(true)
  })
})

describe('auto-refresh pauses', () => {
  let visitor: Visitor
  let page: Page
  async function watch(path: string): Promise<void> {
    await shop(1)
    visitor = await visit(path)
    page = visitor.page
    await choose(page, '2 s')
  }

  test('while the page is hidden, and refreshes at once when it becomes visible', async () => {
    await watch('/cache/requests')
    await see(false)
    await expectPaused(visitor, '')
    await shop(2)
    const answered = page.waitForResponse(`${site}/cache/requests`)
    await see(true)
    await answered
    await eventually(() => main(page)).toContain('GET /products/2')
    await expectGoingOn(visitor)
  })

  test('not beyond the interval for a page that was hidden for a second', async () => {
    await watch('/cache/requests')
    await see(false)
    await page.clock.runFor(1_000)
    await see(true)
    expect(visitor.asked()).toBe(0)
    await expectGoingOn(visitor)
  })

  /** A headless browser never hides a page, so its visibility is simulated. */
  function see(visible: boolean): Promise<void> {
    return page.evaluate(`
      Object.defineProperty(document, 'visibilityState', { value: '${visible ? 'visible' : 'hidden'}', configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    `)
  }

  test('while text is selected', async () => {
    await watch('/cache/requests')
    await page.locator('h1').selectText()
    await expectPaused(visitor, 'Paused: text is selected.')
    expect(await page.evaluate('getSelection().toString()')).toBe('Requests')
    await page.evaluate('getSelection().removeAllRanges()')
    await expectGoingOn(visitor)
  })

  test.each([360, 1_200])('without moving the page, %i pixels wide', async (width) => {
    await watch('/cache/requests')
    await page.setViewportSize({ width, height: 800 })
    const top = async () => (await page.locator('h1').boundingBox())?.y
    const until = await top()
    for (const busy of [`getSelection().selectAllChildren(document.querySelector('h1'))`, `limit.focus()`]) {
      await page.evaluate(`getSelection().removeAllRanges(), ${busy}`)
      await page.clock.runFor(2_000)
      await eventually(() => status(page)).toContain('Paused')
      expect(await top()).toBe(until)
    }
  })

  test('not while text elsewhere is selected', async () => {
    await watch('/cache/requests')
    await page.locator('footer p').selectText()
    await expectGoingOn(visitor)
    expect(await page.evaluate('getSelection().toString()')).toContain('The statistics do not include views')
  })

  test.each(['summary', 'nav a', '.scroll'])('while the focus is on %s', async (selector) => {
    await shop(1, 'POST')
    await watch(selector === 'summary' ? '/cache/requests' : '/cache/events?q=1')
    await page.locator(`main ${selector}`).first().focus()
    await expectPaused(visitor, 'Paused: the focus is on the page.')
    expect(await page.evaluate(`document.activeElement.matches('main ${selector}')`)).toBe(true)
    await page.getByLabel('Auto-refresh', { exact: true }).focus()
    await shop(1, 'POST')
    await refresh(page)
    await eventually(() => main(page)).toContain('POST /products/1')
  })

  test('not after a click on empty space, which focuses main', async () => {
    await watch('/cache/requests')
    await page.locator('h1').click()
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await expectGoingOn(visitor)
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
  })

  test('while the filter has text that was not submitted', async () => {
    await watch('/cache/keys')
    await page.getByLabel('Contains').fill('Te')
    await page.getByLabel('Contains').blur()
    await expectPaused(visitor, 'Paused: a form is being filled in.')
    expect(await page.inputValue('#search')).toBe('Te')
    await page.getByLabel('Contains').fill('')
    await page.getByLabel('Contains').blur()
    await expectGoingOn(visitor)
  })

  test('while another limit is chosen but not submitted', async () => {
    await watch('/cache/requests')
    await page.getByLabel('Limit').selectOption('100')
    await page.getByLabel('Limit').blur()
    await expectPaused(visitor, 'Paused: a form is being filled in.')
    expect(await page.inputValue('#limit')).toBe('100')
  })

  test('when the user selects text between request and response', async () => {
    await watch('/cache/requests')
    const held: (() => void)[] = []
    before = (_req, _res, next) => void held.push(next)
    await page.clock.runFor(2_000)
    await eventually(() => held.length).toBe(1)
    await page.locator('h1').selectText()
    before = (_req, _res, next) => next()
    await shop(2)
    held[0]?.()
    await eventually(() => status(page)).toBe('Paused: text is selected.')
    expect(await main(page)).not.toContain('/products/2')
  })
})

describe('opened and scrolled parts stay so:', () => {
  test('a request among newer ones', async () => {
    await shop(1)
    await shop(2)
    const { page } = await visit('/cache/requests', { viewport: { width: 360, height: 400 } })
    await choose(page, '2 s')
    const request = page.locator('details', { hasText: 'GET /products/1' })
    await request.locator('summary').click()
    const scroll = `document.querySelector('details[open] .scroll')`
    await page.evaluate(`document.activeElement.blur(), ${scroll}.scrollTo(50, 0), scrollTo(0, 250)`)
    for (const id of [3, 4, 5]) {
      await shop(id)
      await refresh(page)
      await eventually(() => main(page)).toContain(`GET /products/${id}`)
    }
    expect(await page.locator('details[open]').count()).toBe(1)
    expect(await request.locator('table').isVisible()).toBe(true)
    expect(await page.evaluate(`[${scroll}.scrollLeft, scrollY]`)).toEqual([50, 250])
  })

  test('the table of the history', async () => {
    await shop(1)
    const { page } = await visit('/cache/')
    await choose(page, '2 s')
    await page.getByText('Show as table').click()
    await page.evaluate('document.activeElement.blur()')
    await shop(1)
    await refresh(page)
    await eventually(() => page.textContent('.windows')).toContain('of 2 reads')
    expect(await page.locator('details table').isVisible()).toBe(true)
  })
})

describe('screen readers announce:', () => {
  test('changes of the bold text of the status, not of its figures', async () => {
    await shop(1)
    const { page } = await visit('/cache/requests')
    await page.evaluate(`
      window.state = document.querySelector('main [role=status]')
      window.said = []
      new MutationObserver(() => said.push(document.querySelector('[data-live] [role=status]').textContent))
        .observe(document.querySelector('[data-live] [role=status]'), { childList: true, characterData: true, subtree: true })
    `)
    const live = () => page.locator('main [role=status]').getAttribute('aria-live')
    await choose(page, '2 s')
    await shop(2)
    await refresh(page)
    await eventually(() => page.textContent('main [role=status]')).toContain('2 shown')
    expect(await live()).toBe('off')
    handler.cache.requests = async () => []
    await refresh(page)
    await eventually(() => page.textContent('main [role=status]')).toContain('No requests yet')
    expect(await live()).toBe('polite')
    expect(await page.evaluate(`state === document.querySelector('main [role=status]')`)).toBe(true)
    expect(await page.evaluate('said')).toEqual([])
  })

  test('nothing when the page has not changed', async () => {
    const { page } = await visit('/cache/requests')
    await page.evaluate(`
      window.changes = 0
      new MutationObserver(() => changes++).observe(document.body, { subtree: true, childList: true, attributes: true })
    `)
    await choose(page, '2 s')
    await refresh(page)
    await refresh(page)
    expect(await page.evaluate('changes')).toBe(0)
  })
})

describe('without a new page', () => {
  test('from an unreachable server, the old page stays with its time, until the server is back', async () => {
    await shop(1)
    const { page } = await visit('/cache/requests')
    await choose(page, '2 s')
    await down()
    await page.clock.runFor(2_000)
    await eventually(() => status(page)).toBe(
      'Not refreshed since 12:00:01 UTC: the server is not reachable.',
    )
    expect(await main(page)).toContain('GET /products/1')
    await up()
    await expectGoingOn({ page } as Visitor)
  })

  test('but an error, the old page stays', async () => {
    await shop(1)
    const visitor = await visit('/cache/requests')
    const { page } = visitor
    await choose(page, '2 s')
    before = (_req, res) => void res.status(502).send('<main>Bad gateway</main>')
    await refresh(page)
    await eventually(() => status(page)).toBe(
      'Not refreshed since 12:00:01 UTC: the server responded with status 502.',
    )
    before = (_req, res) => void res.send('<main id="main">Another page</main>')
    await refresh(page)
    await eventually(() => status(page)).toMatch(/: the server responded with a different page\.$/)
    expect(await main(page)).toContain('GET /products/1')
    before = (_req, _res, next) => next()
    await expectGoingOn(visitor)
  })

  test('within ten seconds, the request is aborted and retried, one at a time', async () => {
    const visitor = await visit('/cache/requests')
    const { page, asked } = visitor
    await choose(page, '2 s')
    before = () => {}
    await page.clock.runFor(2_000)
    await eventually(asked).toBe(1)
    await page.clock.runFor(9_000)
    expect(asked()).toBe(1)
    await page.clock.runFor(1_000)
    await eventually(() => status(page)).toMatch(/: no response within 10 s\.$/)
    before = (_req, _res, next) => next()
    await expectGoingOn(visitor)
    expect(asked()).toBe(2)
  })

  test('another choice aborts the request in progress', async () => {
    const { page } = await visit('/cache/requests')
    await choose(page, '2 s')
    before = () => {}
    const given = page.waitForEvent('requestfailed')
    await page.clock.runFor(2_000)
    await choose(page, 'Off')
    expect((await given).failure()?.errorText).toContain('ABORTED')
    expect(await status(page)).toBe('')
  })

  test.each([
    ['nobody', null],
    ['a customer', CUSTOMER],
  ])('since %s is signed in, auto-refresh stops', async (_who, now) => {
    await shop(1)
    const visitor = await visit('/cache/requests')
    const { page } = visitor
    await choose(page, '2 s')
    user = now
    await refreshOrLeave(page)
    const says = 'Stopped: you are signed out or have no access. Reload the page.'
    await eventually(() => status(page)).toBe(says)
    await expectPaused(visitor, says)
    expect(page.url()).toBe(`${site}/cache/requests`)
    expect(await main(page)).toContain('GET /products/1')
  })

  /** Where the answer leads elsewhere, the page does not follow it. */
  async function refreshOrLeave(page: Page): Promise<void> {
    const asked = page.waitForRequest((request) => request.resourceType() === 'fetch')
    await page.clock.runFor(2_000)
    await asked
  }
})

test('refreshes are not counted and not listed', async () => {
  await shop(1)
  const { page } = await visit('/cache/keys/product::1')
  await choose(page, '2 s')
  const counted = () => handler.cache.processStats().totals
  const until = structuredClone(counted())
  for (let times = 0; times < 3; times++) await refresh(page)
  expect(counted()).toEqual(until)
  const { requests } = (await (await fetch(`${site}/cache/api/requests`)).json()) as { requests: object[] }
  expect(requests).toMatchObject([{ route: 'GET /products/1' }])
})

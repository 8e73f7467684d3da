import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test, vi } from 'vitest'
import { freePort } from '../helpers/ports.js'
import { startRedis } from '../helpers/redis.js'
import { runShop, type Shop, type ShopOptions, startShop } from './shop.js'

// Each test starts processes, which takes its time on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function shopWith(options: ShopOptions = {}): Promise<Shop> {
  const shop = await startShop(options)
  cleanUps.push(() => shop.stop())
  return shop
}

async function redisUrl(): Promise<string> {
  const redis = await startRedis()
  cleanUps.push(() => redis.stop())
  return redis.url
}

/** Begins a request; resolves once the shop has begun with it too. */
async function begin(shop: Shop, method: string, path: string): Promise<ClientRequest> {
  const headers = {
    Expect: '100-continue',
    Origin: shop.url,
    'Content-Type': 'application/x-www-form-urlencoded',
  }
  const asked = request(shop.url + path, { method, headers, agent: false })
  asked.on('error', () => {})
  asked.flushHeaders()
  await once(asked, 'continue')
  return asked
}

/** Asks for a shipping quote, which takes 0.8 s; resolves once the shop has begun with it. */
async function askForQuote(shop: Shop): Promise<{ readonly page: Promise<string> }> {
  const asked = await begin(shop, 'GET', '/shipping?weight=3&country=CZ&zipcode=11000')
  // Listened for from here on: a busy machine may see the answer before the test asks for it.
  const page = once(asked, 'response').then(([answer]) => text(answer as IncomingMessage))
  asked.end()
  return { page }
}

async function refusesConnections(shop: Shop): Promise<void> {
  const { port, hostname } = new URL(shop.url)
  for (;;) {
    const socket = connect(Number(port), hostname)
    const accepted = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (!accepted) return
  }
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: no new connections, the request in progress is answered, exit code 0',
  async (signal) => {
    const shop = await shopWith()
    const { page } = await askForQuote(shop)
    shop.process.kill(signal)
    await refusesConnections(shop)
    expect(await page).toContain('3 kg to Czechia')
    expect(await shop.ended).toEqual({ code: 0, signal: null })
  },
)

test('idle connections do not delay the shutdown', async () => {
  const shop = await shopWith()
  const { port, hostname } = new URL(shop.url)
  const [unused, idle] = [connect(Number(port), hostname), connect(Number(port), hostname)]
  idle.write('GET / HTTP/1.1\r\nHost: shop\r\n\r\n')
  await Promise.all([once(unused, 'connect'), once(idle, 'data')])
  const told = performance.now()
  shop.process.kill('SIGTERM')
  for (const socket of [unused, idle]) socket.on('error', () => {}).resume()
  expect(await shop.ended).toEqual({ code: 0, signal: null })
  // Well below the time after which the shop aborts open requests.
  expect(performance.now() - told).toBeLessThan(8_000)
})

test('a second signal ends it at once', async () => {
  const shop = await shopWith()
  // A form that is never sent to its end: nothing but the second signal ends it before the shop's patience does.
  await begin(shop, 'POST', '/login')
  shop.process.kill('SIGTERM')
  await refusesConnections(shop)
  shop.process.kill('SIGTERM')
  expect(await shop.ended).toEqual({ code: 1, signal: null })
})

test('several workers stop together, and complete their requests', async () => {
  const shop = await shopWith({ redis: await redisUrl(), workers: 2 })
  const { page } = await askForQuote(shop)
  shop.process.kill('SIGTERM')
  expect(await page).toContain('3 kg to Czechia')
  expect(await shop.ended).toEqual({ code: 0, signal: null })
  expect(shop.output()).not.toContain('another one starts')
})

test('Ctrl+C in a terminal reaches the workers too, and is still one signal', async () => {
  const shop = await shopWith({ redis: await redisUrl(), workers: 2 })
  const pid = await servedBy(shop)
  const { page } = await askForQuote(shop)
  process.kill(pid, 'SIGINT')
  shop.process.kill('SIGINT')
  expect(await page).toContain('3 kg to Czechia')
  expect(await shop.ended).toEqual({ code: 0, signal: null })
})

test('a worker that is killed is replaced', async () => {
  const shop = await shopWith({ redis: await redisUrl(), workers: 2 })
  process.kill(await servedBy(shop), 'SIGKILL')
  await shop.printed(/Worker \d ended \(SIGKILL\); another one starts/)
  await shop.printed(/Worker 3 serves\./)
  expect((await fetch(`${shop.url}/products/1`)).status).toBe(200)
})

/** The process that made a page. */
async function servedBy(shop: Shop): Promise<number> {
  const page = await (await fetch(shop.url)).text()
  return Number(/process (\d+)/.exec(page)?.[1])
}

test.each([1, 2])('a port in use is logged once, and ends the process (%i)', async (workers) => {
  const first = await shopWith()
  const redis = workers > 1 ? await redisUrl() : undefined
  const second = runShop({ port: Number(new URL(first.url).port), workers, redis })
  cleanUps.push(() => second.stop())
  expect((await second.ended).code).toBe(1)
  expect(second.output()).toMatch(/^Port \d+ is in use\. Choose another: PORT=8080 npm run example\n$/)
})

test('several workers without a Redis to share are refused', async () => {
  const shop = runShop({ port: await freePort(), workers: 2 })
  cleanUps.push(() => shop.stop())
  expect((await shop.ended).code).toBe(1)
  expect(shop.output()).toContain('Several workers need a Redis to share')
})

test.each(['0', 'four', '1.5'])('--workers %s is refused', async (workers) => {
  const shop = runShop({ port: await freePort(), workers })
  cleanUps.push(() => shop.stop())
  expect((await shop.ended).code).toBe(1)
  expect(shop.output()).toContain(`--workers takes a whole number from 1 to 64, not ${workers}.`)
})

test('a shop without its Redis logs that, and starts', async () => {
  const shop = await shopWith({ redis: `redis://127.0.0.1:${await freePort()}` })
  expect(shop.output()).toMatch(/The cache store \(.+\) does not respond\. The shop opens without it\./)
  expect((await fetch(`${shop.url}/products/1`)).status).toBe(200)
})

test('two shops that start on one new database fill it once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-shop-'))
  cleanUps.push(async () => rmSync(directory, { recursive: true }))
  const shops = await Promise.all([shopWith({ directory }), shopWith({ directory })])
  for (const shop of shops) {
    const page = await (await fetch(shop.url)).text()
    expect(page.match(/class="card"/g)).toHaveLength(24)
  }
})

/** Sends a form; `Origin` is that of the shop unless given. */
function post(
  shop: Shop,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
) {
  return fetch(shop.url + path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { Origin: shop.url, ...headers },
    redirect: 'manual',
  })
}

test('signing in redirects to pages of the shop only', async () => {
  const shop = await shopWith()
  const leadsTo = async (next: string) => {
    const answer = await post(shop, '/login', { username: 'staff', password: 'staff-demo', next })
    expect(answer.status).toBe(303)
    return answer.headers.get('Location')
  }
  expect(await leadsTo('/products/3?from=here')).toBe('/products/3?from=here')
  const elsewhere = [
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    'https://evil.example/',
    'javascript:alert(1)',
    '',
  ]
  for (const next of elsewhere) expect(await leadsTo(next), next).toBe('/')
})

test('a form of another site, or without an origin, is refused', async () => {
  const shop = await shopWith()
  const fields = { username: 'staff', password: 'staff-demo' }
  const status = async (headers: Record<string, string>) =>
    (await post(shop, '/login', fields, headers)).status
  expect(await status({})).toBe(303)
  expect(await status({ Origin: 'https://evil.example' })).toBe(403)
  expect(await status({ Origin: 'null' })).toBe(403)
  expect(await status({ Origin: '' })).toBe(403)
  expect(await status({ 'Sec-Fetch-Site': 'same-site' })).toBe(403)
})

test('a wrong password, an unknown name and a name with SQL are refused with the same response', async () => {
  const shop = await shopWith()
  for (const username of ['staff', 'nobody', "' OR 1=1 --"]) {
    const answer = await post(shop, '/login', { username, password: 'wrong' })
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain('Wrong name or password.')
  }
})

test('a missing page is a 404, and malformed input is never a 500', async () => {
  const shop = await shopWith()
  const status = async (path: string) => (await fetch(shop.url + path)).status
  for (const path of [
    '/products/999',
    '/products/0',
    '/products/abc',
    '/products/1e3',
    '/?category=constructor',
  ]) {
    expect(await status(path), path).toBe(404)
  }
  expect(await status('/?category=kitchen&category=desk')).toBe(404)
  for (const query of ['weight=x&country=CZ&zipcode=11000', 'country=toString', 'country=CZ&country=DE']) {
    expect(await status(`/shipping?${query}`), query).toBe(422)
  }
  expect(await status('/products/%E0%A4%A')).toBe(400)
})

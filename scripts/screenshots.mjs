// Takes pictures of the dashboard as it looks over a shop with three workers and some traffic: light, dark, narrow.
// `npm run screenshots`, or `npm run screenshots -- some/folder`. Needs redis-server and Chromium.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { chromium } from 'playwright-core'

const OUT = process.argv[2] ?? 'screenshots'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking']
const PAGES = {
  overview: '/cache/',
  processes: '/cache/processes',
  requests: '/cache/requests',
  events: '/cache/events',
  keys: '/cache/keys',
  key: '/cache/keys/product::2',
  deleted: '/cache/keys/product::1',
  stale: '/cache/keys/product::3',
  search: '/cache/keys?under=product&q=review&whole=yes',
  bypass: '/cache/bypass?path=%2Fproducts%2F2',
  delete: '/cache/delete?key=product&children=yes&preview=yes',
  clear: '/cache/clear',
}
/** Pages may be longer than anyone wants to look at. */
const HIGHEST = 1_800
const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1200, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1200, height: 900 } },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 800 } },
}

const folder = mkdtempSync(join(tmpdir(), 'keyedcache-screenshots-'))
const children = []
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const redis = await freePort()
const shop = await freePort()
const base = `http://127.0.0.1:${shop}`
await start(
  'redis-server',
  ['--port', redis, '--bind', '127.0.0.1', '--save', '', '--dir', folder],
  /Ready to accept/,
)
await start(process.execPath, ['example-app/server.js', '--workers', '3'], /The shop is listening/, {
  HOST: '127.0.0.1',
  PORT: String(shop),
  SHOP_DATA_DIR: folder,
  REDIS_URL: `redis://127.0.0.1:${redis}`,
})

const browser = await chromium.launch({ executablePath: chromiumPath(), args: FLAGS })
mkdirSync(OUT, { recursive: true })
const signedIn = await signIn()
await visitShop(signedIn)
for (const [look, options] of Object.entries(LOOKS)) {
  const context = await browser.newContext({ ...options, storageState: signedIn })
  const page = await context.newPage()
  for (const [name, path] of Object.entries(PAGES)) {
    const response = await page.goto(base + path)
    if (!response?.ok()) throw new Error(`${path} answered ${response?.status()}`)
    const { width } = options.viewport
    const height = Math.min(HIGHEST, await page.evaluate('document.documentElement.scrollHeight'))
    const clip = { x: 0, y: 0, width, height }
    await page.screenshot({ path: join(OUT, `${name}-${look}.png`), fullPage: true, clip })
  }
  await context.close()
}
await browser.close()
console.log(`${Object.keys(PAGES).length * Object.keys(LOOKS).length} pictures are in ${OUT}/`)
process.exit()

async function signIn() {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${base}/login`)
  await page.fill('[name=username]', 'staff')
  await page.fill('[name=password]', 'staff-demo')
  await page.click('form[action="/login"] button')
  await page.waitForURL((url) => url.pathname !== '/login')
  const state = await context.storageState()
  await context.close()
  return state
}

/** Some minutes of a shop's life, in seconds: visitors everywhere, and staff who delete something. */
async function visitShop(storageState) {
  const ask = (path) =>
    fetch(base + path, { headers: { Connection: 'close' } }).then((answer) => answer.text())
  for (let round = 0; round < 12; round++) {
    const products = Array.from({ length: 12 }, () => `/products/${1 + Math.floor(Math.random() ** 2 * 24)}`)
    await Promise.all(['/', '/?category=kitchen', ...products].map(ask))
    if (round % 4 === 0) await ask('/shipping?weight=3&country=CZ&zipcode=11000')
    await pause(150)
  }
  const context = await browser.newContext({ storageState })
  const page = await context.newPage()
  for (const choice of ['key=product%3A%3A1', 'key=product%3A%3A3&how=expire']) {
    await page.goto(`${base}/cache/delete?${choice}&preview=yes`)
    await Promise.all([page.waitForNavigation(), page.click('form[method=post] button[type=submit]')])
  }
  await context.close()
  await pause(1_500)
}

async function start(command, args, ready, env = {}) {
  const child = spawn(command, args.map(String), { env: { PATH: process.env.PATH, ...env } })
  children.push(child)
  let output = ''
  await new Promise((resolve, reject) => {
    const follow = (chunk) => {
      output += chunk
      if (ready.test(output)) resolve()
    }
    child.stdout.on('data', follow)
    child.stderr.on('data', follow)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${output}`)))
  })
}

function chromiumPath() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = names
    .flatMap((name) => folders.map((one) => join(one, name)))
    .find((file) => existsSync(file))
  if (found) return found
  throw new Error('No Chromium on the path: install one, or name it in CHROMIUM_PATH.')
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

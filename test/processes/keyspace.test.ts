import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const FEW = 1_000
const MANY = 1_000_000
const MiB = 1024 * 1024

interface Memory {
  readonly heapUsed: number
  readonly rss: number
  /** The most that it ever was. */
  readonly peak: number
}

let server: RedisServer
let redis: Redis
let shop: ChildProcess
let site: string
beforeAll(async () => {
  server = await startRedis({ args: ['--slowlog-log-slower-than', '10000'] })
  redis = new Redis(server.url)
  const options = { redis: server.url, keyPrefix: 'shop', timeouts: { store: '10s' } }
  shop = fork(fileURLToPath(new URL('keyspace-child.mjs', import.meta.url)), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
  })
  const [{ url }] = await once(shop, 'message')
  site = url
})
afterAll(async () => {
  shop?.kill()
  redis?.disconnect()
  await server?.stop()
})

/** An entry of the cache, copied by the server to keys of the same depth, among as many foreign keys. */
async function grow(from: number, to: number): Promise<void> {
  const copy = `
    local frame = redis.call('GET', KEYS[1])
    for i = ARGV[1], ARGV[2] do
      redis.call('SET', KEYS[1] .. i, frame, 'PX', 3600000)
      redis.call('SET', 'stranger:' .. i, 'x')
    end`
  for (let start = from; start < to; start += 10_000) {
    await redis.eval(copy, 1, 'shop:product::1', start + 1, Math.min(start + 10_000, to))
  }
}

const ask = async (path: string) => {
  const answer = await fetch(site + path)
  expect(answer.status, path).toBe(200)
  return answer.text()
}

const rows = (html: string) => html.match(/<th scope="row" class="key">/g)?.length ?? 0

const nextOf = (html: string) => /rel="next" href="\.([^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? ''

async function memory(): Promise<Memory> {
  shop.send('memory')
  const [told] = await once(shop, 'message')
  return told
}

/** Commands that the server has run so far, but for those that ask for that. */
async function commands(): Promise<number> {
  const stats = await redis.info('commandstats')
  return [...stats.matchAll(/cmdstat_(?!info)[^:]+:calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  )
}

async function costOfFirstPage(): Promise<number> {
  const before = await commands()
  expect(rows(await ask('/keys'))).toBeGreaterThanOrEqual(100)
  return (await commands()) - before
}

/**
 * What held the server for more than ten milliseconds. On a busy machine that is any command which is interrupted for
 * so long: so each is run again, and is slow if it is so five times.
 */
async function slow(): Promise<string[]> {
  const log = (await redis.call('SLOWLOG', 'GET', '-1')) as [number, number, number, [string, ...string[]]][]
  const found: string[] = []
  for (const [, , , command] of log) {
    let times = 0
    do {
      await redis.call('SLOWLOG', 'RESET')
      await redis.call(...command)
    } while (Number(await redis.call('SLOWLOG', 'LEN')) > 0 && ++times < 5)
    if (times === 5) found.push(command.join(' '))
  }
  return found
}

/** Everything that looks at keys, once. */
async function look() {
  let page = await ask('/keys')
  for (let pages = 0; pages < 10; pages++) page = await ask(nextOf(page))
  const preview = await ask('/delete?key=product&children=yes&preview=yes')
  await ask('/')
  return {
    page,
    preview,
    tree: await ask('/keys?under=product'),
    rare: await ask('/keys?under=rare'),
    search: await ask('/keys?q=777'),
    data: JSON.parse(await ask('/api/keys?q=777')),
    full: await ask('/keys?q=needle&whole=yes'),
  }
}

test(`with ${MANY} keys among as many of other applications, pages cost the same as with ${FEW}`, async () => {
  const cache = createCache({ redis: server.url, keyPrefix: 'shop', timeouts: { store: '10s' } })
  await cache.setMany(
    ['product::1', 'rare::1', 'rare::2::needle', 'other::needle'].map((key) => [key, { name: 'Tea' }]),
    { ttl: '1h' },
  )
  await cache.close()
  await grow(0, FEW)
  // Twice: the first time all code is loaded and compiled.
  for (let times = 0; times < 2; times++) expect(rows((await look()).full)).toBe(2)
  const few = await costOfFirstPage()
  const before = await memory()

  await grow(FEW, MANY)
  await redis.call('SLOWLOG', 'RESET')
  expect(await redis.dbsize()).toBeGreaterThan(2 * MANY)
  const many = await costOfFirstPage()
  // One look at 250 names or, where it meets less than a hundred keys of ours, two.
  expect(many).toBeLessThan(few * 2.5)

  const { page, preview, tree, rare, search, data, full } = await look()
  for (const listed of [page, tree]) expect(rows(listed)).toBeGreaterThanOrEqual(100)
  expect(preview).toMatch(/at least [\d,]{3,} keys/)
  // A bounded look at the names, which holds a few of them.
  expect(rows(search)).toBeGreaterThan(0)
  expect(rare).toMatch(/scanned(<\/strong>)? [\d,]+ of about|in [\d,]+ scanned of about/)
  expect(data.keys.length).toBeGreaterThan(0)
  expect(data.cursor).toMatch(/^\d+$/)
  expect(rows(full)).toBe(2)
  expect(full).toMatch(/2 found<\/strong>; scanned all of about 2,000,\d\d\d names/)
  expect(full.match(/class="progress"/g)?.length).toBeGreaterThan(2)

  const after = await memory()
  expect((after.heapUsed - before.heapUsed) / MiB).toBeLessThan(10)
  expect((after.rss - before.rss) / MiB).toBeLessThan(50)
  expect((after.peak - before.peak) / MiB).toBeLessThan(50)
  expect(await slow()).toEqual([])
}, 300_000)

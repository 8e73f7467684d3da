import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { HtmlValidate } from 'html-validate'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { startRedis } from '../helpers/redis.js'
import { USER_HEADER } from '../helpers/sign-in.js'
import { openSite, QUIET, type Site, words } from './site.js'

const validator = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] })

async function expectValid(html: string): Promise<void> {
  const { results } = await validator.validateString(html)
  expect(results.flatMap(({ messages }) => messages.map(({ message }) => message))).toEqual([])
}

const rowsOf = (html: string) =>
  [...html.matchAll(/class="key"><a href="[^"]*"><bdi>(.*?)<\/bdi>/g)].map(([, key]) => key as string)

const linkTo = (html: string, text: string) =>
  new RegExp(`<a[^>]*href="\\./([^"]*)"[^>]*>${text}</a>`).exec(html)?.[1]?.replaceAll('&amp;', '&')

/** A listing that finds `found(step)` keys at each step, of 500 names each. */
function listing(cache: KeyedCache, total: number, found: (step: number) => readonly string[]) {
  const list = vi.fn(async ({ cursor = '0', scan }: { cursor?: string | undefined; scan: number }) => {
    const at = Number(cursor)
    const entries = found(at / 500).map((key) => ({
      key: cache.key(key),
      ...{ bytes: 10, ttlMs: 1_000, writtenAt: Date.now(), writtenBy: 'host:1', computingMs: 0 },
    }))
    await new Promise(setImmediate)
    return { entries, cursor: at + scan < total ? String(at + scan) : undefined, scanned: scan, total }
  })
  cache.list = list
  return list
}

test('searches all names, and shows the numbers found and searched', async () => {
  const { ask, cache } = await openSite()
  await cache.setMany(Array.from({ length: 2_000 }, (_, index) => [`k::${index}`, 1] as const))
  await cache.set('other::needle', 1)
  const { text, status, headers } = await ask('/cache/keys?q=NEEDLE&whole=yes')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  expect(headers['content-length']).toBeUndefined()
  expect(rowsOf(text)).toEqual(['other::needle'])
  expect(words(text)).toContain('Scanned 500 of about 2,001 names, 0 found.')
  expect(words(text)).toMatch(/ 1 found; scanned all of about 2,001 names in the store\. /)
  await expectValid(text)
  const none = (await ask('/cache/keys?q=nobody&under=k&whole=yes')).text
  expect(words(none)).toContain('No matches in all of about 2,001 names')
  await expectValid(none)
})

test('is offered when a page has not searched all names', async () => {
  const { ask, cache } = await openSite()
  const list = listing(cache, 1_000_000, (step) => (step === 1_000 ? ['a::needle'] : []))
  expect((await ask('/cache/keys')).text).not.toContain('Search all names')
  const { text } = await ask('/cache/keys?q=needle')
  expect(rowsOf(text)).toEqual([])
  const link = linkTo(text, 'Search all names') as string
  expect(link).toBe('keys?q=needle&whole=yes')
  list.mockClear()
  const whole = (await ask(`/cache/${link}`)).text
  expect(rowsOf(whole)).toEqual(['a::needle'])
  expect(words(whole)).toContain('1 found; scanned all of about 1,000,000 names')
  expect(linkTo(whole, 'Stop the search')).toBe('keys?q=needle')
  expect(list).toHaveBeenCalledTimes(2_000)
})

test('ends after many results, and continues from there, with each key once', async () => {
  const { ask, cache } = await openSite()
  await cache.setMany(Array.from({ length: 2_400 }, (_, index) => [`k::${index}`, 1] as const))
  const seen: string[] = []
  const pages: string[] = []
  let page: string | undefined = 'keys?under=k&whole=yes'
  while (page !== undefined) {
    const { text } = await ask(`/cache/${page}`)
    expect(rowsOf(text).length).toBeLessThan(1_500)
    seen.push(...rowsOf(text))
    pages.push(text)
    page = linkTo(text, 'Continue the search')
  }
  expect(pages).toHaveLength(3)
  const [first, last] = [words(pages[0] as string), words(pages[2] as string)]
  expect(first).toContain('1,000 found in 1,000 scanned of about 2,400 names')
  expect(first).toContain('This page is full.')
  expect(last).toContain('400 more found; scanned all of about 2,400 names')
  expect(seen).toHaveLength(2_400)
  expect(new Set(seen).size).toBe(2_400)
  await expectValid(pages[2] as string)
})

/** Asks, and gives the answer as it comes. */
async function begin(site: Site, path: string): Promise<IncomingMessage & { text: () => string }> {
  const asked = request(site.url + path, { headers: { [USER_HEADER]: 'staff' } }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  answer.setEncoding('utf8')
  answer.on('data', (piece: string) => {
    text += piece
  })
  answer.on('error', () => {})
  onTestFinished(() => void asked.destroy())
  return Object.assign(answer, { text: () => text })
}

test('rows are sent as they are found, after the head and the filter', async () => {
  const site = await openSite()
  const { cache } = site
  let go = () => {}
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  const list = listing(cache, 1_500, (step) => [`found::${step}`])
  const look = list.getMockImplementation() as typeof cache.list
  let isHeld = true
  cache.list = async (options) => {
    if (isHeld) await held
    return look(options as never)
  }
  const answer = await begin(site, '/cache/keys?under=found&whole=yes')
  await expect.poll(answer.text).toContain('>Stop the search</a>')
  expect(answer.text()).toContain('value="found"')
  expect(rowsOf(answer.text())).toEqual([])
  isHeld = false
  go()
  await once(answer, 'end')
  expect(rowsOf(answer.text())).toEqual(['found::0', 'found::1', 'found::2'])
})

test('a closed connection ends the search', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const client = new Redis(redis.url)
  onTestFinished(() => client.disconnect())
  const fill = "for i = 1, 300000 do redis.call('SET', 'shop:k::' .. i, 'x') end"
  await client.eval(fill, 0)
  const scans = async () =>
    Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0)
  const cache = createCache({
    redis: redis.url,
    keyPrefix: 'shop',
    logger: QUIET,
    timeouts: { store: '10s' },
  })
  const site = await openSite({ cache })
  const answer = await begin(site, '/cache/keys?q=nobody&whole=yes')
  await expect.poll(answer.text, { interval: 5 }).toContain('Scanned 500 of about 300,000 names')
  answer.destroy()
  let before = -1
  await expect
    .poll(
      async () => {
        const [was, is] = [before, await scans()]
        before = is
        return is - was
      },
      { interval: 200, timeout: 10_000 },
    )
    .toBe(0)
  // The whole search takes 600.
  expect(before).toBeLessThan(400)
  const whole = await site.ask('/cache/keys?q=nobody&whole=yes')
  expect(words(whole.text)).toContain('No matches in all of about 300,000 names')
  expect((await scans()) - before).toBeGreaterThan(590)
})

test('HEAD gets a response without a search', async () => {
  const { ask, cache } = await openSite()
  const list = listing(cache, 1_000, () => [])
  const { status, text, headers } = await ask('/cache/keys?q=a&whole=yes', { method: 'HEAD' })
  expect(status).toBe(200)
  expect(text).toBe('')
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  expect(list).not.toHaveBeenCalled()
})

test('a store that fails during the search is shown on the page, with the progress', async () => {
  const { ask, cache } = await openSite()
  listing(cache, 5_000, (step) => {
    if (step === 2) throw new CacheNotRespondingError('out of order')
    return [`found::${step}`]
  })
  const { text, status } = await ask('/cache/keys?under=found&whole=yes')
  expect(status).toBe(200)
  expect(rowsOf(text)).toEqual(['found::0', 'found::1'])
  expect(words(text)).toContain('Store not responding The search ended early: 2 found in 1,000 scanned')
  expect(linkTo(text, 'Continue the search')).toBe('keys?under=found&whole=yes&cursor=1000&seen=1000')
  await expectValid(text)
})

test('a store that does not respond is shown on the page', async () => {
  const { ask } = await openSite({
    cache: createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'shop', logger: QUIET }),
  })
  const { text, status } = await ask('/cache/keys?q=a&whole=yes')
  expect(status).toBe(200)
  expect(words(text)).toContain('Store not responding The search ended early: 0 found in')
  expect(linkTo(text, 'Continue the search')).toBeUndefined()
  await expectValid(text)
})

test('any other error ends the response, is logged, and is not shown', async () => {
  const logged: string[] = []
  const { ask, cache } = await openSite({ cache: { logger: { warn: (message) => logged.push(message) } } })
  listing(cache, 5_000, (step) => {
    if (step === 1) throw new Error('a secret of the programmer')
    return []
  })
  await expect(ask('/cache/keys?q=a&whole=yes')).rejects.toThrow('aborted')
  expect(logged.join()).toContain('a secret of the programmer')
})

test('a foreign cursor is refused', async () => {
  const { ask } = await openSite()
  for (const query of ['cursor=nonsense', 'cursor=nonsense&whole=yes', 'whole=maybe', 'whole[]=yes'])
    expect((await ask(`/cache/keys?${query}`)).status, query).toBe(400)
})

test('rows are escaped', async () => {
  const { ask, cache } = await openSite()
  for (const part of ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '<%= 7 * 7 %>'])
    await cache.set([part], 1)
  const { text } = await ask('/cache/keys?whole=yes')
  expect(rowsOf(text)).toHaveLength(3)
  expect(text).not.toMatch(/<script>|<img|<%/)
  expect(text.match(/<script/g)).toHaveLength(1)
})

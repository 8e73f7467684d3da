import { randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { becomesStale } from '../helpers/stale.js'
import { openSite, words } from './site.js'

const href = (html: string, text: RegExp) => {
  const found = [...html.matchAll(/<a[^>]*href="([^"]*)"[^>]*>(.*?)<\/a>/gs)].find(([, , inner]) =>
    text.test(inner ?? ''),
  )
  return found?.[1]?.replaceAll('&amp;', '&')
}

describe('overview', () => {
  test('shows that there were no reads yet, without a hit ratio', async () => {
    const { ask } = await openSite()
    const said = words((await ask('/cache/')).text)
    expect(said).toMatch(/Store up in-memory store responded in \d+\.\d ms/)
    expect(said).toContain('No traffic yet')
    expect(said).toMatch(/Last minute\s*–\s*of 0 reads.*Total\s*–\s*of 0 reads/)
    expect(said).toContain('No reads in this period')
  })

  test('shows the figures, marked as those of one process with the in-memory store', async () => {
    const { ask, cache } = await openSite()
    await cache.set('product::1', 1)
    await cache.get('product::1')
    await cache.get('product::1')
    await cache.get('product::2')
    await cache.delete('product::1')
    await cache.get('product::1')
    await cache.get('cart::1')
    await cache.withRequestMemory(async (own) => {
      await own.set('cart::2', 1)
      await own.get('cart::2')
      await own.get('cart::2')
    })
    const { text } = await ask('/cache/')
    const said = words(text)
    expect(said).toContain(cache.processStats().process)
    expect(said).toContain('(in-memory store)')
    for (const window of ['Last minute', 'Last hour', 'Last day', 'Total']) {
      expect(said).toMatch(new RegExp(`${window}\\s*57\\.1 %\\s*of 7 reads`))
    }
    expect(said).toContain('highest step: 7 reads')
    expect(said).toMatch(/Hits\s*4 .*Misses\s*3 .*Sets\s*2 .*Deletes\s*1/)
    expect(said).toMatch(/2 no record of it 66\.7 % 1 deleted 33\.3 %/)
    const families = [...text.matchAll(/<th scope="row"><a href="([^"]*)"><bdi>(.*?)<\/bdi>/g)].map(
      ([, to, name]) => [name, to],
    )
    expect(families).toEqual([
      ['product', './keys?under=product'],
      ['cart', './keys?under=cart'],
    ])
  })

  test('shows the memory use and the evictions of the store', async () => {
    const { ask, cache } = await openSite({ cache: { store: { memory: { maxEntries: 20 } } } })
    expect(words((await ask('/cache/')).text)).toMatch(
      /Memory 0 B of 64\.0 MiB used by all data in the store; 0 evicted since its start/,
    )
    for (let i = 0; i < 25; i++) await cache.set(`a::${i}`, 'x')
    expect(words((await ask('/cache/')).text)).toMatch(
      /Memory [4-9]\.\d KiB of .* (7|8) evicted since its start/,
    )
  })

  test('lists the families of keys', async () => {
    const { ask, cache } = await openSite()
    await cache.set('large::1', randomBytes(3_000))
    await cache.getOrSet('large::2', () => randomBytes(3_000))
    expect(words((await ask('/cache/')).text)).toMatch(/Bytes written\s*5\.9 KiB/)
    expect(words((await ask('/cache/')).text)).toMatch(
      /large 1 0\.0 % 0 1 1 no record of it 100\.0 % 1 5\.9 KiB/,
    )
  })

  test('shows that caching is off', async () => {
    const { ask } = await openSite({ cache: { enabled: false } })
    expect(words((await ask('/cache/')).text)).toContain('Caching off')
    expect(words((await ask('/cache/keys')).text)).toContain('No keys. Caching is off')
  })
})

test('viewing pages is not counted, and changes nothing', async () => {
  const cache = createCache({ store: 'memory', keyPrefix: 'shop' })
  const { ask } = await openSite({
    cache,
    before: (app) =>
      app.use((_req, _res, next) =>
        internalsOf(cache).runInScope(internalsOf(cache).openScope({ fills: true }), next),
      ),
  })
  await cache.set('a::b', 1, { ttl: 50 })
  const before = {
    stats: cache.processStats(),
    keys: await cache.list({ scan: 100 }),
    inspection: await cache.inspect('a::c'),
  }
  for (const page of [
    '/',
    '/keys',
    '/keys?under=a&q=b',
    '/keys?whole=yes',
    '/api/keys',
    '/api/key?key=a::b',
    '/keys/a::b',
    '/keys/a::c',
    '/download?key=a::b',
    '/delete?key=a&children=yes&preview=yes',
    '/clear',
    '/events',
    '/api/events',
    '/requests',
    '/api/requests',
    '/nowhere',
  ]) {
    await ask(`/cache${page}`)
  }
  expect(cache.processStats()).toEqual(before.stats)
  const { ttlMs, ...entry } = (await cache.list({ scan: 100 })).entries[0]!
  expect(before.keys.entries[0]).toMatchObject(entry)
  expect(ttlMs).toBeLessThanOrEqual(before.keys.entries[0]!.ttlMs)
  expect((await cache.inspect('a::c')).why).toBe(before.inspection.why)
})

describe('keys', () => {
  test('shows that there are none yet', async () => {
    const { ask } = await openSite()
    expect(words((await ask('/cache/keys')).text)).toContain('No keys yet')
  })

  test('lists the keys below a key, without its siblings', async () => {
    const { ask, cache } = await openSite()
    await cache.setMany([
      ['product', 1],
      ['product::1', 1],
      ['product::1::price', 1],
      ['products', 1],
    ])
    const { text } = await ask('/cache/keys?under=product%3A%3A1')
    const said = words(text)
    expect(said).toContain('2 found on this page; scanned 4 of about 4 names')
    expect(said).toContain('There are no more')
    expect(said).not.toContain('products')
    expect(href(text, /^<bdi>product<\/bdi>$/)).toBe('./keys?under=product')
  })

  test('finds keys by a text, escaped or plain', async () => {
    const { ask, cache } = await openSite()
    await cache.setMany([
      [['user', 'Anna Karenina'], 1],
      ['other', 1],
    ])
    for (const q of ['karen', 'ANNA%20K', 'Anna%2520Kar']) {
      const said = words((await ask(`/cache/keys?q=${q}`)).text)
      expect(said).toContain('1 found')
      expect(said).not.toContain('other')
    }
    expect(words((await ask('/cache/keys?q=nobody')).text)).toContain(
      'No matches in 2 scanned of about 2 names',
    )
  })

  test('are listed in pages, with each key once', async () => {
    const { ask, cache } = await openSite()
    await cache.setMany(Array.from({ length: 1_200 }, (_, index) => [`k::${index}`, 1] as const))
    const seen: string[] = []
    let page: string | undefined = './keys'
    let pages = 0
    while (page !== undefined) {
      const { text, status } = await ask(
        new URL(page, 'http://here/cache/').pathname + new URL(page, 'http://here/cache/').search,
      )
      expect(status).toBe(200)
      const rows = [...text.matchAll(/class="key"><a href="[^"]*"><bdi>(.*?)<\/bdi>/g)].map(
        ([, key]) => key as string,
      )
      expect(rows.length).toBeLessThanOrEqual(350)
      seen.push(...rows)
      page = href(text, /More keys/)
      pages++
    }
    expect(pages).toBeGreaterThan(3)
    expect(new Set(seen).size).toBe(1_200)
    expect(seen).toHaveLength(1_200)
  })

  test('a search reads a limited number of names, and shows that it is incomplete', async () => {
    const list = async ({ cursor = '0', scan }: { cursor?: string | undefined; scan: number }) => {
      looks++
      return { entries: [], cursor: String(Number(cursor) + scan), scanned: scan, total: 1_000_000 }
    }
    let looks = 0
    const { ask, cache } = await openSite()
    cache.list = list
    const { text } = await ask('/cache/keys?q=needle')
    expect(words(text)).toMatch(
      /No matches in [\d,]+ scanned of about 1,000,000 names in the store. The scan is not complete/,
    )
    expect(looks).toBeLessThanOrEqual(80)
    const next = href(text, /Continue the scan/) ?? ''
    expect(next).toMatch(/q=needle&cursor=\d+&seen=\d+/)
    const further = words((await ask(`/cache/${next.slice(2)}`)).text)
    expect(further).toMatch(/No matches in 40,000 scanned/)
    expect(words((await ask('/cache/delete?key=a&children=yes&preview=yes')).text)).toContain(
      'at least 0 keys',
    )
  })
})

describe('one key', () => {
  test('a cached key is shown with value, TTL and writer', async () => {
    const { ask, cache } = await openSite()
    await cache.set('product::1', { price: 12n }, { ttl: '1h' })
    const said = words((await ask('/cache/keys/product::1')).text)
    for (const part of [
      'Cached',
      'price: 12n',
      'in 60 min',
      cache.processStats().process,
      'shop (the prefix)',
      'Generations',
    ])
      expect(said).toContain(part)
  })

  test('a missing key is shown with the reason', async () => {
    const { ask, cache } = await openSite()
    await cache.set('product::1', 1)
    await cache.delete('product', { children: true })
    expect(words((await ask('/cache/keys/product::1')).text)).toContain(
      'Not cached Deleted with everything under product',
    )
    expect(words((await ask('/cache/keys/never')).text)).toContain('No record of this key.')
  })
})

test('a stale value and a computation in progress are shown as such', async () => {
  const { ask, cache } = await openSite()
  await cache.getOrSet('quote', () => ({ price: 12 }), { ttl: '20ms', grace: '1h' })
  await becomesStale(cache, 'quote')
  const stale = words((await ask('/cache/keys/quote')).text)
  expect(stale).toMatch(/Stale Written .* Expired .* ago\. Served within its grace period for/)
  expect(stale).toContain('price: 12')
  expect((await ask('/cache/download?key=quote')).status).toBe(200)
  expect(words((await ask('/cache/keys')).text)).toMatch(/quote .*stale/)
  expect(words((await ask('/cache/delete?key=quote&preview=yes')).text)).toContain('1 key')

  let finish = (_value: number) => {}
  const computing = cache.getOrSet('slow', () => new Promise<number>((resolve) => (finish = resolve)))
  await vi.waitFor(async () => expect((await cache.inspect('slow')).state).toBe('computing'))
  expect(words((await ask('/cache/keys/slow')).text)).toContain(
    'Computing No record of this key. A computation is in progress.',
  )
  expect((await ask('/cache/download?key=slow')).status).toBe(404)
  finish(1)
  await computing
  expect(words((await ask('/cache/')).text)).toMatch(/Computations\s*2 Failed computations\s*0/)
})

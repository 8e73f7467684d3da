import { describe, expect, test } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import type { CacheEvent } from '../../src/index.js'
import { createCache } from '../../src/index.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { RequestOrigin } from '../../src/tiers/request-scope.js'
import { startRedis } from '../helpers/redis.js'
import { ANONYMOUS, foreignScripts, openSite, QUIET, type Site, type SiteOptions, words } from './site.js'

/** A shop in which some things have happened. */
async function shop(options: SiteOptions = {}): Promise<Site> {
  const site = await openSite(options)
  const { cache } = site
  await cache.set('cart::7', 1)
  await as(site, { route: 'POST /cart', user: 'carl' }).delete('cart::7')
  await as(site, { route: 'POST /products/1', user: 'anna' }).delete('product', { children: true })
  await cache.delete(['user', 'Anna Karenina'])
  await as(site, { route: 'POST /admin', user: 'root' }).clear()
  return site
}

function as({ cache }: Site, origin: RequestOrigin) {
  return internalsOf(cache).bindTo(internalsOf(cache).openScope({ fills: false, origin: () => origin }))
}

/** What each row says, the newest first. */
function rows(html: string): string[] {
  const [, body = ''] = /<table class="events">.*?<tbody>(.*?)<\/tbody>/s.exec(html) ?? []
  return body
    .split('</tr>')
    .slice(0, -1)
    .map((row) => words(row.replaceAll('</td>', ' |').replaceAll('</th>', ' |')).trim())
}

describe('the events page', () => {
  test('lists deletes with key, children, user and time', async () => {
    const { ask, cache } = await shop()
    const { text, status } = await ask('/cache/events')
    expect(status).toBe(200)
    const { process } = cache.processStats()
    const when = String.raw`\d+ m?s ago \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`
    const [clear, user, product, cart, ...more] = rows(text)
    expect(more).toEqual([])
    expect(clear).toMatch(new RegExp(`^${when} \\| Deleted everything \\| all keys \\| done \\| `))
    expect(clear).toContain(`| ${process} | POST /admin | root |`)
    expect(user).toContain(`Deleted | user::Anna%20Karenina | not cached | ${process} | – | – |`)
    expect(product).toContain('Deleted with children | product |')
    expect(product).toContain(`| ${process} | POST /products/1 | anna |`)
    expect(cart).toContain(`Deleted | cart::7 | done | ${process} | POST /cart | carl |`)
    expect(text).toContain('<a href="./keys/cart::7"><bdi>cart::7</bdi></a>')
    const said = words(text)
    expect(said).toContain('4 shown, newest first. Matching: 4 of 4 events.')
    expect(said).toContain(`Events of this process only, ${process} (in-memory store)`)
    expect(text).toMatch(/<a href="\.\/events" aria-current="page">Events<\/a>/)
  })

  test.each<[string, string[]]>([
    ['', ['', 'user::Anna%20Karenina', 'product', 'cart::7']],
    ['type=all', ['', 'user::Anna%20Karenina', 'product', 'cart::7']],
    ['type=delete', ['user::Anna%20Karenina', 'product', 'cart::7']],
    ['type=clear', ['']],
    ['type=store-failure', []],
    ['q=ANNA', ['user::Anna%20Karenina', 'product']],
    ['q=anna%20k', ['user::Anna%20Karenina']],
    ['q=/cart', ['cart::7']],
    ['q=t::7', ['cart::7']],
    ['q=anna&type=clear', []],
    ['limit=2', ['', 'user::Anna%20Karenina']],
    ['limit=2&type=delete', ['user::Anna%20Karenina', 'product']],
    ['limit=0', ['', 'user::Anna%20Karenina', 'product', 'cart::7']],
  ])('filters events: %s; also as JSON', async (query, keys) => {
    const { ask } = await shop()
    const { text, status } = await ask(`/cache/events?${query}`)
    expect(status).toBe(200)
    const shown = rows(text).map((row) => row.split(' | ')[2])
    expect(shown).toEqual(keys.map((key) => key || 'all keys'))
    if (keys.length === 0) expect(words(text)).toContain('No matches in 4 events')
    const data = JSON.parse((await ask(`/cache/api/events?${query}`)).text)
    expect(data.events.map(({ key }: CacheEvent) => key)).toEqual(keys)
  })

  test('filters by process', async () => {
    const { ask, cache } = await shop()
    const q = encodeURIComponent(cache.processStats().process)
    expect(rows((await ask(`/cache/events?q=${q}`)).text)).toHaveLength(4)
  })

  test('keeps one filter when another is chosen', async () => {
    const { ask } = await shop()
    const { text } = await ask('/cache/events?type=delete&q=a%26b&limit=70')
    expect(text).toContain('href="./events?type=clear&amp;q=a%26b&amp;limit=70"')
    expect(text).toContain('href="./events?q=a%26b&amp;limit=70"')
    expect(text).toContain('<input type="hidden" name="type" value="delete">')
    expect(text).toContain('<option selected>70</option>')
    expect(text).toContain('value="a&amp;b"')
    expect(text).toMatch(/<a href="[^"]*type=delete[^"]*" aria-current="true">Deletes<\/a>/)
  })

  test.each([
    'type=other',
    'type=constructor',
    'type=__proto__',
    'limit=-1',
    'limit=1e3',
    'limit=99999',
    'q[]=a',
    'type=all&type=all',
    `q=${'a'.repeat(201)}`,
  ])('refuses %s', async (query) => {
    const { ask } = await openSite()
    expect((await ask(`/cache/events?${query}`)).status).toBe(400)
    const reply = await ask(`/cache/api/events?${query}`)
    expect(reply.status).toBe(400)
    expect(reply.headers['content-type']).toContain('json')
  })

  test('shows that there are no events yet', async () => {
    const { ask, cache } = await openSite()
    await cache.set('a', 1)
    await cache.get('a')
    for (const query of ['', '?type=delete&q=x']) {
      const said = words((await ask(`/cache/events${query}`)).text)
      expect(said).toContain('No events yet')
      expect(said).not.toContain('No matches')
    }
  })

  test('shows the number of dropped events, also when none of them could match', async () => {
    const { ask, cache } = await openSite()
    await cache.deleteMany(Array.from({ length: 1_000 }, (_, index) => ['k', index]))
    const { text } = await ask('/cache/events?limit=1000')
    expect(rows(text)).toHaveLength(200)
    expect(rows(text).at(-1)).toContain('Deleted 800 earlier ones not recorded | k::800')
    expect(rows(text)[0]).not.toContain('not recorded')
    expect(words(text)).toContain(
      '200 shown, newest first. Matching: 200 of 200 events. 800 more were not recorded',
    )
    expect(rows((await ask('/cache/events')).text)).toHaveLength(100)
    const none = words((await ask('/cache/events?q=k::12')).text)
    expect(none).toContain('No matches in 200 events')
    expect(none).toContain('800 more were not recorded')
  })

  test('lists store failures with number and reason', async () => {
    const store = new MemoryStore()
    const { ask, cache } = await openSite({ cache: { store } })
    store.read = () => Promise.reject(new Error('out of order'))
    await Promise.all(Array.from({ length: 1_200 }, (_, index) => cache.get(['k', index])))
    store.remove = () => Promise.reject(new Error('<b>gone</b>'))
    await cache.delete('a')
    const { text } = await ask('/cache/events')
    const [deleted = '', ...rest] = rows(text).filter((row) => row.includes('| Deleted |'))
    expect(rest).toEqual([])
    expect(deleted).toContain('| a | unconfirmed |')
    const said = rows((await ask('/cache/events?type=store-failure')).text)
    expect(said).toHaveLength(2)
    expect(said.join()).toMatch(/Store failure in get \| k::0 \| failed 1,200 times.*out of order/)
    expect(said.join()).toMatch(/Store failure in delete \| a \| failed .*<b>gone<\/b>/)
    expect(text).not.toContain('<b>gone')
    expect(rows((await ask('/cache/events?type=delete')).text)).toHaveLength(1)
  })

  test('shows the user who deleted a key on the dashboard', async () => {
    const { ask } = await openSite()
    await ask('/cache/delete', { form: { key: 'a', children: 'yes' } })
    await ask('/cache/clear', { form: { prefix: 'shop' } })
    const [clear, deleted] = rows((await ask('/cache/events')).text)
    expect(deleted).toMatch(/Deleted with children \| a \| .* \| POST \/cache\/delete \| anna \|/)
    expect(clear).toMatch(/Deleted everything .* \| POST \/cache\/clear \| anna \|/)
  })
})

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '<%= 7 * 7 %>',
  '\u202egnp.exe',
  '\ud800',
  '\u0000',
  'x'.repeat(100_000),
]

test.each(HOSTILE)('routes, users and keys are displayed as text: %j', async (evil) => {
  const site = await openSite()
  const parts = ['family', evil]
  const { text: key } = site.cache.key(parts)
  const cut = evil.slice(0, 200).toWellFormed()
  await as(site, { route: evil, user: evil }).delete(parts)
  for (const page of ['/events', `/events?q=${encodeURIComponent(cut)}`]) {
    const { text, status } = await site.ask(`/cache${page}`)
    expect(status).toBe(200)
    expect(foreignScripts(text)).toEqual([])
    expect(text).not.toMatch(/<img|<%|\son\w+="|onerror=alert\(1\)>/)
    expect(text.length).toBeLessThan(20_000)
    expect(words(text)).toContain(key)
  }
  const data = JSON.parse((await site.ask('/cache/api/events')).text)
  expect(data.events).toMatchObject([{ key, route: cut, user: cut }])
})

test('secrets in routes and users are masked in pages, search and JSON', async () => {
  const store = new MemoryStore()
  const site = await openSite({ cache: { store } })
  const secret = 'hunter2'
  await as(site, { route: `GET /reset?token=${secret}&x=1`, user: `password: ${secret}` }).delete('a')
  store.read = () => Promise.reject(new Error(`password=${secret}`))
  await site.cache.get('a')
  for (const page of ['/events', '/api/events', '/keys/a']) {
    const { text } = await site.ask(`/cache${page}`)
    expect(text, page).not.toContain(secret)
    expect(text, page).toContain('GET /reset?token=[masked]')
    expect(text, page).toContain('password: [masked]')
  }
  store.read = new MemoryStore().read
  const preview = words((await site.ask('/cache/delete?key=a&preview=yes')).text)
  expect(preview).toMatch(/Deleted .* GET \/reset\?token=\[masked\]&x=1, user password: \[masked\]/)
  expect(words((await site.ask(`/cache/events?q=${secret}`)).text)).toContain('No matches')
  const own = await openSite({ cache: site.cache, dashboard: { redact: ['iban'] } })
  await as(own, { route: `GET /pay?iban=${secret}` }).delete('b')
  expect((await own.ask('/cache/events?type=delete')).text).not.toContain(secret)
})

test.each([
  [['session', 'hunter2'], './keys?under=session'],
  [['user', 1, 'apiKey', 'hunter2', 'x'], './keys?under=user::1::apiKey'],
])('the part after a secret-looking part of a key is masked: %j', async (parts, href) => {
  const { ask, cache } = await openSite()
  await cache.delete(parts)
  const { text } = await ask('/cache/events')
  expect(text).not.toContain('hunter2')
  expect(decodeURIComponent(text)).toContain(`<a href="${href}"><bdi>${href.slice(13)}::[masked]</bdi></a>`)
  const data = await ask('/cache/api/events')
  expect(JSON.parse(data.text).events[0].key).toBe(`${href.slice(13)}::[masked]`)
  expect(words((await ask('/cache/events?q=hunter2')).text)).toContain('No matches')
  expect(rows((await ask(`/cache/key?key=${encodeURIComponent(cache.key(parts).text)}`)).text)).toHaveLength(
    1,
  )
})

test('the JSON contains its scope', async () => {
  const { ask, cache } = await shop()
  await cache.deleteMany(Array.from({ length: 300 }, (_, index) => ['k', index]))
  const { text, headers, status } = await ask('/cache/api/events?q=k::&limit=50')
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('application/json; charset=utf-8')
  const { events, now, ...rest } = JSON.parse(text)
  expect(rest).toEqual({ scope: 'this process', recorded: 200, leftOut: 104, matching: 200 })
  expect(Math.abs(now - Date.now())).toBeLessThan(60_000)
  expect(events).toHaveLength(50)
  expect(events[0]).toEqual({
    ...{ type: 'delete', at: expect.any(Number), key: 'k::299', children: false, outcome: 'absent' },
    process: cache.processStats().process,
  })
})

describe.each(['/events', '/api/events'])('%s', (page) => {
  test('is closed to anonymous users and customers', async () => {
    const { ask } = await shop()
    const strangers = await ask(`/cache${page}`, ANONYMOUS)
    expect(strangers.status).toBe(401)
    const customers = await ask(`/cache${page}`, { as: 'customer' })
    expect(customers.status).toBe(403)
    for (const { text } of [strangers, customers]) expect(text).not.toMatch(/cart::7|anna|carl/)
    expect((await ask(`/cache${page}`)).status).toBe(200)
  })

  test('is also available on a read-only dashboard, for reading only', async () => {
    const { ask } = await shop({ dashboard: { readOnly: true } })
    expect((await ask(`/cache${page}`)).status).toBe(200)
    expect((await ask(`/cache${page}`, { form: { type: 'all' } })).status).toBe(405)
    expect((await ask(`/cache${page}`, { method: 'HEAD' })).text).toBe('')
  })
})

describe('with Redis', () => {
  test('lists events of all processes, or shows that Redis is not responding', async () => {
    const redis = await startRedis()
    try {
      const open = () => createCache({ redis: redis.url, keyPrefix: 'shop', logger: QUIET })
      const [cache, other] = [open(), open()]
      const { ask } = await openSite({ cache })
      await expect.poll(() => other.set('a', 1)).toBe(true)
      await expect.poll(() => cache.set('b', 1)).toBe(true)
      await other.delete('a')
      await other.close()
      await cache.delete('b')
      const both = await ask('/cache/events?type=delete')
      expect(rows(both.text).map((row) => row.split(' | ')[2])).toEqual(['b', 'a'])
      expect(words(both.text)).toContain('Events of all processes')
      redis.freeze()
      for (const page of ['/events', '/events?type=delete&q=b', '/keys/a']) {
        const began = performance.now()
        const { status, text } = await ask(`/cache${page}`)
        expect(performance.now() - began).toBeLessThan(2_000)
        expect(status).toBe(200)
        expect(words(text)).toContain('not responding')
        expect(words(text)).not.toMatch(/No events yet|No matches|No invalidation of/)
        expect(rows(text)).toEqual([])
      }
      const data = await ask('/cache/api/events')
      expect(data.status).toBe(503)
      expect(JSON.parse(data.text).error.message).toContain('not responding')
      expect(cache.processStats().storeFailures).toBe(0)
    } finally {
      await redis.stop()
    }
  })
})

describe('a key page', () => {
  test('lists the latest events of the key and its ancestors', async () => {
    const site = await openSite()
    const { ask, cache } = site
    await cache.delete('product::1')
    await cache.delete('product') // alone: what lies below stays
    await cache.delete('product::1::price', { children: true })
    await cache.delete('product::12', { children: true })
    await cache.clear()
    await as(site, { user: 'anna' }).delete('product', { children: true })
    const said = rows((await ask('/cache/keys/product::1')).text).map((row) =>
      row.split(' | ').slice(1, 3).join(': '),
    )
    expect(said).toEqual([
      'Deleted with children: product',
      'Deleted everything: all keys',
      'Deleted: product::1',
    ])
    expect(words((await ask('/cache/keys/product::1')).text)).toMatch(/Recent events .* anna /)
  })

  test('lists ten events, and shows that there are more', async () => {
    const { ask, cache } = await openSite()
    for (let i = 0; i < 12; i++) await cache.delete('a')
    const { text } = await ask('/cache/keys/a')
    expect(rows(text)).toHaveLength(10)
    expect(words(text)).toContain('newest first. 2 older not shown.')
  })

  test('shows that there are none, and the number of events searched', async () => {
    const { ask, cache } = await openSite()
    await cache.deleteMany(Array.from({ length: 300 }, (_, index) => ['k', index]))
    const { text } = await ask('/cache/keys/a')
    expect(rows(text)).toEqual([])
    expect(words(text)).toMatch(
      /Recent events No invalidation of this key in 200 recorded events\. 100 more were not recorded/,
    )
  })
})

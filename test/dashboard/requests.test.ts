import type { Express } from 'express'
import { HtmlValidate } from 'html-validate'
import { describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import type { CacheOptions } from '../../src/options.js'
import type { RequestRecord } from '../../src/stats/request-record.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { startRedis } from '../helpers/redis.js'
import {
  ANONYMOUS,
  foreignScripts,
  openSite,
  QUIET,
  type Reply,
  type Site,
  type SiteOptions,
  words,
} from './site.js'

/** A site whose application asks the cache what `answer` does, at any path but the dashboard's. */
async function shop(
  answer: (cache: KeyedCache) => unknown,
  { requestLog, ...options }: SiteOptions & { readonly requestLog?: CacheOptions['requestLog'] } = {},
): Promise<Site> {
  const cache = createCache({
    ...{ store: 'memory', keyPrefix: 'shop', logger: QUIET },
    ...(requestLog !== undefined && { requestLog }),
  })
  const before = (app: Express) => {
    app.use(keyedCache(cache, { dashboard: false }))
    app.use('/shop', async (req, res) => {
      await answer(req.cache)
      res.end()
    })
  }
  return openSite({ cache, before, ...options })
}

/** A site that has these requests, as another process may have told them. */
function keeping(...requests: readonly (Partial<RequestRecord> | string)[]): Promise<Site> {
  const store = new MemoryStore()
  const whole = { ...{ at: Date.now(), process: 'web-1:42', status: 200 }, durationMs: 10, moreCalls: 0 }
  const items = requests.map((request) =>
    typeof request === 'string'
      ? request
      : JSON.stringify({ ...whole, route: 'GET /', calls: [], ...request }),
  )
  store.statistics.requests = async (limit) => items.slice(0, limit)
  return openSite({ cache: { store } })
}

const call = { ...{ operation: 'get', key: 'a', outcome: 'hit', tier: 'store' }, afterMs: 1, durationMs: 2 }

const json = (reply: Reply) => JSON.parse(reply.text)

test('lists the calls of each request in order, with their outcomes', async () => {
  const { ask, cache } = await shop(async (own) => {
    await own.get(['product', 1])
    await own.get(['product', 1])
    await own.get(['product', 1])
    await own.getOrSet('rates', () => 1)
    await own.get('none')
    await own.delete('cart', { children: true })
  })
  await cache.set(['product', 1], 1)
  expect((await ask('/shop/basket?token=abc')).status).toBe(200)
  const { text, status } = await ask('/cache/requests')
  expect(status).toBe(200)
  const said = words(text)
  expect(said).toContain('1 shown, newest first. Matching: 1 of 1 request.')
  expect(said).toContain('This process logs every request')
  expect(said).toMatch(
    /GET \/shop\/basket 1 computed repeated reads 200 [\d.]+ (µs|ms) 6 calls [\d.]+ % in cache calls/,
  )
  expect(said).not.toContain('abc')
  expect(said).toContain(`in ${cache.processStats().process}`)
  expect(said).toContain('product::1: read 3 times, 2 of them from request memory')
  expect(said.match(/: read /g)).toHaveLength(1)
  expect(said).toMatch(/rates: computed in [\d.]+ (µs|ms)/)
  const time = String.raw`[\d.]+ (?:µs|ms)`
  expect(said).toMatch(
    new RegExp(
      [
        `1 ${time} get product::1 hit from the store ${time}`,
        `2 ${time} get product::1 hit from request memory ${time}`,
        `3 ${time} get product::1 hit from request memory ${time}`,
        `4 ${time} getOrSet rates computed no record of it; stored ${time}`,
        `5 ${time} get none miss no record of it ${time}`,
        `6 ${time} delete with children cart not cached ${time}`,
      ].join(' '),
    ),
  )
  expect(text).toContain('<a href="./keys/product::1"><bdi>product::1</bdi></a>')
  expect(text.match(/<details/g)).toHaveLength(1)
})

test('lists the newest first, up to the limit, and finds them by route or key', async () => {
  let path = ''
  const { ask } = await shop((own) => own.get(['of', path]))
  for (path of ['tea', 'Coffee', 'žito']) {
    await ask(`/shop/${path.codePointAt(0)}`)
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
  const routes = async (query: string) =>
    [
      ...(await ask(`/cache/requests${query}`)).text.matchAll(
        /class="route key"><bdi>GET \/shop\/(.*?)<\/bdi>/g,
      ),
    ].map(([, route]) => route)
  expect(await routes('')).toEqual(['382', '67', '116'])
  expect(await routes('?limit=2')).toEqual(['382', '67'])
  expect(await routes('?q=shop/67')).toEqual(['67'])
  expect(await routes('?q=COFFEE')).toEqual(['67'])
  expect(await routes(`?q=${encodeURIComponent('žit')}`)).toEqual(['382'])
  expect(await routes('?q=of::')).toEqual(['382', '67', '116'])
  const none = words((await ask('/cache/requests?q=nobody')).text)
  expect(none).toContain('No matches in 3 requests. Show all')
})

describe('without requests', () => {
  test('shows that there are none yet', async () => {
    const { ask } = await openSite()
    expect(words((await ask('/cache/requests')).text)).toContain('No requests yet')
  })

  test('shows that the request log is off', async () => {
    const { ask } = await shop((own) => own.get('a'), { requestLog: false })
    await ask('/shop')
    const said = words((await ask('/cache/requests')).text)
    expect(said).toContain('The request log is off')
    expect(said).toContain('This process logs no requests')
  })

  test.each([
    [{ sample: 0.01 }, 'about 1 in 100 of the requests'],
    [{ sample: 1 / 3 }, 'about 1 in 3 of the requests'],
    [{ sample: 0.7 }, 'about 70.0 % of the requests'],
  ])('shows how requests are sampled: %j', async (requestLog, said) => {
    const { ask } = await shop(() => {}, { requestLog })
    expect(words((await ask('/cache/requests')).text)).toContain(said)
  })

  test('shows that the store is not responding', async () => {
    const redis = await startRedis()
    const cache = createCache({ redis: redis.url, keyPrefix: 'shop', logger: QUIET })
    await expect.poll(() => cache.set('a', 1)).toBe(true)
    const { ask } = await openSite({ cache })
    expect((await ask('/cache/api/requests')).status).toBe(200)
    redis.freeze()
    try {
      const began = performance.now()
      const { status, text } = await ask('/cache/requests')
      expect(performance.now() - began).toBeLessThan(2_000)
      expect(status).toBe(200)
      expect(words(text)).toContain('Store not responding Requests are kept in')
      await expectValid(text)
      const data = await ask('/cache/api/requests')
      expect(data.status).toBe(503)
      expect(json(data).error.message).toContain('not responding')
    } finally {
      redis.thaw()
      await redis.stop()
    }
  })
})

test('damaged records are left out, and unknown words of a newer version are shown unchanged', async () => {
  const { ask } = await keeping('damaged', '{"at":1}', {
    route: 'GET /new',
    calls: [
      { ...call, operation: 'touch', outcome: 'touched', tier: 'moon' },
      { ...call, outcome: 'miss', tier: undefined, reason: 'toString' },
    ],
  })
  const said = words((await ask('/cache/requests')).text)
  expect(said).toContain('1 shown')
  expect(said).toMatch(/touch a touched moon/)
  expect(said).toContain('miss toString')
})

test('shows aborted and failed requests, and the number of dropped calls', async () => {
  const { ask } = await keeping(
    { route: 'GET /gone', aborted: true },
    { route: 'GET /broken', status: 500 },
    { route: 'GET /many', calls: Array.from({ length: 100 }, () => call), moreCalls: 1_234 },
  )
  const { text } = await ask('/cache/requests')
  const said = words(text)
  expect(said).toMatch(
    /GET \/gone aborted .*GET \/broken 500 .*GET \/many repeated reads 200 10 ms 1,334 calls/,
  )
  expect(said).toContain('The first 100 calls were recorded; 1,234 more were not.')
  expect(text).toContain('<span class="number mark-bad">500</span>')
})

test('a page lists a limited number of calls for each request, the JSON lists all', async () => {
  const many = Array.from({ length: 100 }, (_, at) => ({ ...call, key: `key::${at}`, outcome: 'computed' }))
  const { ask } = await keeping(...Array.from({ length: 100 }, () => ({ calls: many })))
  const { text } = await ask('/cache/requests?limit=100')
  expect(text.match(/<tr>\s*<td class="number dim">/g)).toHaveLength(2_500)
  const said = words(text)
  expect(said.match(/75 more calls are listed on a page with fewer requests/g)).toHaveLength(100)
  expect(said.match(/100 computed .*?100 calls/g)?.length).toBeGreaterThan(0)
  expect(words((await ask('/cache/requests?limit=20')).text)).not.toContain('more calls are listed')
  const { requests } = json(await ask('/cache/api/requests?limit=100'))
  expect(requests.every(({ calls }: RequestRecord) => calls.length === 100)).toBe(true)
})

test('the share of time counts concurrent calls once, and never exceeds 100 %', async () => {
  const { ask } = await keeping(
    {
      route: 'GET /half',
      calls: [
        { ...call, afterMs: 0, durationMs: 5 },
        { ...call, afterMs: 0, durationMs: 5 },
      ],
    },
    { route: 'GET /all', calls: [{ ...call, afterMs: 0, durationMs: 99 }] },
  )
  const said = words((await ask('/cache/requests')).text)
  expect(said).toMatch(/GET \/half repeated reads 200 10 ms 2 calls 50\.0 % in cache calls/)
  expect(said).toMatch(/GET \/all 200 10 ms 1 call 100\.0 % in cache calls/)
})

const EVIL = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '<%= 7 * 7 %>',
  '</details></table>',
  'javascript:alert(1)',
  '\u202egnp.exe',
  '\ud800',
  '..',
  '__proto__',
  'constructor',
]

describe.each(EVIL)('%j', (evil) => {
  test('in a key is displayed as text', async () => {
    const { ask, cache } = await shop((own) => own.getMany([[evil], ['family', evil], [evil, 'child']]))
    await ask('/shop')
    const { text, status } = await ask('/cache/requests')
    expect(status).toBe(200)
    expectInert(text)
    for (const key of [[evil], ['family', evil]]) expect(words(text)).toContain(cache.key(key).text)
    for (const [, href] of text.matchAll(/class="key"><a href="([^"]*)"/g)) {
      const page = new URL(
        (href as string).replaceAll('&amp;', '&').replaceAll('&#39;', "'"),
        'http://here/cache/requests',
      )
      expect(page.host).toBe('here')
      expect((await ask(page.pathname + page.search)).status).toBe(200)
    }
    await expectValid(text)
  })

  test('in a record of another process is displayed as text', async () => {
    const { ask } = await keeping({
      ...{ route: evil, process: evil },
      calls: [
        { ...call, key: evil, operation: evil, outcome: evil, tier: evil },
        { ...call, key: evil, tier: undefined, reason: evil },
      ],
    })
    const { text, status } = await ask('/cache/requests')
    expect(status).toBe(200)
    expectInert(text)
    expect(words(text)).toContain('1 shown')
    expect((await ask('/cache/api/requests')).status).toBe(200)
  })
})

/** No tag and no attribute but the dashboard's own, and no script in the page. */
function expectInert(html: string): void {
  expect(html).not.toMatch(/<script>|<img|onerror=alert\(1\)>|' onmouseover|<%|href="javascript/)
  expect(foreignScripts(html)).toEqual([])
  expect(html.match(/<details/g)).toHaveLength(1)
  expect(html).not.toMatch(/\son\w+="|style="|<style/)
}

describe('a secret is masked', () => {
  const HIDDEN = 'hunter2'
  const KEYS = [`session::${HIDDEN}`, `user::1::apiKey::${HIDDEN}::x`, `sid::${HIDDEN}`]

  test.each(KEYS)('in %s, on the page, in the search and as JSON', async (key) => {
    const { ask } = await shop((own) => own.getOrSet(key, () => 1))
    await ask('/shop')
    const { text } = await ask('/cache/requests')
    expect(text).not.toContain(HIDDEN)
    expect(words(text)).toContain('::[masked]')
    const data = await ask('/cache/api/requests')
    expect(data.text).not.toContain(HIDDEN)
    expect(json(data).requests[0].calls[0].key).toMatch(/::\[masked\]$/)
    const query = `?q=${HIDDEN}`
    expect(words((await ask(`/cache/requests${query}`)).text)).toContain('No matches')
    expect(json(await ask(`/cache/api/requests${query}`)).matching).toBe(0)
  })

  test('by the names of the options', async () => {
    const keys = ['iban::DE1', 'token::abc']
    const { ask } = await shop((own) => own.getMany(keys), { dashboard: { redact: { only: ['iban'] } } })
    await ask('/shop')
    const said = words((await ask('/cache/requests')).text)
    expect(said).toContain('iban::[masked]')
    expect(said).toContain('token::abc')
  })

  test('except for the name of a secret alone', async () => {
    const { ask } = await shop((own) => own.get('token'))
    await ask('/shop')
    expect((await ask('/cache/requests')).text).toContain('<a href="./keys/token"><bdi>token</bdi></a>')
  })

  test('in the parameters of a path', async () => {
    const { ask } = await shop((own) => own.get('a'))
    await ask(`/shop/page;jsessionid=${HIDDEN};token=${HIDDEN}`)
    const said = words((await ask('/cache/requests')).text)
    expect(said).toContain('GET /shop/page;')
    expect(said).not.toContain(HIDDEN)
  })

  test('in a text that is no key, too', async () => {
    const { ask } = await keeping({ calls: [{ ...call, key: `::session::${HIDDEN}` }] })
    expect((await ask('/cache/requests')).text).not.toContain(HIDDEN)
  })
})

test('the beginning of a long key is no link', async () => {
  const { ask } = await shop((own) =>
    own.getMany([
      ['k', 'x'.repeat(95), 'y'.repeat(95), 'same-one'],
      ['k', 'x'.repeat(95), 'y'.repeat(95), 'same-two'],
    ]),
  )
  await ask('/shop')
  const { text } = await ask('/cache/requests')
  expect(text).toMatch(/class="key"><bdi>k::x+::y+::sa…<\/bdi>/)
  expect(text).not.toContain('read <strong>')
})

describe('as JSON', () => {
  test('lists the same requests', async () => {
    const { ask, cache } = await shop(async (own) => {
      await own.get('a')
      await own.set('a', 1)
    })
    for (let index = 0; index < 3; index++) await ask(`/shop/${index}`)
    const reply = await ask('/cache/api/requests?limit=2')
    expect(reply.headers['content-type']).toMatch(/^application\/json/)
    const { now, requests, ...more } = json(reply)
    expect(more).toEqual({ scope: 'this process', sample: 1, recorded: 3, matching: 3 })
    expect(now).toBeLessThanOrEqual(Date.now())
    expect(requests).toHaveLength(2)
    expect(requests[0]).toMatchObject({
      process: cache.processStats().process,
      route: 'GET /shop/2',
      status: 200,
      moreCalls: 0,
      calls: [
        { operation: 'get', key: 'a', outcome: 'hit', tier: 'store' },
        { operation: 'set', key: 'a', outcome: 'stored' },
      ],
    })
    expect(requests[0].cacheMs).toBeLessThanOrEqual(requests[0].durationMs)
  })
})

test.each(['/requests', '/api/requests'])('%s is closed to anonymous users and customers', async (page) => {
  const { ask } = await shop((own) => own.get('needle'))
  await ask('/shop')
  for (const [asking, status] of [
    [ANONYMOUS, 401],
    [{ as: 'customer' }, 403],
  ] as const) {
    const reply = await ask(`/cache${page}`, asking)
    expect(reply.status).toBe(status)
    expect(reply.text).not.toContain('needle')
  }
  expect((await ask(`/cache${page}`)).text).toContain('needle')
  expect((await ask(`/cache${page}`, { method: 'POST', form: {} })).status).toBeGreaterThanOrEqual(400)
})

test.each(['limit=-1', 'limit=1e3', 'limit=99999', 'limit[]=1', 'q=a&q=b', 'q[x]=a', `q=${'a'.repeat(201)}`])(
  '?%s is refused',
  async (query) => {
    const { ask } = await openSite()
    expect((await ask(`/cache/requests?${query}`)).status).toBe(400)
    expect((await ask(`/cache/api/requests?${query}`)).status).toBe(400)
  },
)

test('viewing is neither counted nor recorded', async () => {
  const { ask, cache } = await shop((own) => own.get('a'))
  await ask('/shop')
  const before = cache.processStats()
  for (let look = 0; look < 2; look++)
    for (const page of ['requests', 'api/requests']) await ask(`/cache/${page}`)
  expect(cache.processStats()).toEqual(before)
  expect(await cache.requests()).toHaveLength(1)
})

test('each page links to it', async () => {
  const { ask } = await openSite()
  expect((await ask('/cache/keys/a')).text).toContain('<a href="../requests">Requests</a>')
  expect((await ask('/cache/requests')).text).toContain(
    '<a href="./requests" aria-current="page">Requests</a>',
  )
})

const validator = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] })

async function expectValid(html: string): Promise<void> {
  const { results } = await validator.validateString(html)
  expect(results.flatMap(({ messages }) => messages.map(({ message }) => message))).toEqual([])
}

test('is valid HTML with each kind of content', async () => {
  const { ask } = await keeping(
    {
      aborted: true,
      moreCalls: 1,
      calls: [
        call,
        call,
        {
          ...call,
          operation: 'getOrSet',
          outcome: 'computed',
          tier: undefined,
          reason: 'absent',
          stored: true,
        },
        { ...call, operation: 'clear', key: '', outcome: 'failed', tier: undefined },
        { ...call, key: 'session::x' },
      ],
    },
    { status: 500 },
  )
  for (const query of ['', '?q=nothing', '?limit=7'])
    await expectValid((await ask(`/cache/requests${query}`)).text)
})

import { describe, expect, test } from 'vitest'
import { Names } from '../../src/store/redis/names.js'
import { RESOLUTIONS } from '../../src/store/statistics.js'
import { useRedis } from '../helpers/use-redis.js'
import { openSite, QUIET, type Site, words } from './site.js'

const redis = useRedis({ emptied: true })

const names = new Names('shop')
const PAGES = ['/', '/?span=day', '/processes', '/events', '/requests']
const DATA = ['/api/stats', '/api/processes', '/api/events', '/api/requests']

/** A site of a cache that has had seven hits and a delete. */
async function open(): Promise<Site> {
  const site = await openSite({
    cache: {
      redis: redis.server.url,
      keyPrefix: 'shop',
      store: undefined as never,
      timeouts: { store: '2s' },
      logger: QUIET,
    },
  })
  await site.cache.set('product::1', 1)
  for (let n = 0; n < 7; n++) await site.cache.get('product::1')
  await site.cache.delete('product::2')
  await site.cache.stats()
  return site
}

async function expectIntact(site: Site): Promise<void> {
  for (const page of [...PAGES, ...DATA]) {
    const { status, text } = await site.ask(`/cache${page}`)
    expect([page, status]).toEqual([page, 200])
    // Of `<script>` there is no word.
    const said = page.startsWith('/api') ? text : words(text)
    for (const wrong of [
      'NaN',
      'Infinity',
      'native code',
      'function (',
      'function toString',
      'undefined',
      'Invalid',
      'not responding',
    ]) {
      expect([page, said.includes(wrong) ? said.slice(said.indexOf(wrong) - 80).slice(0, 160) : '']).toEqual([
        page,
        '',
      ])
    }
    expect(text.length).toBeLessThan(1_000_000)
  }
  const { totals, families } = await site.cache.stats()
  expect(totals.hits).toBe(7)
  expect(families.get('product')?.hits).toBe(7)
  const { processes } = JSON.parse((await site.ask('/cache/api/processes')).text)
  expect(processes).toMatchObject([{ isThis: true }])
  const { events } = JSON.parse((await site.ask('/cache/api/events')).text)
  expect(events).toMatchObject([{ type: 'delete', key: 'product::2' }])
}

const NO_COUNTS = [
  'abc',
  '',
  ' ',
  '1e999',
  '1e3',
  'NaN',
  'Infinity',
  '-5',
  '0x10',
  '1.5',
  '99999999999999999999',
  '-0',
  'x'.repeat(1_000_000),
]

describe('A text in the place of a count', () => {
  test.each(NO_COUNTS.map((text) => [text.slice(0, 30), text]))(
    '%s is left out, and the rest is shown',
    async (_, text) => {
      const site = await open()
      const [{ id = '' } = {}] = (await site.cache.stats()).processes
      const now = Date.now()
      for (const name of [
        'misses',
        'writes',
        'savedMs',
        'computingMs',
        'missesBy:absent',
        'latency:store:3',
        'storedBytes',
      ]) {
        await redis.admin.hset(names.figures(), `other\0${name}`, text)
        await redis.admin.hset(names.process(id), `\0${name}`, text)
        for (const resolution of ['fine', 'coarse'] as const) {
          const pageMs = RESOLUTIONS[resolution].stepMs * 60
          await redis.admin.hset(names.history(resolution, Math.floor(now / pageMs)), `5\0${name}`, text)
        }
      }
      await redis.admin.hset(names.figures(), '\0clears', text)
      await redis.admin.hset(names.figures(), '\0', text)
      await expectIntact(site)
    },
  )

  test('is replaced by the next report', async () => {
    const site = await open()
    await redis.admin.hset(names.figures(), 'product\0deletes', 'abc')
    await redis.admin.hset(names.figures(), 'product\0writes', '9223372036854775807')
    await site.cache.delete('product::1')
    await site.cache.set('product::1', 1)
    expect((await site.cache.stats()).families.get('product')).toMatchObject({ deletes: 1, writes: 1 })
  })
})

test('names of Object.prototype are ordinary names, and foreign fields are left out', async () => {
  const site = await open()
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    await redis.admin.hset(
      names.figures(),
      `${name}\0writes`,
      '3',
      `product\0${name}`,
      '3',
      `product\0missesBy:${name}`,
      '3',
    )
    await redis.admin.hset(names.figures(), `product\0in:${name}:1`, '3', name, '3', `a\0b\0${name}`, '3')
  }
  await redis.admin.hset(
    names.figures(),
    'product\0in:store:99',
    '3',
    'product\0in:store:-1',
    '3',
    'product\0in:store',
    '3',
  )
  await expectIntact(site)
  const { totals, families } = await site.cache.stats()
  expect(Object.getPrototypeOf(totals.missesBy)).toBe(null)
  expect(totals.missesBy).toMatchObject({ toString: 3, constructor: 3 })
  expect(families.get('__proto__')?.writes).toBe(3)
  expect(Object.getPrototypeOf(site.cache.processStats().totals.missesBy)).toBe(null)
  expect(words((await site.ask('/cache/')).text)).toContain('toString')
})

const ABOUTS = [
  'no JSON',
  '',
  'null',
  '5',
  '"text"',
  '[]',
  '{}',
  '{"host":{"a":1},"pid":1,"startedAt":1}',
  '{"host":"h","pid":"1","startedAt":1}',
  '{"host":"h","pid":-1,"startedAt":1}',
  '{"host":"h","pid":1,"startedAt":9e15}',
  '{"host":"h","pid":1,"startedAt":"yesterday"}',
  '{"host":"h","pid":1e999,"startedAt":1}',
  `{"host":"${'h'.repeat(10_000_000)}","pid":1,"startedAt":1}`,
  '{"__proto__":{"host":"h"},"constructor":1}',
]

describe('A row of a process', () => {
  test.each(ABOUTS.map((about) => [about.slice(0, 50), about]))('with %s is left out', async (_, about) => {
    const site = await open()
    await redis.admin.zadd(names.processes(), Date.now(), 'bad')
    await redis.admin.hset(names.process('bad'), { about, sequence: 'x', '\0hits': '100' })
    await expectIntact(site)
  })

  test.each([9e15, 8.64e15, '+inf', '-inf', -5, Date.now() + 86_400_000])(
    'with the score %s is left out, and removed by the next report',
    async (score) => {
      const site = await open()
      await redis.admin.zadd(names.processes(), score, 'bad')
      await redis.admin.hset(names.process('bad'), 'about', '{"host":"h","pid":1,"startedAt":1}')
      await expectIntact(site)
      expect(await redis.admin.zrange(names.processes(), 0, -1)).toHaveLength(1)
    },
  )

  test('of a foreign type, or with a name of Object.prototype, is left out', async () => {
    const site = await open()
    for (const name of ['__proto__', 'toString', '', 'x'.repeat(100_000)]) {
      await redis.admin.zadd(names.processes(), Date.now(), name)
      await redis.admin.rpush(names.process(name), 'x')
    }
    await expectIntact(site)
  })

  test('with invalid optional fields is shown without them', async () => {
    const site = await open()
    await redis.admin.zadd(names.processes(), Date.now(), 'other')
    const about = '{"host":"h","pid":1,"startedAt":1,"rss":"x","memoryEntries":"x","memoryBytes":{}}'
    await redis.admin.hset(names.process('other'), 'about', about)
    const { processes } = JSON.parse((await site.ask('/cache/api/processes')).text)
    const other = processes.find(({ host }: { host: string }) => host === 'h')
    expect(other).toMatchObject({ pid: 1 })
    expect(other).not.toHaveProperty('rss')
    expect((await site.ask('/cache/processes')).status).toBe(200)
  })
})

const NOW = Date.now()
const EVENT = { type: 'delete', at: NOW, key: 'product::9', outcome: 'deleted', process: 'h:1' }
const REQUEST = {
  at: NOW,
  process: 'h:1',
  route: 'GET /',
  status: 200,
  durationMs: 1,
  calls: [],
  moreCalls: 0,
}
const CALL = { operation: 'get', key: 'a', outcome: 'hit', afterMs: 1, durationMs: 1 }
const ITEMS: readonly unknown[] = [
  null,
  5,
  [],
  {},
  'text',
  { ...EVENT, at: '5' },
  { ...EVENT, at: -1 },
  { ...EVENT, at: 9e15 },
  { ...EVENT, at: 1e308 },
  { ...EVENT, key: {} },
  { ...EVENT, key: '' },
  { ...EVENT, key: '{x}' },
  { ...EVENT, type: 'toString' },
  { ...EVENT, outcome: 'constructor' },
  { ...EVENT, process: 'x'.repeat(10_000) },
  { ...EVENT, process: 'x'.repeat(10_000_000) },
  { ...REQUEST, at: 9e15 },
  { ...REQUEST, at: '2026-01-01' },
  { ...REQUEST, status: '200' },
  { ...REQUEST, durationMs: -1 },
  { ...REQUEST, durationMs: 1e308 },
  { ...REQUEST, moreCalls: 1e300 },
  { ...REQUEST, route: {} },
  { ...REQUEST, route: 'x'.repeat(10_000_000) },
  { ...REQUEST, calls: {} },
  { ...REQUEST, calls: [null] },
  { ...REQUEST, calls: [{ ...CALL, afterMs: 'soon' }] },
  { ...REQUEST, calls: [{ ...CALL, reason: {} }] },
  { ...REQUEST, calls: Array(1_000).fill(CALL) },
]

describe('An item of the lists', () => {
  test.each(ITEMS.map((item) => [JSON.stringify(item).slice(0, 80), item]))(
    '%s is left out',
    async (_, item) => {
      const site = await open()
      for (const name of [names.events(), names.requests()]) {
        await redis.admin.lpush(name, JSON.stringify(item))
        await redis.admin.rpush(name, JSON.stringify(item), 'no JSON', '')
      }
      await expectIntact(site)
      expect(await site.cache.requests()).toEqual([])
    },
  )

  test('of this package shows its known fields only', async () => {
    const site = await open()
    const calls = [
      { ...CALL, tier: 'constructor', reason: 'toString', children: 'x', stored: {}, secret: 'x' },
      { ...CALL, operation: 'toString', outcome: 'valueOf', key: '__proto__' },
    ]
    await redis.admin.lpush(names.requests(), JSON.stringify({ ...REQUEST, calls, aborted: 5, secret: 'x' }))
    await expectIntact(site)
    const [request] = await site.cache.requests()
    expect(request).not.toHaveProperty('secret')
    expect(request).not.toHaveProperty('aborted')
    expect(request?.calls[0]).toEqual({ ...CALL, tier: 'constructor', reason: 'toString' })
  })

  test('that is too large is emptied, and read only once', async () => {
    const site = await open()
    await redis.admin.lpush(names.events(), JSON.stringify({ ...EVENT, message: 'x'.repeat(20_000_000) }))
    await expectIntact(site)
    expect(await redis.admin.lindex(names.events(), 0)).toBe('')
  })
})

import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { Logger } from '../../src/logger.js'
import type { CacheOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { named, runRows } from '../helpers/rows.js'
import { openSite, QUIET, words } from './site.js'

const PAGES = [
  '/',
  '/keys',
  '/keys?q=a',
  '/keys?cursor=5',
  '/keys?whole=yes',
  '/keys?cursor=5&whole=yes',
  '/keys/a',
  '/delete?key=a&children=yes&preview=yes',
  '/delete?key=a&children=yes&how=expire&preview=yes',
  '/clear',
]

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

async function connected(options: CacheOptions = {}): Promise<KeyedCache> {
  const cache = createCache({ redis: redis.url, keyPrefix: 'shop', logger: QUIET, ...options })
  await expect.poll(() => cache.set('a', 1)).toBe(true)
  return cache
}

function failing(throwOnStoreError: boolean, logger: Logger = QUIET): KeyedCache {
  const { statistics: _, ...broken } = wrapStore(new MemoryStore(), async () => {
    throw new Error('out of order')
  })
  const store: Store = { ...broken, description: 'a broken store', shared: true }
  return createCache({ store, keyPrefix: 'shop', logger, throwOnStoreError })
}

describe.each<[string, () => Promise<KeyedCache>]>([
  [
    'a Redis that hangs',
    async () => {
      const cache = await connected()
      redis.freeze()
      return cache
    },
  ],
  [
    'a Redis that was killed',
    async () => {
      const cache = await connected()
      await redis.kill()
      return cache
    },
  ],
  [
    'a Redis that was never there',
    async () => createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'shop', logger: QUIET }),
  ],
  ['a store that rejects', async () => failing(false)],
  ['a store that rejects, in a cache that throws', async () => failing(true)],
])('with %s', (_what, open) => {
  let cache: KeyedCache
  beforeEach(async () => {
    cache = await open()
  })
  afterEach(async () => {
    redis.thaw()
    await redis.restart()
  })

  test('each page is served within two seconds, and shows that the store is not responding', async () => {
    const { ask } = await openSite({ cache })
    const before = cache.processStats().storeFailures
    const check = async (page: string) => {
      const startedAt = performance.now()
      const { status, text } = await ask(`/cache${page}`)
      expect(performance.now() - startedAt).toBeLessThan(2_000)
      expect(status).toBe(200)
      expect(words(text)).toMatch(/not responding/)
    }
    await runRows(named(PAGES), check)
    expect((await ask('/cache/download?key=a')).status).toBe(503)
    expect(cache.processStats().storeFailures).toBe(before)
  })

  test('a delete that the store did not confirm is not shown as done', async () => {
    const events: unknown[] = []
    const { ask } = await openSite({
      cache,
      dashboard: { onAudit: ({ outcome }) => void events.push(outcome) },
    })
    const forms: [page: string, form: Record<string, string>][] = [
      ['delete', { key: 'a' }],
      ['delete', { key: 'a', children: 'yes' }],
      ['delete', { key: 'a', how: 'expire' }],
      ['delete', { key: 'a', children: 'yes', how: 'expire' }],
      ['clear', { prefix: 'shop' }],
    ]
    const check = async ([page, form]: (typeof forms)[number]) => {
      const { status, text } = await ask(`/cache/${page}`, { form })
      expect(status).toBe(503)
      const shown = words(text)
      expect(shown).toContain('did not confirm that')
      expect(shown).toMatch(/Time.*User\s*anna/)
      expect(shown).toMatch(/Live now(, with children)?\s*unknown/)
    }
    await runRows(named(forms), check, { atOnce: true })
    expect(events.filter((outcome) => outcome !== 'failed')).toEqual([])
  })
})

test('requests that the store fails make one warning in ten seconds, without a stack', async () => {
  const logged: string[] = []
  const cache = failing(false, { warn: (message) => void logged.push(message) })
  const { ask } = await openSite({ cache })
  for (const path of ['/api/keys', '/api/keys?q=a', '/api/keys?cursor=5']) {
    expect((await ask(`/cache${path}`)).status, path).toBe(503)
  }
  const warnings = logged.filter((message) => message.includes('dashboard'))
  expect(warnings).toEqual([
    expect.stringMatching(/^keyedcache: the store failed in a dashboard request\. .*out of order.*$/),
  ])
})

test('the overview starts with the pending invalidations until the store has confirmed them', async () => {
  const cache = await connected({ timeouts: { store: '200ms' } })
  const { ask } = await openSite({ cache })
  redis.freeze()
  await cache.delete('a')
  const overview = async () => words((await ask('/cache/')).text)
  expect(await overview()).toMatch(
    /Degraded 1 pending invalidation in this process, not confirmed by the store/,
  )
  redis.thaw()
  await expect.poll(overview, { timeout: 10_000 }).not.toContain('Degraded')
  expect(await overview()).toMatch(
    /Memory [\d.]+ MiB used by all data in the store; 0 evicted .*Eviction policy: noeviction/,
  )
})

test('the overview shows a circuit breaker that is open, and since when it is closed again', async () => {
  const cache = await connected({ timeouts: { store: '100ms' } })
  const { ask } = await openSite({ cache })
  const overview = async () => words((await ask('/cache/')).text)
  expect(await overview()).not.toContain('Circuit breaker')
  redis.freeze()
  onTestFinished(() => redis.thaw())
  while (cache.processStats().breakers[0]?.state === 'closed') await cache.get('a')
  expect(await overview()).toMatch(
    /Circuit breaker open in this process for redis 127\.0\.0\.1:\d+\/0, opened .* ago\. Calls fail at once until it responds\./,
  )
  redis.thaw()
  await expect
    .poll(overview, { timeout: 10_000 })
    .toMatch(/Circuit breaker closed in this process for .*, closed .* ago\. It has opened \d+ times?\./)
})

test('the overview shows no memory use when the Redis user may not read it', async () => {
  const admin = new Redis(redis.url)
  await admin.call('ACL', 'SETUSER', 'shop', 'on', '>demo', '~*', '&*', '+@all', '-info')
  const url = redis.url.replace('//', '//shop:demo@')
  const { ask } = await openSite({ cache: await connected({ redis: url }) })
  const said = words((await ask('/cache/')).text)
  expect(said).toContain('Store up')
  expect(said).not.toContain('used by')
  await admin.quit()
})

test('the overview warns of an eviction policy that evicts generations', async () => {
  const admin = new Redis(redis.url)
  const { ask } = await openSite({ cache: await connected() })
  const overview = async () => words((await ask('/cache/')).text)
  try {
    expect(await overview()).not.toContain('evicts generations')
    await admin.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-random')
    expect(await overview()).toContain(
      'Eviction policy: allkeys-random. The policy allkeys-random evicts generations as often as entries',
    )
  } finally {
    await admin.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')
    admin.disconnect()
  }
})

test('after a delete whose confirmation was lost, the page shows the current state of the key', async () => {
  const store = new MemoryStore()
  const remove = store.remove.bind(store)
  store.remove = async (...asked) => {
    await remove(...asked)
    throw new Error('the answer was lost')
  }
  const { ask, cache } = await openSite({ cache: { store } })
  await cache.set('a', 1)
  const { status, text } = await ask('/cache/delete', { form: { key: 'a' } })
  expect(status).toBe(503)
  expect(words(text)).toMatch(
    /did not confirm that a was deleted.*Current state\s*a\s*Deleted .* ago by .*, user anna/,
  )
})

test('with Redis up, a foreign cursor is refused and pages are bounded', async () => {
  const cache = await connected({ timeouts: { store: '10s' } })
  const { ask } = await openSite({ cache })
  expect((await ask('/cache/keys?cursor=nonsense')).status).toBe(400)
  await cache.setMany(Array.from({ length: 2_000 }, (_, index) => [['k', index], 1] as const))
  const { text } = await ask('/cache/keys?under=k')
  const rows = text.match(/<th scope="row"/g)?.length
  expect(rows).toBeGreaterThanOrEqual(100)
  expect(rows).toBeLessThan(500)
  expect(words((await ask('/cache/')).text)).toContain('Store up')
})

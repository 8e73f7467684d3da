import { expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import type { AuditEvent } from '../../src/dashboard/mount.js'
import { keyedCache } from '../../src/express/middleware.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { openSite, QUIET, type SiteOptions, words } from './site.js'

async function family(options?: SiteOptions) {
  const site = await openSite(options)
  await site.cache.setMany([
    ['product', 0],
    ['product::1', 1],
    ['product::1::price', 2],
    ['product::12', 3],
    ['other', 4],
  ])
  const left = async () => {
    const texts: string[] = []
    for await (const key of site.cache.keys()) texts.push(key.text)
    return texts.sort()
  }
  return { ...site, left }
}

test.each([
  {},
  { key: '' },
  { key: '   ' },
  { children: 'yes' },
  { key: '', children: 'yes', preview: 'yes' },
])('an untouched form deletes nothing: %j', async (form) => {
  const { ask, left } = await family()
  const before = await left()
  const reply = await ask('/cache/delete', { form })
  expect(reply.status).toBe(400)
  expect(words(reply.text)).toContain('Nothing was changed Enter a key.')
  const preview = await ask('/cache/delete?key=&children=yes&preview=yes')
  expect(words(preview.text)).toContain('Enter a key')
  expect(await left()).toEqual(before)
})

test.each([{ key: 'product::1' }, { key: 'product::1', children: 'no' }])(
  'children: no is the default: %j',
  async (form) => {
    const { ask, left } = await family()
    const form0 = (await ask('/cache/delete')).text
    expect(form0).toMatch(/value="no" checked/)
    expect(form0).not.toMatch(/value="yes" checked/)
    const { text } = await ask('/cache/delete', { form })
    expect(words(text)).toContain('product::1 only')
    expect(await left()).toEqual(['other', 'product', 'product::12', 'product::1::price'])
  },
)

test('from the form by a preview to the result', async () => {
  const { ask, left } = await family()
  const preview = await ask('/cache/delete?key=product%3A%3A1&children=yes&preview=yes')
  expect(words(preview.text)).toContain('Affected now: 2 keys.')
  expect(words(preview.text)).toContain('product::1::price')
  expect(preview.text).toContain('<input type="hidden" name="key" value="product::1">')
  expect(await left()).toHaveLength(5)

  const began = Date.now()
  const { status, text } = await ask('/cache/delete', { form: { key: 'product::1', children: 'yes' } })
  expect(status).toBe(200)
  expect(await left()).toEqual(['other', 'product', 'product::12'])
  const shown = words(text)
  expect(shown).toContain('Deleted with children product::1, for')
  expect(shown).toMatch(/Live before\s*2 keys/)
  expect(shown).toMatch(/User\s*anna/)
  expect(shown).toMatch(/Current state\s*product::1\s*Deleted .* ago by process .*, user anna/)
  expect(shown).toMatch(/Live now, with children\s*0 keys/)
  const at = Date.parse(/<time datetime="([^"]*)"/.exec(text)?.[1] ?? '')
  expect(at).toBeGreaterThanOrEqual(began)
  expect(at).toBeLessThanOrEqual(Date.now())
})

test('deleting one key leaves its children, which are still counted', async () => {
  const { ask } = await family()
  const shown = words((await ask('/cache/delete', { form: { key: 'product' } })).text)
  expect(shown).toContain('Deleted product only')
  expect(shown).toMatch(/Live now, with children\s*3 keys/)
})

test('the result shows the current state, also after a concurrent change', async () => {
  const { ask, cache } = await family({
    dashboard: { onAudit: async () => void (await cache.set('product::1', 'again')) },
  })
  const shown = words((await ask('/cache/delete', { form: { key: 'product::1' } })).text)
  expect(shown).toContain('Deleted product::1 only')
  expect(shown).toMatch(/Current state\s*product::1\s*Cached\. Written/)
})

test.each([{ key: 'nothing' }, { key: 'nothing', children: 'yes' }])(
  'the result shows that there was nothing to delete: %j',
  async (form) => {
    const { ask } = await family()
    const shown = words((await ask('/cache/delete', { form })).text)
    expect(shown).toContain('Not cached nothing')
    expect(shown).not.toContain('Deleted with')
    expect(shown.includes('nothing with children, for')).toBe('children' in form)
  },
)

test('a form that is sent again shows that there was nothing to delete', async () => {
  const { ask } = await family()
  const form = { key: 'product', children: 'yes' }
  expect(words((await ask('/cache/delete', { form })).text)).toMatch(/Live before\s*4 keys/)
  expect(words((await ask('/cache/delete', { form })).text)).toContain('Not cached product')
})

test.each([
  [true, 'all processes'],
  [false, 'this process'],
])('the form names the scope: with a shared store (%s), %s', async (shared, scope) => {
  const store = Object.assign(new MemoryStore(), { shared })
  const { ask } = await family({ cache: { store } })
  for (const [page, form] of [
    ['delete', { key: 'product::1' }],
    ['delete', { key: 'product', children: 'yes' }],
    ['delete', { key: 'product', children: 'yes' }],
    ['clear', { prefix: 'shop' }],
  ] as const) {
    expect(words((await ask(`/cache/${page}`, { form })).text)).toMatch(new RegExp(`for ${scope}[., ]`))
  }
})

test('everything is deleted only when the prefix is typed exactly', async () => {
  const { ask, left } = await family()
  for (const prefix of ['', 'Shop', 'shop2', 'sho', '*']) {
    const reply = await ask('/cache/clear', { form: { prefix } })
    expect(reply.status).toBe(400)
    expect(words(reply.text)).toContain('Nothing was deleted The prefix does not match.')
  }
  expect(await left()).toHaveLength(5)
  expect(words((await ask('/cache/clear')).text)).toContain('Live now: 5 keys.')
  const { status, text } = await ask('/cache/clear', { form: { prefix: 'shop' } })
  expect(status).toBe(200)
  expect(await left()).toEqual([])
  expect(words(text)).toMatch(/Live before\s*5 keys/)
  expect(words(text)).toMatch(/Live now\s*0 keys/)
})

test('the provenance of a key contains the user and the route of its delete', async () => {
  const { ask, cache } = await family()
  await ask('/cache/delete', { form: { key: 'product', children: 'yes' } })
  expect((await cache.inspect('product::12')).provenance).toMatchObject({
    route: 'POST /cache/delete',
    user: 'anna',
  })
  expect(words((await ask('/cache/keys/product::12')).text)).toMatch(
    /Deleted with everything under product, .* ago by process .*, POST \/cache\/delete, user anna/,
  )
})

test('the application is notified of each delete', async () => {
  const events: AuditEvent[] = []
  const { ask, cache } = await openSite({ dashboard: { onAudit: (event) => void events.push(event) } })
  await cache.set('a', 1)
  await ask('/cache/delete', { form: { key: 'a' } })
  await ask('/cache/delete', { form: { key: 'b', children: 'yes' } })
  await ask('/cache/clear', { form: { prefix: 'shop' } })
  await ask('/cache/clear', { form: { prefix: 'wrong' } })
  const by = { user: 'anna', at: expect.any(Number) }
  expect(events).toEqual([
    { action: 'delete', key: 'a', children: false, outcome: 'deleted', route: 'POST /cache/delete', ...by },
    { action: 'delete', key: 'b', children: true, outcome: 'absent', route: 'POST /cache/delete', ...by },
    {
      action: 'clear',
      key: undefined,
      children: true,
      outcome: 'deleted',
      route: 'POST /cache/clear',
      ...by,
    },
  ])
})

test.each([
  [
    'throws',
    () => {
      throw new Error('audit log full')
    },
  ],
  ['rejects', () => Promise.reject(new Error('audit log full'))],
])('a hook that %s is logged and does not affect the delete', async (_how, onAudit) => {
  const logged: string[] = []
  const { ask, cache } = await openSite({
    cache: { logger: { warn: (text) => logged.push(text) } },
    dashboard: { onAudit },
  })
  await cache.set('a', 1)
  expect((await ask('/cache/delete', { form: { key: 'a' } })).status).toBe(200)
  expect(await cache.has('a')).toBe(false)
  expect(logged.join()).toContain('audit log full')
})

test('a hook that never settles delays the page only briefly', async () => {
  const { ask } = await openSite({ dashboard: { onAudit: () => new Promise(() => {}) } })
  const began = performance.now()
  expect((await ask('/cache/delete', { form: { key: 'a' } })).status).toBe(200)
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('an undefined audit option leaves the audit of the middleware', async () => {
  const cache = createCache({ store: 'memory', logger: QUIET })
  const handler = keyedCache(cache, {
    audit: () => ({ user: 'no. 8' }),
    dashboard: { audit: undefined, isStaff: () => true },
  })
  const { ask } = await openSite({ cache, mount: '/elsewhere', before: (app) => void app.use(handler) })
  await cache.set('a', 1)
  await ask('/cache/delete', { form: { key: 'a' } })
  expect((await cache.inspect('a')).provenance).toMatchObject({ user: 'no. 8' })
})

test('audit may return the user itself', async () => {
  const { ask, cache } = await openSite({
    dashboard: { audit: () => ({ route: 'night shift', user: 'no. 7' }) },
  })
  await cache.set('a', 1)
  await ask('/cache/delete', { form: { key: 'a' } })
  expect((await cache.inspect('a')).provenance).toMatchObject({ route: 'night shift', user: 'no. 7' })
})

test.each<[string, () => unknown, RegExp]>([
  [
    'throws',
    () => {
      throw new Error('no user database')
    },
    /^unknown \(audit failed: Error: no user database\)$/,
  ],
  ['gives nothing', () => undefined, /^unknown \(audit failed: TypeError/],
  [
    'gives a promise',
    async () => ({ user: 'anna' }),
    /^unknown \(audit failed: TypeError: it returned a promise\)$/,
  ],
  [
    'gives a promise that is rejected',
    () => Promise.reject(new Error('no user database')),
    /it returned a promise\)$/,
  ],
  ['gives a number', () => ({ user: 5 }), /^5$/],
])('an audit that %s does not prevent the change, and is recorded as failed', async (_how, audit, user) => {
  const events: AuditEvent[] = []
  const { ask, cache } = await openSite({
    dashboard: { audit: audit as never, onAudit: (event) => void events.push(event) },
  })
  await cache.set('a', 1)
  const { status, text } = await ask('/cache/delete', { form: { key: 'a' } })
  expect(status).toBe(200)
  expect(await cache.has('a')).toBe(false)
  expect((await cache.inspect('a')).provenance?.user).toMatch(user)
  expect(events).toMatchObject([{ outcome: 'deleted', user: expect.stringMatching(user) }])
  expect(words(text)).toMatch(/User\s*(unknown \(audit failed: |5)/)
})

test('no user is recorded unless the application names one', async () => {
  const { ask } = await openSite({ dashboard: { audit: () => ({ user: { name: 'x' } }) as never } })
  const { text } = await ask('/cache/delete', { form: { key: 'a' } })
  expect(words(text)).toMatch(/User\s*Unknown user/)
})

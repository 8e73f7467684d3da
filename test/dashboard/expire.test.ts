import { expect, test } from 'vitest'
import type { AuditEvent } from '../../src/dashboard/mount.js'
import { openSite, type SiteOptions, words } from './site.js'

/** Three keys below `product`, of which two were computed. */
async function family(options?: SiteOptions) {
  const site = await openSite(options)
  const { cache } = site
  const slowly = () => new Promise((resolve) => setTimeout(resolve, 20, 'computed'))
  await cache.getOrSet('product::1', slowly, { grace: '1h' })
  await cache.getOrSet('product::1::price', slowly, { grace: '1h' })
  await cache.set('product::2', 'set')
  await cache.set('other', 'set')
  const states = async () => {
    const keys = ['product::1', 'product::1::price', 'product::2', 'other']
    return Promise.all(keys.map(async (key) => (await cache.inspect(key)).state))
  }
  return { ...site, states }
}

test('the form offers delete and expire, with delete as the default', async () => {
  const { ask } = await family()
  const { text } = await ask('/cache/delete?key=product')
  expect(text).toMatch(/name="how" value="delete" checked/)
  expect(text).not.toMatch(/name="how" value="expire" checked/)
  expect(words(text)).toContain('Mark stale (soft expiry)')
  expect((await ask('/cache/delete?key=product&how=expire')).text).toMatch(
    /name="how" value="expire" checked/,
  )
})

test('from the form by a preview to the result, with everything below', async () => {
  const { ask, states } = await family()
  const preview = await ask('/cache/delete?key=product&children=yes&how=expire&preview=yes')
  const shown = words(preview.text)
  expect(shown).toContain('Preview: mark stale')
  expect(shown).toContain('Affected now: 3 keys.')
  expect(shown).toContain('product::1::price')
  expect(shown).toMatch(/About \d+ ms to recompute, based on 2 of 3 keys; the other was set, not computed\./)
  expect(shown).toContain('serves the current value while one process recomputes it')
  expect(preview.text).toContain('<input type="hidden" name="how" value="expire">')
  expect(await states()).toEqual(['fresh', 'fresh', 'fresh', 'fresh'])

  const form = { key: 'product', children: 'yes', how: 'expire' }
  const { status, text } = await ask('/cache/delete', { form })
  expect(status).toBe(200)
  expect(await states()).toEqual(['stale', 'stale', 'stale', 'fresh'])
  expect(words(text)).toContain('Marked stale with children product, for')
  expect(words(text)).toMatch(/Live before\s*3 keys/)
  expect(words((await ask('/cache/keys/product::1')).text)).toMatch(
    /Stale Written .*\. Marked stale with everything under product, .* ago by process .*, POST \/cache\/delete, user anna\. Served within its grace period for/,
  )
})

test('marks one key alone stale', async () => {
  const { ask, cache, states } = await family()
  const preview = words((await ask('/cache/delete?key=product::1&how=expire&preview=yes')).text)
  expect(preview).toContain('Mark stale: product::1 only')
  expect(preview).toMatch(/About \d+ ms to recompute, based on the last compute time\./)
  const { text } = await ask('/cache/delete', { form: { key: 'product::1', how: 'expire' } })
  expect(await states()).toEqual(['stale', 'fresh', 'fresh', 'fresh'])
  const shown = words(text)
  expect(shown).toContain('Marked stale product::1 only')
  expect(shown).toMatch(
    /Current state\s*product::1\s*Written .*\. Marked stale .* ago by process .*, user anna/,
  )
  expect(await cache.getOrSet('product::1', () => 'new', { grace: '1h' })).toBe('computed')
})

test('shows the average compute time, if it is known', async () => {
  const { ask } = await family()
  const preview = async (query: string) => words((await ask(`/cache/delete?preview=yes&${query}`)).text)
  expect(await preview('key=product&children=yes')).toMatch(
    /About \d+ ms to recompute, based on .*; the other/,
  )
  expect(await preview('key=product::1')).toMatch(
    /About \d+ ms to recompute, based on the last compute time\./,
  )
  expect(await preview('key=product::2')).toContain(
    'Recompute time unknown: the value was set, not computed.',
  )
  expect(await preview('key=other&children=yes')).toContain('Recompute time unknown: the value was set')
  for (const nothing of ['key=none', 'key=none&children=yes']) {
    expect(await preview(nothing)).not.toMatch(/to recompute|Recompute time/)
  }
})

test.each([{ key: 'nothing' }, { key: 'nothing', children: 'yes' }])(
  'the result shows that there was nothing to expire: %j',
  async (asked) => {
    const { ask } = await family()
    const preview = await ask(
      `/cache/delete?${new URLSearchParams({ ...asked, how: 'expire', preview: 'yes' })}`,
    )
    expect(words(preview.text)).toMatch(/0 keys/)
    const shown = words((await ask('/cache/delete', { form: { ...asked, how: 'expire' } })).text)
    expect(shown).toContain('Not cached nothing')
  },
)

test('any other value of how changes nothing', async () => {
  const { ask, states } = await family()
  for (const how of ['soft', 'delete,expire', 'EXPIRE']) {
    expect((await ask('/cache/delete', { form: { key: 'product::1', how } })).status).toBe(400)
  }
  expect(await states()).toEqual(['fresh', 'fresh', 'fresh', 'fresh'])
  const { status, text } = await ask('/cache/delete', { form: { key: '', how: 'expire' } })
  expect(status).toBe(400)
  expect(words(text)).toContain('Nothing was changed')
})

test('is closed on a read-only dashboard', async () => {
  const { ask, states } = await family({ dashboard: { readOnly: true } })
  for (const path of [
    '/cache/delete?key=product&how=expire',
    '/cache/delete?key=product&how=expire&preview=yes',
  ]) {
    expect((await ask(path)).status).toBe(403)
  }
  expect((await ask('/cache/delete', { form: { key: 'product::1', how: 'expire' } })).status).toBe(403)
  expect(await states()).toEqual(['fresh', 'fresh', 'fresh', 'fresh'])
})

test('is reported to the application, in the events and in the statistics', async () => {
  const told: AuditEvent[] = []
  const { ask } = await family({ dashboard: { onAudit: (event) => void told.push(event) } })
  await ask('/cache/delete', { form: { key: 'product', children: 'yes', how: 'expire' } })
  await ask('/cache/delete', { form: { key: 'none', how: 'expire' } })
  const by = { route: 'POST /cache/delete', user: 'anna', at: expect.any(Number) }
  expect(told).toEqual([
    { action: 'expire', key: 'product', children: true, outcome: 'expired', ...by },
    { action: 'expire', key: 'none', children: false, outcome: 'absent', ...by },
  ])
  const events = words((await ask('/cache/events?type=expire')).text)
  expect(events).toMatch(/Marked stale with children\s*product\s*done/)
  expect(events).toMatch(/Marked stale\s*none\s*not cached/)
  expect(words((await ask('/cache/events?type=delete')).text)).not.toContain('Marked stale')
  expect(words((await ask('/cache/keys/product::1')).text)).toContain('Marked stale with children')
  expect(words((await ask('/cache/')).text)).toMatch(/Soft expiries\s*2/)
})

test('the listing shows them as stale', async () => {
  const { ask, cache } = await family()
  await cache.expire('product', { children: true })
  const { text } = await ask('/cache/keys')
  expect(words(text)).toContain('product::1::price')
  expect((await cache.list({ scan: 1_000 })).entries.filter(({ ttlMs }) => ttlMs > 0)).toMatchObject([
    { key: { text: 'other' } },
  ])
})

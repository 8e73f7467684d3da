import { expect, test } from 'vitest'
import type { AuditEvent } from '../../src/dashboard/dashboard.js'
import { openSite, target, words } from './site.js'

async function family() {
  const site = await openSite()
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
  expect(words(reply.text)).toContain('Nothing was deleted')
  const preview = await ask('/cache/delete?key=&children=yes&preview=yes')
  expect(words(preview.text)).toContain('Give a key')
  expect(await left()).toEqual(before)
})

test.each([{ key: 'product::1' }, { key: 'product::1', children: 'no' }])(
  'no means no, and is the default: %j',
  async (form) => {
    const { ask, left } = await family()
    const form0 = (await ask('/cache/delete')).text
    expect(form0).toMatch(/value="no" checked/)
    expect(form0).not.toMatch(/value="yes" checked/)
    expect((await ask('/cache/delete', { form })).status).toBe(303)
    expect(await left()).toEqual(['other', 'product', 'product::12', 'product::1::price'])
  },
)

test('from the form by a preview to the result', async () => {
  const { ask, left } = await family()
  const preview = await ask('/cache/delete?key=product%3A%3A1&children=yes&preview=yes')
  expect(words(preview.text)).toContain('2 keys live at and below it now')
  expect(words(preview.text)).toContain('product::1::price')
  expect(preview.text).toContain('<input type="hidden" name="key" value="product::1">')
  expect(await left()).toHaveLength(5)

  const sent = await ask('/cache/delete', { form: { key: 'product::1', children: 'yes' } })
  expect(sent.status).toBe(303)
  expect(await left()).toEqual(['other', 'product', 'product::12'])
  const result = target('/cache/delete', sent)
  const said = words((await ask(result)).text)
  expect(said).toContain('Deleted with everything below')
  expect(said).toContain('2 keys lived at and below it just before')
  expect(said).toContain('anna')
})

test('to load the result again deletes nothing again', async () => {
  const { ask, cache } = await family()
  const result = target('/cache/delete', await ask('/cache/delete', { form: { key: 'product::1' } }))
  await cache.set('product::1', 'again')
  const said = words((await ask(result)).text)
  expect(said).toContain('Deleted 1 key')
  expect(said).toContain('Cached again')
  expect(await cache.get('product::1')).toBe('again')
})

test('says so when nothing was there', async () => {
  const { ask } = await family()
  const result = target('/cache/delete', await ask('/cache/delete', { form: { key: 'nothing' } }))
  expect(words((await ask(result)).text)).toContain('Nothing was there')
})

test('an address alone proves no delete', async () => {
  const { ask } = await family()
  const said = words((await ask('/cache/done?receipt=forged&key=product')).text)
  expect(said).toContain('No record here')
  expect(said).not.toContain('Deleted')
})

test('everything is deleted only by the prefix, typed exactly', async () => {
  const { ask, left } = await family()
  for (const prefix of ['', 'Shop', 'shop2', 'sho', '*']) {
    const reply = await ask('/cache/clear', { form: { prefix } })
    expect(reply.status).toBe(400)
    expect(words(reply.text)).toContain('Nothing was deleted')
  }
  expect(await left()).toHaveLength(5)
  expect(words((await ask('/cache/clear')).text)).toContain('5 keys live there now')
  const sent = await ask('/cache/clear', { form: { prefix: 'shop' } })
  expect(sent.status).toBe(303)
  expect(await left()).toEqual([])
  expect(words((await ask(target('/cache/clear', sent))).text)).toContain('5 keys lived there just before')
})

test('the record says who deleted it, and how', async () => {
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

test('the application is told of every delete', async () => {
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
])('a hook that %s is logged and breaks nothing', async (_how, onAudit) => {
  const logged: string[] = []
  const { ask, cache } = await openSite({
    cache: { logger: { warn: (text) => logged.push(text) } },
    dashboard: { onAudit },
  })
  await cache.set('a', 1)
  expect((await ask('/cache/delete', { form: { key: 'a' } })).status).toBe(303)
  expect(await cache.has('a')).toBe(false)
  expect(logged.join()).toContain('audit log full')
})

test('a hook that never answers does not hold the page for long', async () => {
  const { ask } = await openSite({ dashboard: { onAudit: () => new Promise(() => {}) } })
  expect((await ask('/cache/delete', { form: { key: 'a' } })).status).toBe(303)
})

test('audit may name the user itself', async () => {
  const { ask, cache } = await openSite({
    dashboard: { audit: () => ({ route: 'night shift', user: 'no. 7' }) },
  })
  await cache.set('a', 1)
  await ask('/cache/delete', { form: { key: 'a' } })
  expect((await cache.inspect('a')).provenance).toMatchObject({ route: 'night shift', user: 'no. 7' })
})

import { expect, test } from 'vitest'
import { type Asking, openSite } from './site.js'

const isLive = (html: string) => [html.includes('data-live hidden'), html.includes('assets/live.js')]

test.each([
  '/',
  '/?span=day',
  '/processes',
  '/requests',
  '/events',
  '/keys',
  '/keys?q=a',
  '/keys/a',
  '/key?key=a',
])('%s offers auto-refresh, since it shows figures or a list', async (path) => {
  const { ask } = await openSite()
  expect(isLive((await ask(`/cache${path}`)).text)).toEqual([true, true])
})

test.each<[string, Asking?]>([
  ['/delete'],
  ['/delete?key=a&preview=yes'],
  ['/clear'],
  ['/delete', { form: { key: 'a' } }],
  ['/delete', { form: { key: '' } }],
  ['/clear', { form: { prefix: 'wrong' } }],
  ['/nowhere'],
  ['/', { as: 'customer' }],
])('%s offers no auto-refresh, since it is a form, its result, or an error', async (path, asking) => {
  const { ask } = await openSite()
  expect(isLive((await ask(`/cache${path}`, asking)).text)).toEqual([false, false])
})

test('the first page of keys offers auto-refresh, later pages do not', async () => {
  const { ask, cache } = await openSite()
  await cache.setMany(Array.from({ length: 600 }, (_, index) => [`many::${index}`, 1] as const))
  const first = await ask('/cache/keys')
  expect(isLive(first.text)).toEqual([true, true])
  const next = /rel="next" href="([^"]+)"/.exec(first.text)?.[1]?.replace(/&amp;/g, '&') ?? ''
  expect(next).toContain('cursor=')
  expect(isLive((await ask(next)).text)).toEqual([false, false])
})

import { HtmlValidate } from 'html-validate'
import { describe, expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { ANONYMOUS, type Asking, openSite, QUIET, type Site, type SiteOptions } from './site.js'

/** What the HTML standard and accessibility ask; not what is a matter of style. */
const validator = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] })

async function expectValid(html: string): Promise<void> {
  const { results } = await validator.validateString(html)
  const faults = results.flatMap(({ messages }) =>
    messages.map(({ line, ruleId, message }) => `${ruleId}: ${message} in ${html.split('\n')[line - 1]}`),
  )
  expect(faults).toEqual([])
}

async function shop(options: SiteOptions = {}): Promise<Site> {
  const site = await openSite(options)
  const { cache } = site
  await cache.setMany([
    ['product::1', { name: 'Tea' }],
    ['product::1::price', 12],
    [['<b>"&\'', '<b>"&\''], '<b>"&\''],
    ['token', 'secret'],
    ...Array.from({ length: 400 }, (_, index) => [`many::${index}`, 1] as const),
  ])
  await cache.get('product::1')
  await cache.get('product::9')
  await cache.get(['<b>"&\''])
  await cache.delete('gone')
  await cache.delete('product::1::price', { children: true })
  return site
}

const csrf = { token: () => 'a"b', verify: () => true }

test.each<[string, number, Asking?, SiteOptions?]>([
  ['/', 200],
  ['/', 200, {}, { cache: { enabled: false } }],
  ['/keys', 200],
  ['/keys?under=product&q=price', 200],
  ['/keys?q=nothing', 200],
  ['/keys?under=many', 200],
  ['/keys?under=many&whole=yes', 200],
  ['/keys?q=nothing&whole=yes', 200],
  ['/keys?whole=yes', 200, {}, { cache: { enabled: false } }],
  ['/keys/product::1', 200],
  ['/keys/token', 200],
  ['/keys/product::1', 200, {}, { dashboard: { hideValues: true, readOnly: true } }],
  ['/keys/gone', 200],
  ['/keys/product::1::price', 200],
  ['/key?key=%253Cb%253E%2522%2526%27::%253Cb%253E%2522%2526%27', 200],
  ['/delete', 200],
  ['/delete?key=&preview=yes', 200],
  ['/delete?key=product::1&preview=yes', 200, {}, { dashboard: { csrf } }],
  ['/delete?key=many&preview=yes&children=yes', 200],
  ['/delete?key=product::1&preview=yes&how=expire', 200],
  ['/delete?key=many&preview=yes&children=yes&how=expire', 200],
  ['/events', 200],
  ['/requests', 200],
  ['/requests?q=x&limit=7', 200],
  ['/events?type=clear&q=x&limit=7', 200],
  ['/clear', 200, {}, { dashboard: { csrf } }],
  ['/delete', 200, { form: { key: 'product::1' } }],
  ['/delete', 200, { form: { key: 'many', children: 'yes' } }],
  ['/delete', 200, { form: { key: 'nothing', children: 'yes' } }],
  ['/delete', 200, { form: { key: 'product::2', how: 'expire' } }],
  ['/delete', 200, { form: { key: 'many', children: 'yes', how: 'expire' } }],
  ['/delete', 400, { form: { key: '' } }],
  ['/clear', 200, { form: { prefix: 'shop' } }],
  ['/clear', 400, { form: { prefix: 'wrong' } }],
  ['/bypass?path=%2Fa%22%3Cb%3E', 200],
  ['/bypass', 400, { form: { path: '//"><script>' } }],
  ['/', 401, ANONYMOUS],
  ['/', 403, { as: 'customer' }],
  ['/nowhere', 404],
])('%s with status %i is valid HTML', async (path, status, asking, options) => {
  const { ask } = await shop(options)
  const reply = await ask(`/cache${path}`, asking)
  expect(reply.status).toBe(status)
  await expectValid(reply.text)
})

describe('valid HTML before anything is cached:', () => {
  test.each(['/', '/keys', '/events', '/requests'])('%s', async (path) => {
    await expectValid((await (await openSite()).ask(`/cache${path}`)).text)
  })
})

describe('valid HTML while the store does not respond:', () => {
  test.each<[string, Asking?]>([
    ['/'],
    ['/keys'],
    ['/keys/a'],
    ['/events'],
    ['/requests'],
    ['/delete?key=a&preview=yes&children=yes'],
    ['/clear'],
    ['/delete', { form: { key: 'a' } }],
    ['/clear', { form: { prefix: 'shop' } }],
    ['/bypass', { form: { path: '/a' } }],
  ])('%s', async (path, asking) => {
    const { ask } = await openSite({
      cache: createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'shop', logger: QUIET }),
    })
    await expectValid((await ask(`/cache${path}`, asking)).text)
  })
})

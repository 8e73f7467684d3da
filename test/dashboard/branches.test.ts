import { expect, test } from 'vitest'
import { SecretNames } from '../../src/dashboard/masking/secret-names.js'
import { branchesOf } from '../../src/dashboard/reading/branches.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { openSite, words } from './site.js'

const keys = [
  'product::1::reviews',
  'product::1',
  'product::2',
  'cart::7',
  'rates',
  'session::5e1f::basket',
].map((text) => CacheKey.from(text))
const secrets = new SecretNames()

test('branches are the keys with children, those with the most keys first', () => {
  expect(branchesOf(keys, undefined, secrets)).toEqual([
    { segment: 'product', under: 'product', keys: 3 },
    { segment: 'cart', under: 'cart', keys: 1 },
    { segment: 'session', under: 'session', keys: 1 },
  ])
  const products = keys.filter((key) => key.isWithin(CacheKey.from('product')))
  expect(branchesOf(products, CacheKey.from('product'), secrets)).toEqual([
    { segment: '1', under: 'product::1', keys: 1 },
  ])
})

test('a masked part is no branch, and the list is limited', () => {
  const session = keys.filter((key) => key.isWithin(CacheKey.from('session')))
  expect(branchesOf(session, CacheKey.from('session'), secrets)).toEqual([])
  const many = Array.from({ length: 100 }, (_, id) => CacheKey.from(['family', id, 'x']))
  expect(branchesOf(many, CacheKey.from('family'), secrets)).toHaveLength(40)
})

test('the keys page links down the tree, level by level', async () => {
  const { ask, cache } = await openSite()
  for (const text of ['product::1::reviews', 'product::1', 'product::2', '<b>::x::y'])
    await cache.set(text, 1)
  const { text } = await ask('/cache/keys')
  expect(words(text)).toMatch(/Branches on this page: product 3 <b> 1/)
  expect(text).toContain('<a href="./keys?under=product"><bdi>product</bdi></a>')
  expect(text).toContain('<bdi>&lt;b&gt;</bdi>')
  const below = words((await ask('/cache/keys?under=product')).text)
  expect(below).toMatch(/Branches on this page: 1 1/)
  expect(words((await ask('/cache/keys?under=product::1')).text)).not.toContain('Branches on')
})

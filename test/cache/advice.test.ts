import { afterEach, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'

const open: KeyedCache[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()))
})

function inMemory(): KeyedCache {
  const cache = createCache({ store: 'memory' })
  open.push(cache)
  return cache
}

const PARTS = "a key of several parts is one array, ['product', '1']."

test.each<[string, (cache: never) => unknown, string]>([
  ['parts as arguments of get', (cache: KeyedCache) => cache.get('product', '1' as never), PARTS],
  ['parts as arguments of delete', (cache: KeyedCache) => cache.delete('product', 1 as never), PARTS],
  [
    'a TTL as the options of set',
    (cache: KeyedCache) => cache.set('a', 1, 60 as never),
    'write { ttl: 60 }.',
  ],
  [
    'options before the factory',
    (cache: KeyedCache) => cache.getOrSet('a', { ttl: 60 } as never, (() => 1) as never),
    'The factory comes second, the options third: write (key, () => …, { ttl }).',
  ],
  [
    'a promise as the factory',
    (cache: KeyedCache) => cache.getOrSet('a', Promise.resolve(1) as never),
    'not an instance of Promise: pass () => ….',
  ],
  [
    'a timeout of getOrSet',
    (cache: KeyedCache) => cache.getOrSet('a', () => 1, { timeout: 5 } as never),
    'did you mean "hardTimeout" or "softTimeout"?',
  ],
] as never)('%s get advice', async (_mistake, call, advice) => {
  const cache = inMemory()
  await expect(async () => call(cache as never)).rejects.toThrow(advice)
})

test.each<[object, string]>([
  [{ url: 'redis://127.0.0.1' }, 'did you mean "redis"?'],
  [{ redisUrl: 'redis://127.0.0.1' }, 'did you mean "redis"?'],
  [{ prefix: 'shop' }, 'did you mean "keyPrefix"?'],
  [{ store: 'redis' }, "for Redis write redis: 'redis://127.0.0.1:6379'."],
])('options of other names get advice: %j', (options, advice) => {
  expect(() => createCache(options as never)).toThrow(advice)
})

test('an option of the dashboard at the top names its place', () => {
  expect(() => keyedCache({ store: 'memory', isStaff: () => true } as never)).toThrow(
    'isStaff belongs in dashboard: { isStaff }.',
  )
})

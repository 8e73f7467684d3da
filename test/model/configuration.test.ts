import { afterEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import { CachedObject, type CachedObjectOptions } from '../../src/model/cached-object.js'
import type { CacheOptions } from '../../src/options.js'

const opened: KeyedCache[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(opened.splice(0).map((cache) => cache.close()))
})

function openCache(options: CacheOptions = {}): KeyedCache {
  const cache = createCache({ store: 'memory', ...options })
  opened.push(cache)
  return cache
}

class Row {
  constructor(readonly id: number) {}
}

const CONFIGURATION = 'ERR_KEYEDCACHE_CONFIGURATION'

describe('The cache of a class', () => {
  test('is the cache of its options, else its static cache, which subclasses inherit', async () => {
    const [first, second] = [openCache(), openCache()]
    class Optional extends CachedObject(Row, { cache: first }) {
      static readonly cache = second
    }
    class Static extends CachedObject(Row) {
      static get cache() {
        return second
      }
    }
    class Below extends Static {}
    for (const type of [Optional, Static, Below]) expect(await new type(1).cacheSet()).toBe(true)
    expect(await first.has('Optional::1')).toBe(true)
    expect(await second.getMany(['Optional::1', 'Static::1', 'Below::1'])).toEqual([
      undefined,
      { id: 1 },
      { id: 1 },
    ])
  })

  test('is the only open cache by default', async () => {
    class Product extends CachedObject(Row) {}
    const none = /^No cache is open: make one first, with createCache\(/
    await expect(new Product(1).cacheSet()).rejects.toThrow(none)
    await expect(Product.findCached(1, () => undefined)).rejects.toMatchObject({ code: CONFIGURATION })

    const handler = keyedCache({ store: 'memory' })
    expect(await new Product(1).cacheSet()).toBe(true)
    expect(await handler.cache.has('Product::1')).toBe(true)
    // A view of it, as each request has one, is no other.
    await handler.cache.withRequestMemory(() => new Product(2).cacheSet())

    const other = openCache()
    vi.stubEnv('NODE_ENV', 'production')
    await expect(new Product(1).isCached()).rejects.toThrow(
      '2 caches are open: name the one to use, by static cache = cache in the class, or CachedObject(Base, { cache }).',
    )
    await other.close()
    expect(await new Product(1).isCached()).toBe(true)
    await handler.close()
    await expect(new Product(1).isCached()).rejects.toThrow(none)
  })

  test('must be a cache', async () => {
    class Product extends CachedObject(Row) {
      static readonly cache = new Map()
    }
    await expect(new Product(1).cacheSet()).rejects.toMatchObject({
      code: CONFIGURATION,
      message: 'The cache of Product must be what createCache() returns, not an instance of Map.',
    })
  })
})

describe('A module that is evaluated again, outside production,', () => {
  test('replaces the only open cache, with one warning', async () => {
    const warn = vi.fn()
    const logger = { warn }
    class Product extends CachedObject(Row) {}
    const first = openCache({ logger })
    await new Product(1).cacheSet()
    const second = openCache({ logger })
    await new Product(2).cacheSet()
    await new Product(2).isCached()
    expect([await first.has('Product::2'), await second.has('Product::2')]).toEqual([false, true])
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /^keyedcache: 2 caches are open, and the newest is used\. After a hot reload .*: name the one to use/,
    )
    await second.close()
    expect(await new Product(1).isCached()).toBe(true)
  })

  test('takes over the name of its class, with one warning', async () => {
    const warn = vi.fn()
    const cache = openCache({ logger: { warn } })
    const evaluate = (version: number) =>
      class Product extends CachedObject(Row, { cache }) {
        readonly version = version
        override toCache() {
          return { id: this.id, version }
        }
      }
    const [First, Second] = [evaluate(1), evaluate(2)]
    await new First(1).cacheSet()
    const found = await Second.findCached(1, () => new Second(1))
    expect(found).toBeInstanceOf(Second)
    expect(await new Second(1).cacheDelete()).toBe(true)
    expect(await Second.findCached(1, () => new Second(1))).toMatchObject({ version: 2 })
    expect(await new First(1).cacheDelete()).toBe(true)
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).toMatch(/^keyedcache: "Product" is defined a second time/)
  })

  test('may be this package: a cache of another copy is refused by name', async () => {
    vi.resetModules()
    const copy = await import('../../src/create-cache.js')
    const cache = copy.createCache({ store: 'memory' })
    class Product extends CachedObject(Row, { cache }) {}
    const message = /^This cache was made by another copy of keyedcache: /
    await expect(new Product(1).cacheSet()).rejects.toThrow(message)
    expect(() => keyedCache(cache)).toThrow(message)
    await cache.close()
  })
})

describe('The name of a class', () => {
  test('is its static cacheName, the name of the options, or its own name', () => {
    const options = { name: 'optional' }
    class Own extends CachedObject(Row) {}
    class Optional extends CachedObject(Row, options) {}
    class Below extends Optional {}
    class Static extends CachedObject(Row, options) {
      static readonly cacheName = 'static::name'
    }
    const Itself = CachedObject(Row, options)
    const keys = [Own, Optional, Below, Static, Itself].map((type) => type.cacheKey(1).text)
    expect(keys).toEqual(['Own::1', 'optional::1', 'Below::1', 'static%3A%3Aname::1', 'optional::1'])
  })

  test('is required', () => {
    const unnamed = [CachedObject(Row), (() => class extends CachedObject(Row) {})()]
    for (const type of unnamed) {
      expect(() => type.cacheKey(1)).toThrow(
        "A cached class needs a name for its keys: static cacheName = 'product', or CachedObject(Base, { name: 'product' }).",
      )
    }
    class Numbered extends CachedObject(Row) {
      static readonly cacheName = 7
    }
    expect(() => Numbered.cacheKey(1)).toThrow(expect.objectContaining({ code: CONFIGURATION }))
  })

  test('is unique within a cache, and may be used again in another', async () => {
    const [first, second] = [openCache(), openCache()]
    const productOf = (cache: KeyedCache) => class Product extends CachedObject(Row, { cache }) {}
    const [here, there, again] = [productOf(first), productOf(second), productOf(first)]
    await new here(1).cacheSet()
    expect(await new there(1).isCached()).toBe(false)
    await new there(2).cacheSet()
    expect(await here.findCached(2, () => undefined)).toBeUndefined()
    vi.stubEnv('NODE_ENV', 'production')
    await expect(new again(1).cacheGet()).rejects.toMatchObject({
      code: CONFIGURATION,
      message: expect.stringMatching(
        /^Two classes are cached under the name "Product", and would get each other's/,
      ),
    })
  })
})

describe('CachedObject', () => {
  test('refuses unknown options', () => {
    const attempt = (options: object) => () => CachedObject(Row, options as CachedObjectOptions)
    expect(attempt({ tll: '1h' })).toThrow('Unknown CachedObject option "tll": did you mean "ttl"?')
    expect(attempt({ validate: () => true })).toThrow(/^Unknown CachedObject option "validate"/)
    expect(() => CachedObject({ named: 'x' } as CachedObjectOptions)).toThrow(/did you mean "name"\?$/)
    expect(() => CachedObject(null as never)).toThrow('The CachedObject options must be an object, not null.')
  })

  test('refuses options in the place of a class', () => {
    const twice = CachedObject as (...given: unknown[]) => unknown
    expect(() => twice({ ttl: '1h' }, { name: 'product' })).toThrow(
      'CachedObject() takes options after a class only: write CachedObject(Base, options) or CachedObject(options).',
    )
  })

  test('does not change the constructor, the identity and the methods of a class', () => {
    abstract class Shape {
      static readonly corners: number = 0
      constructor(
        readonly id: number,
        ...sides: number[]
      ) {
        this.sides = sides
      }
      readonly sides: number[]
      abstract area(): number
    }
    class Rectangle extends CachedObject(Shape, { name: 'rectangle' }) {
      static override readonly corners = 4
      area() {
        return this.sides.reduce((one, other) => one * other)
      }
    }
    const door = new Rectangle(1, 2, 3)
    expect(door).toBeInstanceOf(Shape)
    expect(door.area()).toBe(6)
    expect(Rectangle.corners).toBe(4)
    expect(Object.keys(door)).toEqual(['id', 'sides'])
  })
})

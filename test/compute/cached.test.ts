import { expect, expectTypeOf, test, vi } from 'vitest'
import { ConfigurationError, InvalidKeyError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'

describeOnEveryBackend('A cached function', (open) => {
  test('computes once for its arguments, until its result is dropped', async () => {
    const cache = open()
    let asked = 0
    // It takes its time: the internet.
    function nearest_restaurant(gps_x: number, gps_y: number) {
      asked++
      return (gps_x - 3) ** 2 + (gps_y - 6) ** 2 <= 1 ? 'Havana Road' : 'unknown'
    }
    const cachedRestaurant = cache.cached(nearest_restaurant, { ttl: 60 })
    expect(await cachedRestaurant(2, 6)).toBe('Havana Road')
    expect(await cachedRestaurant(-3, 4)).toBe('unknown')
    expect(asked).toBe(2)
    expect(await cachedRestaurant(2, 6)).toBe('Havana Road')
    expect(asked).toBe(2)
    expect(await cache.deleteFunction(nearest_restaurant)).toBe(true)
    expect(await cachedRestaurant(2, 6)).toBe('Havana Road')
    expect(asked).toBe(3)
    expect(cachedRestaurant.key(2, 6).text).toBe('func::nearest_restaurant::2::6')
  })

  test('keeps its signature, its name and `this`', async () => {
    const cache = open()
    class Shop {
      readonly rate = 1.2
      readonly price = cache.cached(this.#price, { name: 'price', ttl: '1m' })
      #price(this: Shop, net: number, _label?: string): number {
        return net * this.rate
      }
    }
    const shop = new Shop()
    expectTypeOf(shop.price).parameters.toEqualTypeOf<[net: number, label?: string | undefined]>()
    expectTypeOf(shop.price).returns.toEqualTypeOf<Promise<number>>()
    expect(await shop.price(10)).toBe(12)
    async function load(id: number) {
      return { id }
    }
    const cachedLoad = cache.cached(load)
    expectTypeOf(cachedLoad).returns.toEqualTypeOf<Promise<{ id: number }>>()
    expect(cachedLoad.name).toBe('load')
    // @ts-expect-error a number is wanted
    await cachedLoad('x')
  })

  test('drops one result, or all, given the original or the wrapped function', async () => {
    const cache = open()
    const fn = vi.fn((n: number) => n * 2)
    const double = cache.cached(fn, { name: 'double' })
    const compute = async () => Promise.all([double(1), double(2)])
    await compute()
    expect(await double.delete(1)).toBe(true)
    expect(await double.delete(1)).toBe(false)
    await compute()
    expect(fn).toHaveBeenCalledTimes(3)
    expect(await double.deleteAll()).toBe(true)
    await compute()
    expect(fn).toHaveBeenCalledTimes(5)
    expect(await cache.deleteFunction(double)).toBe(true)
    expect(await cache.deleteFunction(fn)).toBe(false)
    await compute()
    expect(fn).toHaveBeenCalledTimes(7)
  })

  test('computes once for concurrent callers, also in other processes', async () => {
    const fn = vi.fn(async (n: number) => n)
    const [one, other] = [open().cached(fn, { name: 'n' }), open().cached(fn, { name: 'n' })]
    expect(await Promise.all([one(1), other(1), one(1), other(1)])).toEqual([1, 1, 1, 1])
    expect(fn).toHaveBeenCalledOnce()
  })

  test('distinguishes arguments of all types', async () => {
    const cache = open()
    const f = cache.cached((..._args: unknown[]) => 0, { name: 'f' })
    const different: unknown[][] = [
      [],
      [1],
      [1, 2],
      ['a::b'],
      ['a', 'b'],
      [{ a: 'b' }],
      [{ a: 'b' }, {}],
      [['a', 'b']],
      [[{ a: 'b' }]],
      [{ a: { b: 1 } }],
      [null],
      [undefined, 1],
      [null, 1],
      [['undefined'], 1],
      [Number.NaN],
      ['NaN'],
      [true],
      ['true'],
      [''],
      [[]],
      [{}],
      [new Date(0)],
      [new Date(0).toISOString()],
      [new Map([[1, 2]])],
      [new Set([1])],
      [Buffer.from('a')],
      ['__proto__'],
      ['constructor', 'x'],
      ['%2A'],
      ['*'],
      ['x'.repeat(500)],
      ['x'.repeat(501)],
    ]
    const keys = different.map((args) => f.key(...args).text)
    expect(new Set(keys).size).toBe(different.length)
    expect(f.key(1).text).toBe(f.key('1').text)
    expect(f.key(1, undefined).text).toBe(f.key(1).text)
    expect(f.key({ b: 1, a: 2 }).text).toBe(f.key({ a: 2, b: 1 }).text)
    for (const key of keys) expect(key.startsWith('func::f')).toBe(true)
  })

  test('never returns the result of an object of another class', async () => {
    const cache = open()
    class User {
      constructor(readonly id: number) {}
    }
    class Group {
      constructor(readonly id: number) {}
    }
    class Meters {
      constructor(readonly n: number) {}
      toJSON() {
        return this.n
      }
    }
    class Feet extends Meters {}
    class Shop {
      cacheKeyPart() {
        return 5
      }
    }
    class Branch extends Shop {}
    const of = cache.cached((holder: unknown) => (holder as object).constructor.name, {
      name: 'permissionsOf',
    })
    for (const type of [User, Group, Meters, Feet, Shop, Branch]) {
      expect(await of(new type(5))).toBe(type.name)
      expect(await of(new type(5))).toBe(type.name)
      expect(of.key(new type(5)).text).toMatch(/^func::permissionsOf::%\.~[\w-]{22}$/)
    }
    expect(of.key(5).text).toBe('func::permissionsOf::5')
    expect(of.key(new Date(0)).text).toBe('func::permissionsOf::%.1970-01-01T00:00:00.000Z')
    expect(of.key(cache.key('5')).text).not.toBe(of.key('5').text)
    expect(await of.delete(new User(5))).toBe(true)
    expect(await of.delete(new Group(5))).toBe(true)
  })

  test('treats an undefined property like an omitted one', async () => {
    const cache = open()
    const find = vi.fn((query: { q: string; page?: number | undefined }) => query.q)
    const list = cache.cached(find, { name: 'list' })
    await list({ q: 'x', page: undefined })
    expect(await list.delete({ q: 'x' })).toBe(true)
    expect(list.key({ q: 'x', page: undefined }).text).toBe(list.key({ q: 'x' }).text)
    const f = cache.cached((..._args: unknown[]) => 0, { name: 'undefined' })
    const deep = { a: [{ b: { c: undefined } }], d: new Map([['e', { f: undefined }]]) }
    expect(f.key(deep).text).toBe(f.key({ a: [{ b: {} }], d: new Map([['e', {}]]) }).text)
    const different = [[], [{}], [undefined, 1], [1], [[undefined]], [[]], [new Map([['a', undefined]])]]
    different.push([new Map()], [new Set([undefined])], [new Set()])
    expect(new Set(different.map((args) => f.key(...args).text)).size).toBe(different.length)
  })

  test('refuses a result of keyOf that is not a list of parts', async () => {
    const cache = open()
    for (const wrong of ['12', undefined, 12, new Set([1])]) {
      const f = cache.cached((_id: string) => 1, { name: `of ${typeof wrong}`, keyOf: () => wrong as never })
      await expect(f('12')).rejects.toThrow(ConfigurationError)
      expect(() => f.key('12')).toThrow(/keyOf of "func::of%20\w+" must return an array of parts, not /)
    }
    const long = cache.cached((_id: string) => 1, { name: 'long', keyOf: () => Array(200_000).fill('a') })
    await expect(long('12')).rejects.toThrow('has more than 1000 parts')
  })

  test('takes its key from keyOf', async () => {
    const cache = open()
    const find = vi.fn((_db: object, id: number) => `row ${id}`)
    const cached = cache.cached(find, { name: 'find', keyOf: (_db, id) => ['by id', id] })
    const db = { query() {} }
    expect(await cached(db, 1)).toBe('row 1')
    expect(await cached({ ...db }, 1)).toBe('row 1')
    expect(find).toHaveBeenCalledOnce()
    expect(cached.key(db, 1).text).toBe('func::find::by%20id::1')
  })

  test('needs a unique name', () => {
    const cache = open()
    expect(() => cache.cached(() => 1)).toThrow(ConfigurationError)
    expect(() => cache.cached(() => 1)).toThrow(/needs a name for its keys: write cached\(fn, \{ name: '/)
    const load = () => 1
    cache.cached(load)
    expect(() => cache.cached(load)).not.toThrow()
    const other = { load: () => 2 }.load
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => cache.cached(other)).toThrow(/Another function is cached as "load" already/)
    vi.unstubAllEnvs()
    expect(() => cache.cached(other, { name: 'other load' })).not.toThrow()
    expect(() => cache.cached('load' as never)).toThrow(
      'cached() takes a function, not "load": pass () => ….',
    )
    expect(() => cache.cached(() => 1, { nam: 'x', name: 'y' } as never)).toThrow('did you mean "name"?')
  })

  test('takes over its name when its module is evaluated again, with one warning', async () => {
    const warn = vi.fn()
    const cache = open({ logger: { warn } })
    const evaluate = (result: number) => {
      const load = () => result
      return { load, cached: cache.cached(load) }
    }
    const [first, second, third] = [evaluate(1), evaluate(2), evaluate(3)]
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /^keyedcache: "load" is defined a second time, and the newer definition is used\. .* hot reload.*NODE_ENV=production: Another function/,
    )
    expect(await third.cached()).toBe(3)
    for (const { load, cached } of [first, second, third]) {
      expect(await cache.deleteFunction(load)).toBe(true)
      expect(await third.cached()).toBe(3)
      expect(await cache.deleteFunction(cached)).toBe(true)
      expect(await third.cached()).toBe(3)
    }
    expect(await first.cached.delete()).toBe(true)
    cache.cached(() => 4, { name: 'another' })
    cache.cached(() => 5, { name: 'another' })
    expect(warn).toHaveBeenCalledTimes(2)
    await cache.close()
  })

  test('throws when an unknown function is to be dropped', async () => {
    const cache = open()
    await expect(cache.deleteFunction(() => 1)).rejects.toThrow(ConfigurationError)
  })

  test('calls the original while caching is off, and deletes are executed', async () => {
    const cache = open()
    const fn = vi.fn(() => 1)
    const cached = cache.cached(fn, { name: 'off' })
    await cached()
    cache.enable(false)
    await cached()
    await cached()
    expect(fn).toHaveBeenCalledTimes(3)
    expect(await cached.deleteAll()).toBe(true)
    cache.enable(true)
    await cached()
    expect(fn).toHaveBeenCalledTimes(4)
  })

  test('belongs to the request of its caller, not to the request that wrapped it', async () => {
    const cache = open()
    let count = 0
    const next = await cache.withRequestMemory((own) => own.cached(() => ++count, { name: 'next' }))
    await cache.withRequestMemory(async () => {
      expect(await next()).toBe(1)
      await open().delete(next.key())
      expect(await next()).toBe(1)
    })
    expect(await next()).toBe(2)
  })

  test('rejects arguments that cannot be part of a key', async () => {
    const cache = open()
    const f = cache.cached((fn: unknown) => fn, { name: 'f' })
    await expect(f(() => 1)).rejects.toThrow(/key/)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const odd of [proxy, new Array(1e6).fill(0), 1n << 40_000n, new Date(Number.NaN)]) {
      await expect(f(odd)).rejects.toThrow(InvalidKeyError)
      await expect(f.delete(odd)).rejects.toThrow(InvalidKeyError)
    }
    expect(f.key(new Array(4e9)).text).toMatch(/^func::f::%\.~/)
  })
})

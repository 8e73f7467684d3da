import { Decimal128, ObjectId } from 'bson'
import { expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { CachedObject } from '../../src/model/cached-object.js'
import { describeOnEveryBackend } from '../helpers/backends.js'

/** A base class of an application, independent of caching. */
class Row {
  tags: string[] = []
  readonly soldSince = new Date('2026-01-02T03:04:05.678Z')

  constructor(
    readonly id: number,
    public name: string,
    public cents = 1_000,
  ) {}

  get price(): string {
    return `€${(this.cents / 100).toFixed(2)}`
  }

  rename(name: string): this {
    this.name = name
    return this
  }
}

function productsIn(cache: KeyedCache) {
  return class Product extends CachedObject(Row, { cache }) {}
}

describeOnEveryBackend('A cached object', (open) => {
  test('is read as a new object of its class, with its methods', async () => {
    const cache = open()
    const Product = productsIn(cache)
    const lamp = new Product(123, 'Lamp', 2_495)
    expect(lamp.cacheKey().text).toBe('Product::123')
    expect(await lamp.isCached()).toBe(false)
    expect(await lamp.cacheGet()).toBeUndefined()

    expect(await lamp.cacheSet()).toBe(true)
    lamp.rename('changed after it was stored')
    expect(await lamp.isCached()).toBe(true)
    const read = await lamp.cacheGet()
    expect(read).toBeInstanceOf(Product)
    expect(read).toStrictEqual(new Product(123, 'Lamp', 2_495))
    expect(read?.price).toBe('€24.95')
    expect(read?.rename('Torch').name).toBe('Torch')

    read?.tags.push('changed by a reader')
    expect((await lamp.cacheGet())?.tags).toEqual([])
    expect(await cache.get('Product::123')).toEqual({
      id: 123,
      name: 'Lamp',
      cents: 2_495,
      tags: [],
      soldSince: new Date('2026-01-02T03:04:05.678Z'),
    })
  })

  test('has a key for dependent values, which are deleted with it', async () => {
    const cache = open()
    const lamp = new (productsIn(cache))(123, 'Lamp')
    const fill = async () => {
      await lamp.cacheSet()
      await cache.set(lamp.cacheKey('reviews'), ['bright'])
      await cache.set(lamp.cacheKey('reviews', { page: 2 }), ['dim'])
    }
    await fill()
    expect(lamp.cacheKey('reviews', { page: 2 }).text).toBe('Product::123::reviews::page::2')
    expect(await lamp.cacheGet<string[]>('reviews', { page: 2 })).toEqual(['dim'])
    expect(await lamp.isCached('reviews')).toBe(true)

    expect(await lamp.cacheDelete()).toBe(true)
    expect([await lamp.isCached(), await lamp.isCached('reviews', { page: 2 })]).toEqual([false, false])
    expect(await lamp.cacheDelete()).toBe(false)

    await fill()
    expect(await lamp.cacheDelete({ children: false })).toBe(true)
    expect([await lamp.isCached(), await lamp.isCached('reviews')]).toEqual([false, true])

    await fill()
    lamp.rename('Torch')
    expect(await lamp.cacheReset()).toBe(true)
    expect((await lamp.cacheGet())?.name).toBe('Torch')
    expect(await lamp.isCached('reviews')).toBe(false)
  })

  test('has the TTL of its class, unless the call has its own', async () => {
    const cache = open()
    class Product extends CachedObject(Row, { cache, ttl: '1h', negativeTtl: '1m' }) {}
    const lamp = new Product(1, 'Lamp')
    const ttlMs = async (id = 1) => (await cache.inspect(Product.cacheKey(id))).ttlMs ?? 0
    const around = (ms: number) => (found: number) => Math.abs(found - ms) < 10_000
    await lamp.cacheSet()
    expect(await ttlMs()).toSatisfy(around(3_600_000))
    await lamp.cacheSet({ ttl: undefined })
    expect(await ttlMs()).toSatisfy(around(3_600_000))
    await lamp.cacheReset({ ttl: '2h' })
    expect(await ttlMs()).toSatisfy(around(7_200_000))

    await Product.findCached(2, (id) => new Product(id, 'Desk'), { ttl: undefined })
    expect(await ttlMs(2)).toSatisfy(around(3_600_000))
    await Product.findCached(3, (id) => new Product(id, 'Chair'), { ttl: '5m' })
    expect(await ttlMs(3)).toSatisfy(around(300_000))
    await Product.findCached(4, () => undefined)
    expect(await ttlMs(4)).toSatisfy(around(60_000))
    await Product.findCached(5, (id, { setTtl }) => {
      setTtl('10m')
      return new Product(id, 'Shelf')
    })
    expect(await ttlMs(5)).toSatisfy(around(600_000))
  })

  test('is stored in a job, also after a miss and a delete of the job', async () => {
    const cache = open()
    const Product = productsIn(cache)
    await cache.withRequestMemory(async () => {
      const lamp = new Product(1, 'Lamp')
      expect(await lamp.cacheGet()).toBeUndefined()
      await lamp.cacheDelete()
      expect(await lamp.cacheSet()).toBe(true)
      expect((await lamp.cacheGet())?.name).toBe('Lamp')
    })
    expect(await new Product(1, '').isCached()).toBe(true)
  })

  test('keeps private state with toCache and fromCache', async () => {
    class Account extends CachedObject({ cache: open() }) {
      readonly id: string
      #pin: string

      constructor(id: string, pin: string) {
        super()
        this.id = id
        this.#pin = pin
      }

      opens(pin: string): boolean {
        return this.#pin === pin
      }

      override toCache() {
        return { id: this.id, pin: this.#pin }
      }

      static override fromCache({ id, pin }: ReturnType<Account['toCache']>) {
        return new Account(id, pin)
      }
    }
    await new Account('ada', '1234').cacheSet()
    const found = await Account.findCached('ada', () => undefined)
    expect(found).toBeInstanceOf(Account)
    expect(found?.opens('1234')).toBe(true)
    expect(found?.opens('0000')).toBe(false)
    expect((await found?.cacheGet())?.opens('1234')).toBe(true)
  })

  test('contains other objects with toCache and fromCache, and is refused with the path without them', async () => {
    class Maker {
      constructor(readonly town: string) {}
    }
    class Plain extends CachedObject(Row, { cache: open() }) {
      maker = new Maker('Brno')
      readonly onSale = () => this.cents < 500
    }
    class Careful extends Plain {
      override toCache() {
        return { id: this.id, name: this.name, town: this.maker.town }
      }

      static override fromCache({ id, name, town }: ReturnType<Careful['toCache']>) {
        return Object.assign(new Careful(id, name), { maker: new Maker(town) })
      }
    }
    const failure = { code: 'ERR_KEYEDCACHE_UNSERIALIZABLE_VALUE', key: 'Plain::1' }
    await expect(new Plain(1, 'Lamp').cacheSet()).rejects.toMatchObject({ ...failure, path: 'value.maker' })
    const load = (id: number) => Object.assign(new Plain(id, 'Lamp'), { maker: null })
    expect(await Plain.findCached(1, load)).toBeInstanceOf(Plain)
    expect(await new Plain(1, 'Lamp').isCached()).toBe(false)
    const loading = Plain.findCached(1, load, { strictValues: true })
    await expect(loading).rejects.toMatchObject({ ...failure, path: 'value.onSale' })

    await new Careful(1, 'Lamp').cacheSet()
    const careful = await new Careful(1, '').cacheGet()
    expect(careful?.maker).toBeInstanceOf(Maker)
    expect(careful?.onSale()).toBe(false)
  })

  test('has the key of its cacheKeyPart, else of its id, else of its pk', async () => {
    const cache = open()
    const keyOf = (properties: object) => {
      class Thing extends CachedObject({ cache }) {}
      return Object.assign(new Thing(), properties).cacheKey('more').text
    }
    expect(keyOf({ id: 1, pk: 2 })).toBe('Thing::1::more')
    expect(keyOf({ id: null, pk: 'two' })).toBe('Thing::two::more')
    expect(keyOf({ id: 0 })).toBe('Thing::0::more')
    expect(keyOf({ id: 1, cacheKeyPart: () => 2n ** 70n })).toBe(`Thing::${2n ** 70n}::more`)

    class Stock extends CachedObject({ cache }) {
      constructor(
        readonly shop: string,
        readonly item: number,
      ) {
        super()
      }

      cacheKeyPart() {
        return { shop: this.shop, item: this.item }
      }
    }
    expect(new Stock('Brno', 7).cacheKey().text).toBe('Stock::item::7::shop::Brno')
    expect(Stock.cacheKey({ item: 7, shop: 'Brno' }).text).toBe('Stock::item::7::shop::Brno')
    const stock = await Stock.findCached({ shop: 'Brno', item: 7 }, ({ shop, item }) => new Stock(shop, item))
    expect(await stock.isCached()).toBe(true)
  })

  test('has the same key for an ObjectId and its text', async () => {
    class Doc extends CachedObject({ cache: open() }) {
      constructor(readonly _id: ObjectId) {
        super()
      }
      override toCache() {
        return { hex: String(this._id) }
      }
      static override fromCache({ hex }: { hex: string }) {
        return new Doc(new ObjectId(hex))
      }
    }
    const _id = new ObjectId()
    const load = vi.fn((id: ObjectId | string) => new Doc(new ObjectId(id)))
    expect(new Doc(_id).cacheKey('more').text).toBe(`Doc::${_id}::more`)
    await Doc.findCached(_id, load)
    expect(String((await Doc.findCached(String(_id), load))._id)).toBe(String(_id))
    expect(load).toHaveBeenCalledOnce()
    expect(await new Doc(_id).cacheDelete()).toBe(true)
    await Doc.findCached(String(_id), load)
    expect(await new Doc(_id).isCached()).toBe(true)
    expect(() => Doc.cacheKey(Decimal128.fromString('1.5'))).toThrow(/Use String\(value\)/)
  })

  test('is refused before it has a primary key', async () => {
    const cache = open()
    class Product extends CachedObject({ cache }) {
      id: number | null = null
    }
    class Coded extends Product {
      cacheKeyPart() {
        return undefined
      }
    }
    for (const unsaved of [new Product(), new Coded()]) {
      const failure = {
        code: 'ERR_KEYEDCACHE_INVALID_KEY',
        message: expect.stringMatching(
          /^This (Product|Coded) has no primary key: .+ Save it before you cache it\.$/,
        ),
      }
      expect(() => unsaved.cacheKey()).toThrow(expect.objectContaining(failure))
      await expect(unsaved.cacheSet()).rejects.toMatchObject(failure)
      await expect(unsaved.cacheReset()).rejects.toMatchObject(failure)
      await expect(unsaved.cacheGet()).rejects.toMatchObject(failure)
      await expect(unsaved.isCached()).rejects.toMatchObject(failure)
      // Whoever saves it need not ask whether it is new.
      expect(await unsaved.cacheDelete()).toBe(false)
    }
    expect(() => Object.assign(new Product(), { id: Number.NaN }).cacheKey()).toThrow(/is NaN/)
    expect(() => Product.cacheKey(undefined as never)).toThrow(/Part 2 of the key \["Product", undefined\]/)
    expect((await cache.keys().next()).done).toBe(true)
  })

  test('treats hostile ids as segments, and hostile properties as data', async () => {
    const cache = open()
    class Page extends CachedObject({ cache }) {
      constructor(properties: object) {
        super()
        Object.defineProperties(this, Object.getOwnPropertyDescriptors(properties))
      }
    }
    const ids = ['a', 'a::b', '__proto__', '*', 'toString', ' ', 'x'.repeat(5_000)]
    for (const id of ids) await new Page({ id }).cacheSet()
    for (const id of ids) expect(await Page.findCached(id, () => undefined)).toMatchObject({ id })
    await new Page({ id: 'a' }).cacheDelete()
    expect(await new Page({ id: 'a::b' }).isCached()).toBe(true)

    const hostile = '{"id": 1, "__proto__": {"isAdmin": true}, "constructor": "x", "prototype": 7}'
    await new Page(JSON.parse(hostile)).cacheSet()
    const page = await Page.findCached(1, () => undefined)
    expect(page).toBeInstanceOf(Page)
    expect(Object.getPrototypeOf(page)).toBe(Page.prototype)
    expect(page).not.toHaveProperty('isAdmin')
    expect(JSON.stringify(page)).toBe(JSON.stringify(JSON.parse(hostile)))
    expect(await page?.cacheDelete()).toBe(true)
  })

  test('is not confused with an object of another class: a subclass has its own name', async () => {
    const cache = open()
    const Product = productsIn(cache)
    class Book extends Product {
      readonly pages = 300
    }
    class Novel extends Book {
      static readonly cacheName = 'novels'
    }
    class Epic extends Novel {}
    const keys = [Book, Novel, Epic].map((type) => new type(1, '').cacheKey().text)
    expect(keys).toEqual(['Book::1', 'novels::1', 'Epic::1'])
    await new Book(1, 'Emma').cacheSet()
    await new Product(1, 'Lamp').cacheSet()
    expect(await new Book(1, '').cacheGet()).toStrictEqual(new Book(1, 'Emma'))
    expect(await new Product(1, '').cacheGet()).toStrictEqual(new Product(1, 'Lamp'))
  })

  test('shares the name and the data of a base class on request', async () => {
    class Product extends CachedObject(Row, { cache: open() }) {
      static readonly cacheName: string = 'product'
      override toCache(): object {
        return { kind: 'product', id: this.id, name: this.name }
      }
      static override fromCache({ kind, id, name }: { kind: string; id: number; name: string }): Product {
        return kind === 'book' ? new Book(id, name) : new Product(id, name)
      }
    }
    class Book extends Product {
      static override readonly cacheName = 'product'
      override toCache() {
        return { ...super.toCache(), kind: 'book' }
      }
    }
    await new Book(1, 'Emma').cacheSet()
    expect(await Product.findCached(1, () => undefined)).toStrictEqual(new Book(1, 'Emma'))
    await new Product(2, 'Lamp').cacheSet()
    class Toy extends Product {
      static override readonly cacheName = 'product'
    }
    expect(await new Toy(1, '').isCached()).toBe(true)
    // A product that is no book is no hit for a caller of a book.
    const book = await Book.findCached(2, (id) => new Book(id, 'Persuasion'))
    expect(book).toStrictEqual(new Book(2, 'Persuasion'))
  })
})

describeOnEveryBackend('findCached', (open) => {
  test('loads an object once for concurrent callers, and gives each a copy', async () => {
    // Two caches stand for two processes, each with its own class.
    const classes = [productsIn(open()), productsIn(open())]
    let loads = 0
    const asking = Array.from({ length: 20 }, (_, caller) => {
      const Product = classes[caller % 2]!
      return Product.findCached(123, async (id) => {
        loads++
        await new Promise((resolve) => setTimeout(resolve, 20))
        return new Product(id, 'Lamp')
      })
    })
    const found = await Promise.all(asking)
    expect(loads).toBe(1)
    expect(new Set(found).size).toBe(20)
    expect(new Set(found.map(({ tags }) => tags)).size).toBe(20)
    found.forEach((lamp, caller) => {
      expect(lamp).toStrictEqual(new classes[caller % 2]!(123, 'Lamp'))
      expect(lamp.price).toBe('€10.00')
    })
  })

  test('makes one object for each hit, also when validate reads it', async () => {
    const fromCache = vi.fn((row: Row) => new Product(row.id, row.name))
    class Product extends CachedObject(Row, { cache: open() }) {
      static override fromCache(row: Row): Product {
        return fromCache(row)
      }
    }
    await new Product(1, 'Lamp').cacheSet()
    const lamp = await Product.findCached(1, () => undefined, { validate: ({ name }) => name === 'Lamp' })
    expect(lamp).toBe(fromCache.mock.results[0]?.value)
    expect(fromCache).toHaveBeenCalledTimes(1)
  })

  test('returns a copy also from request memory', async () => {
    const cache = open()
    const Product = productsIn(cache)
    await new Product(1, 'Lamp').cacheSet()
    await cache.withRequestMemory(async () => {
      const find = () => Product.findCached(1, () => undefined)
      const first = await find()
      first?.rename('changed')
      const second = await find()
      expect(second?.name).toBe('Lamp')
      expect(second).toBeInstanceOf(Product)
    })
    expect(cache.processStats().totals).toMatchObject({ hits: 2, requestHits: 1 })
  })

  test('caches that there is no object, for negativeTtl', async () => {
    const Product = productsIn(open())
    const load = vi.fn((_id: number) => undefined)
    const loadNull = vi.fn((_id: number) => null)
    expect(await Product.findCached(1, load)).toBeUndefined()
    expect(await Product.findCached(1, load)).toBeUndefined()
    expect(load).toHaveBeenCalledTimes(1)
    expect(await Product.findCached(2, loadNull, { negativeTtl: '1m' })).toBeNull()
    expect(await Product.findCached(2, loadNull, { negativeTtl: '1m' })).toBeNull()
    expect(loadNull).toHaveBeenCalledTimes(1)
    for (let time = 0; time < 2; time++) await Product.findCached(3, load, { negativeTtl: false })
    expect(load).toHaveBeenCalledTimes(3)
    expect(await new Product(1, '').cacheGet()).toBeUndefined()
    // Once it is there, it is to be deleted like any other that has changed.
    expect(await new Product(1, 'Lamp').cacheDelete()).toBe(true)
    expect((await Product.findCached(1, (id) => new Product(id, 'Lamp'))).name).toBe('Lamp')
  })

  test('does not store an object that was loaded before its delete, but returns it to its waiters', async () => {
    const Product = productsIn(open())
    let table = new Product(1, 'Lamp')
    let finish = () => {}
    const loaded = new Promise<void>((resolve) => {
      finish = resolve
    })
    const early = await new Promise<{ found: Promise<Row> }>((resolve) => {
      const found = Product.findCached(1, async () => {
        const row = table
        resolve({ found })
        await loaded
        return row
      })
    })
    table = new Product(1, 'Torch')
    await table.cacheDelete()
    const late = Product.findCached(1, () => table)
    finish()
    expect((await early.found).name).toBe('Lamp')
    expect((await late).name).toBe('Torch')
    expect((await table.cacheGet())?.name).toBe('Torch')
  })

  test('gives the loader the previous object, which it may keep', async () => {
    const cache = open()
    class Product extends CachedObject(Row, { cache, ttl: '50ms', grace: '1h', softTimeout: '5s' }) {}
    const lamp = await Product.findCached(1, (id) => new Product(id, 'Lamp'))
    const expired = () =>
      vi.waitFor(async () => expect(await lamp.isCached()).toBe(false), { timeout: 3_000, interval: 5 })
    await expired()
    const kept = await Product.findCached(1, (_, { previous, notModified }) => {
      expect(previous).toStrictEqual(lamp)
      previous?.rename('changed by the loader, which is not to be kept')
      return notModified()
    })
    expect(kept).toStrictEqual(lamp)
    await expired()
    const changed = await Product.findCached(1, (_, { previous }) => previous?.rename('Torch'))
    expect(changed?.name).toBe('Torch')
  })

  test('loads again when validate rejects the object', async () => {
    const cache = open()
    const Product = productsIn(cache)
    const find = (validate: (product: Row) => boolean) =>
      Product.findCached(1, (id) => new Product(id, 'Torch'), { validate })
    await new Product(1, 'Lamp').cacheSet()
    expect((await find(({ price }) => price === '€10.00')).name).toBe('Lamp')
    expect((await find(({ name }) => name !== 'Lamp')).name).toBe('Torch')
    // Who looks at what a product has does not have to ask whether there is one.
    expect(await Product.findCached(2, () => null, { validate: ({ name }) => name.length > 0 })).toBeNull()
    expect(
      await Product.findCached(2, () => expect.unreachable(), { validate: ({ name }) => name > '' }),
    ).toBeNull()
  })

  test('warns once of a validate that returns a promise, which accepts nothing', async () => {
    const warn = vi.fn()
    const cache = open({ logger: { warn } })
    class Product extends CachedObject(Row, { cache }) {}
    const find = () =>
      Product.findCached(1, (id) => new Product(id, 'Torch'), { validate: (async () => true) as never })
    for (let call = 0; call < 3; call++) expect((await find()).name).toBe('Torch')
    expect(warn.mock.calls).toEqual([
      [
        expect.stringMatching(
          /^keyedcache: validate of Product\.findCached\(\) must return true or false, not /,
        ),
      ],
    ])
  })

  test('loads again when the class cannot read the data of an older version', async () => {
    const cache = open()
    class Product extends CachedObject(Row, { cache }) {
      static override fromCache({ name, ...more }: Row) {
        return Object.assign(new Product(more.id, name.trim()), more)
      }
    }
    const lamp = new Product(1, 'Lamp')
    for (const stored of [{ id: 1, title: 'Lamp' }, 'Lamp', 7, [lamp.id]]) {
      await cache.set(lamp.cacheKey(), stored)
      expect(await lamp.cacheGet()).toBeUndefined()
      expect(await Product.findCached(1, () => lamp)).toStrictEqual(lamp)
      expect(await lamp.cacheGet()).toStrictEqual(lamp)
    }
    const Careless = productsIn(open())
    await cache.set('Product::2', 'Lamp')
    expect(await new Careless(2, '').cacheGet()).toBeUndefined()
  })

  test('refuses an object that could not be read again', async () => {
    const cache = open()
    const Product = productsIn(cache)
    const failing = (load: (id: number) => unknown) => expect(Product.findCached(1, load as never)).rejects
    const code = 'ERR_KEYEDCACHE_CONFIGURATION'
    await failing((id) => ({ id })).toMatchObject({ code, key: 'Product::1' })
    await failing((id) => ({ id, name: 'Lamp' })).toThrow(
      'The loader of "Product::1" must return a Product, or undefined if there is none, not {id: 1, name: "Lamp"}.',
    )
    await failing((id) => new Row(id, 'Lamp')).toThrow(/must return a Product, .+, not an instance of Row\.$/)
    await failing(() => [new Product(1, 'Lamp')]).toThrow(/not \[an instance of Product\]\.$/)
    class Book extends Product {}
    await failing((id) => new Book(id, 'Emma')).toThrow(
      /must return a Product, .+, not an instance of Book\.$/,
    )
    await failing(() => new Product(undefined as never, 'Lamp')).toMatchObject({
      code: 'ERR_KEYEDCACHE_INVALID_KEY',
    })
    await failing(() => Promise.reject(new Error('the database is down'))).toThrow('the database is down')
    expect(await new Product(1, '').isCached()).toBe(false)
  })

  test('does not cache an object found by another property, since its delete would leave that entry', async () => {
    const warnings: string[] = []
    const cache = open({ logger: { warn: (message) => void warnings.push(message) } })
    const Product = productsIn(cache)
    const load = vi.fn((_: string | number) => new Product(7, 'Lamp'))
    for (const id of ['lamp', '007', 'lamp']) {
      expect(await Product.findCached(id, load)).toStrictEqual(new Product(7, 'Lamp'))
    }
    expect(load).toHaveBeenCalledTimes(3)
    for (const id of [7, '7', 7n]) expect((await Product.findCached(id, () => load(7))).name).toBe('Lamp')
    expect(load).toHaveBeenCalledTimes(4)
    expect(warnings).toEqual([
      'keyedcache: the loader of "Product::lamp" returned "Product::7", which was not cached: call findCached() with the primary key.',
    ])
  })

  test('names the faulty one of toCache and fromCache', async () => {
    const cache = open()
    const failing = (one: object) => expect((one as { cacheSet(): Promise<boolean> }).cacheSet()).rejects
    class Nothing extends CachedObject(Row, { cache }) {
      override toCache() {}
    }
    await failing(new Nothing(1, '')).toThrow(
      'toCache() of Nothing must return the data to store, not undefined.',
    )
    class Half extends CachedObject(Row, { cache }) {
      override toCache() {
        return [this.id]
      }
    }
    await expect(Half.findCached(1, (id) => new Half(id, ''))).rejects.toThrow(
      'fromCache() of Half must be replaced together with toCache(), which returned [1].',
    )
    class Other extends CachedObject(Row, { cache }) {
      static override fromCache(data: Row) {
        return new Row(data.id, data.name) as Other
      }
    }
    await expect(Other.findCached(1, (id) => new Other(id, ''))).rejects.toThrow(
      'fromCache() of Other must return an object of that class, not an instance of Row.',
    )
  })

  test('loads for each caller while caching is off', async () => {
    const cache = open()
    const Product = productsIn(cache)
    await new Product(1, 'Lamp').cacheSet()
    cache.enable(false)
    const load = vi.fn(async (id: number) => new Product(id, 'Torch'))
    expect(await Product.findCached(1, load)).toStrictEqual(new Product(1, 'Torch'))
    expect(await Product.findCached(1, load)).toBeInstanceOf(Product)
    expect(load).toHaveBeenCalledTimes(2)
    expect(await new Product(1, '').cacheSet()).toBe(false)
    expect(await new Product(1, '').cacheDelete()).toBe(true)
  })
})

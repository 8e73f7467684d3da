import { createContext, runInContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'

const digest = (value: unknown) => CacheKey.from(['a', [value]]).text

class Person {
  constructor(readonly id: unknown) {}
}
class Team {
  constructor(readonly id: unknown) {}
}
class Admin extends Person {}

describe('in a digest, classes count', () => {
  test('of objects with a primary key, a scalar, a key part or fields', () => {
    class Meters {
      constructor(readonly n: number) {}
      toJSON() {
        return this.n
      }
    }
    class Feet extends Meters {}
    class Own {
      cacheKeyPart() {
        return 5
      }
    }
    class Other extends Own {}
    class Day extends Date {}
    class Tags extends Array {}
    class Names extends Set {}
    const different = [
      ...[5, '5', { id: 5 }, new Person(5), new Team(5), new Admin(5)],
      ...[new Meters(5), new Feet(5), new Own(), new Other(), { cacheKeyPart: () => 5 }],
      ...[new Date(5), new Day(5), Object.assign(new Date(5), { zone: 'UTC' })],
      ...[[], new Tags(), new Set(), new Names(), {}],
    ]
    expect(new Set(different.map(digest)).size).toBe(different.length)
  })

  test('and a number and its text are the same primary key', () => {
    expect(digest(new Person(5))).toBe(digest(new Person('5')))
    expect(digest(new Person(5n))).toBe(digest(new Person(5)))
  })

  test('also base classes, and the models of Mongoose, which all have the same name', () => {
    const itemOf = (Base: new (id: unknown) => object) => {
      class Item extends Base {}
      return new Item(5)
    }
    expect(digest(itemOf(Person))).not.toBe(digest(itemOf(Team)))
    const modelOf = (modelName: string) => {
      function model(this: { _id: number }) {
        this._id = 5
      }
      return Reflect.construct(Object.assign(model, { modelName }), [])
    }
    expect(digest(modelOf('User'))).not.toBe(digest(modelOf('Group')))
    expect(digest(modelOf('User'))).toBe(digest(modelOf('User')))
  })

  test('and a class without a name is refused', () => {
    const message =
      'Part 2 of the key ["a", [an instance of a class without a name]] holds an instance of a class without a name at [0]. Name the class, or write what of the object counts.'
    expect(() => digest(new (class { id = 5 })())).toThrow(message) // biome-ignore format: one class
    expect(() => digest(new (class extends Person {})(5))).toThrow(message)
    expect(() => digest(new (class { cacheKeyPart = 5; toJSON() { return 1 } })())).toThrow(message) // biome-ignore format: one class
    expect(CacheKey.of('a', new (class extends Person {})(5)).text).toBe('a::5')
  })

  test('and a prototype without a class is refused', () => {
    const bare = Object.create(null, { constructor: { value: undefined } })
    expect(() => digest(Object.assign(Object.create(bare), { a: 1 }))).toThrow('Name the class')
    class Rootless {
      a = 1
    }
    Object.setPrototypeOf(Rootless.prototype, null)
    expect(digest(new Rootless())).not.toBe(digest({ a: 1 }))
    const lost = (map: object) => Object.setPrototypeOf(map, null)
    expect(digest(lost(new Map([[1, 2]])))).not.toBe(digest(lost(new Map([[1, 3]]))))
  })

  test('and data inherited from an object is refused', () => {
    const child = (parent: object) => Object.assign(Object.create(parent), { b: 1 })
    expect(digest(child({ a: 1 }))).not.toBe(digest(child({ a: 2 })))
    expect(digest(child({ a: 1 }))).toBe(digest(child({ a: 1 })))
  })

  test('of another realm like those of this one', () => {
    const realm = createContext({})
    const foreign = (source: string) => runInContext(source, realm)
    expect(digest(foreign('({ a: [1, new Map([[1, new Set([2])]]), new Date(5), /x/g] })'))).toBe(
      digest({ a: [1, new Map([[1, new Set([2])]]), new Date(5), /x/g] }),
    )
    expect(digest(foreign('new Error("x")'))).toBe(digest(new Error('x')))
    const user = foreign('class Person { constructor(id) { this.id = id } }; new Person(5)')
    expect(digest(user)).toBe(digest(new Person(5)))
    expect(digest(user)).not.toBe(digest(new Team(5)))
    expect(CacheKey.of('a', foreign('({ b: 1 })')).text).toBe('a::b::1')
  })

  test('through a proxy too', () => {
    expect(digest(new Proxy(new Person(5), {}))).toBe(digest(new Person(5)))
    expect(digest(new Proxy({ a: 1 }, {}))).toBe(digest({ a: 1 }))
    for (const held of [new Date(0), new Map(), new URL('http://a/')])
      expect(() => digest(new Proxy(held, {}))).toThrow(expect.objectContaining({ name: 'InvalidKeyError' }))
  })

  test('by name, with a warning for the first two classes of one name', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      const twin = (id: number) => {
        class OneOfTwo {
          constructor(readonly id: number) {}
        }
        return new OneOfTwo(id)
      }
      const twins = [twin(5), twin(5), twin(5)]
      expect(new Set(twins.map(digest)).size).toBe(1)
      expect(emitWarning.mock.calls).toEqual([
        [
          expect.stringContaining('Two classes are called "OneOfTwo". In digests they are one class'),
          { type: 'KeyedCacheWarning', code: 'KEYEDCACHE_CLASS_NAME' },
        ],
      ])
    } finally {
      emitWarning.mockRestore()
    }
  })
})

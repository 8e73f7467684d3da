import { describe, expect, test } from 'vitest'
import { InvalidKeyError } from '../../src/errors.js'
import { CacheKey, type KeyInput } from '../../src/key/cache-key.js'

const digest = (value: unknown) => CacheKey.from(['a', [value]]).text

/** Holds one array twice at each level: 2 ** levels items, if each is gone through. */
function shared(levels: number): unknown[] {
  let value: unknown[] = [1]
  for (let level = 0; level < levels; level++) value = [value, value]
  return value
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function detached<T>(make: (buffer: ArrayBuffer) => T): T {
  const buffer = new ArrayBuffer(8)
  const made = make(buffer)
  structuredClone(buffer, { transfer: [buffer] })
  return made
}

const thrower = (thrown: unknown) =>
  Object.defineProperty({}, 'x', {
    enumerable: true,
    get() {
      throw thrown
    },
  })

describe('a digest', () => {
  test('takes time by the number of objects, not by the number of references', () => {
    const objects = (levels: number) => {
      let value: object = { a: 1 }
      for (let level = 0; level < levels; level++)
        value = level % 2 ? { left: value, right: value } : new Map([['a', value], ['b', value]]) // biome-ignore format: pairs
      return value
    }
    expect(digest(shared(90))).toBe(digest(shared(90)))
    expect(digest(shared(90))).not.toBe(digest(shared(89)))
    expect(digest(objects(90))).toBe(digest(objects(90)))
  })

  test('is the same for one shared object and for several equal ones', () => {
    const one = {
      name: 'a name that is long enough to be written as a fingerprint',
      tags: [1, 2, 3, undefined, 5],
    }
    const same = () => ({ ...one, tags: [...one.tags] })
    expect(digest([one, { of: one }, new Set([one])])).toBe(
      digest([same(), { of: same() }, new Set([same()])]),
    )
    expect(digest(shared(10))).toBe(digest(structuredClone(JSON.parse(JSON.stringify(shared(10))))))
  })

  test('finds a cycle also beyond its limit of visited objects', () => {
    const seen: unknown[] = [1]
    const cycle: unknown[] = [seen, seen]
    cycle.push({ seen, cycle })
    expect(() => digest(cycle)).toThrow(/holds a reference to what it is in at \[0\]\[2\]\.cycle\./)
  })

  test('visits the items of a sparse array only', () => {
    expect(digest(new Array(4e9))).toBe(digest(new Array(4e9)))
    expect(digest(new Array(4e9))).not.toBe(digest(new Array(4e9 + 1)))
    const sparse = (at: number) => Object.assign(new Array(4e9), { [at]: 'x', extra: 1 })
    expect(digest(sparse(3e9))).toBe(digest(sparse(3e9)))
    const full = new Array(1e6).fill(1)
    delete full[0]
    expect(() => digest(full)).toThrow('more than 100000 values')
    expect(new Set([sparse(3e9), sparse(3e9 + 1), new Array(4e9)].map(digest)).size).toBe(3)
    // biome-ignore lint/suspicious/noSparseArray: that is what it is about
    const different = [[, 1], [1, ,], [1], [, , 1], [undefined], [null], [], Object.assign([1], { '01': 2 })] // biome-ignore format: one line
    expect(new Set(different.map(digest)).size).toBe(different.length)
    // biome-ignore lint/suspicious/noSparseArray: that is what it is about
    expect(digest([, 1, ,])).toBe(digest([undefined, 1, undefined])) // biome-ignore format: holes
  })

  test.each<[string, () => unknown]>([
    ['a long array', () => new Array(1e6).fill(0)],
    ['a long array of undefined', () => new Array(1e6).fill(undefined)],
    ['a sparse array of many items', () => Object.assign(new Array(4e9), new Array(200_000).fill(1))],
    ['a large Map', () => new Map(Array.from({ length: 200_000 }, (_, n) => [n, n]))],
    ['a large Set', () => new Set(Array.from({ length: 200_000 }, (_, n) => n))],
    ['an object of many names', () => Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [n, n]))],
    ['many small objects', () => Array.from({ length: 60_000 }, () => ({ a: {} }))],
    ['a toJSON() that never ends', () => endless()],
    ['a wide toJSON()', () => new Wide()],
    ['a proxy of any length', () => new Proxy([], { get: (_, name) => (name === 'length' ? Infinity : 1), has: () => true })], // biome-ignore format: one line
  ])('refuses %s', (_, make) => {
    const value = make()
    expect(() => digest(value)).toThrow(
      expect.objectContaining({
        name: 'InvalidKeyError',
        message: expect.stringMatching(/ holds more than (100000 values|100 levels)/),
      }),
    )
  })

  test('ignores the iterator of a class', () => {
    class Endless extends Map<unknown, unknown> {
      override *[Symbol.iterator](): MapIterator<[unknown, unknown]> {
        while (true) yield [1, 1]
      }
      override get size() {
        return 1
      }
    }
    expect(digest(new Endless([[1, 2]]))).not.toBe(digest(new Endless([[1, 3]])))
  })
})

class Wide {
  toJSON(): unknown {
    return [new Wide(), new Wide()]
  }
}

function endless() {
  return {
    toJSON() {
      return { ...endless() }
    },
  }
}

describe('a large part', () => {
  test.each<[string, () => unknown, string]>([
    ['a text', () => 'x'.repeat(2 ** 26 + 1), 'a text of 67108865 characters, where 67108864 are the most'],
    ['a bigint', () => 1n << 40_000n, 'a bigint of more than 32768 bits'],
    ['a negative bigint', () => -(1n << 10_000_000n), 'a bigint of more than 32768 bits'],
    [
      'a text in a structure',
      () => ['x'.repeat(2 ** 26 + 1)],
      'more than 67108864 characters and bytes at [0]',
    ],
    [
      'a text again and again',
      () => Array(100).fill('x'.repeat(1e6)),
      'more than 67108864 characters and bytes at [67]',
    ],
    ['a name', () => [{ ['x'.repeat(2 ** 26 + 1)]: 1 }], 'more than 67108864 characters and bytes at [0]'],
    ['a bigint in a structure', () => [1n << 40_000n], 'a bigint of more than 32768 bits at [0]'],
    ['bytes', () => Buffer.alloc(2 ** 26 + 1), 'holds more than 67108864 characters and bytes.'],
    ['an ArrayBuffer', () => new ArrayBuffer(2 ** 26 + 1), 'holds more than 67108864 characters and bytes.'],
  ])('%s is refused', (_, make, what) => {
    const part = make()
    const build = () => CacheKey.from(['a', part] as KeyInput)
    expect(build).toThrow(InvalidKeyError)
    expect(build).toThrow(what)
  })

  test('is accepted up to some megabytes', () => {
    const megabytes = 'é'.repeat(5e6)
    expect(CacheKey.of('a', megabytes).text).not.toBe(CacheKey.of('a', `${megabytes}x`).text)
    expect(digest(megabytes)).not.toBe(digest(`${megabytes}x`))
    expect(digest(Buffer.alloc(5e6, 1))).not.toBe(digest(Buffer.alloc(5e6, 2)))
    expect(digest([`${megabytes}\ud800`])).not.toBe(digest([`${megabytes}\ud801`]))
  })

  test.each<[string, () => unknown, string]>(
    [
    ['a path', () => 'x'.repeat(2 ** 22 + 1), 'has 4194305 characters; the most is 4194304.'],
    ['a path of separators', () => '::'.repeat(2e6), 'has more than 1000 segments; the most is 32.'],
    ['a list of parts', () => Array(1e6).fill('a'), 'has more than 1000 parts.'],
    ['a list of nothing', () => Array(1e6).fill({}), 'has more than 1000 parts.'],
    ['holes', () => new Array(4e9), 'has more than 1000 parts.'],
    ['pairs', () => Object.fromEntries(Array.from({ length: 1e5 }, (_, n) => [n, n])), 'an object of 100000 pairs.'],
    ['pairs and pairs', () => Array(900).fill(Object.fromEntries(Array.from({ length: 900 }, (_, n) => [n, n]))), 'has more than 1000 segments;'],
    ['a proxy', () => new Proxy(['a'], { get: (_, name) => (name === 'length' ? Infinity : 'a') }), 'has more than 1000 parts.'],
  ] /* biome-ignore format: a row each */,
  )('%s as a whole key is refused', (_, make, what) => {
    const key = make()
    const build = () => CacheKey.from(key as KeyInput)
    expect(build).toThrow(InvalidKeyError)
    expect(build).toThrow(what)
  })
})

describe('a part that throws when it is read is an InvalidKeyError', () => {
  const recursive = {
    toJSON(): unknown {
      return this.toJSON()
    },
  }
  const values: [string, unknown][] = [
    ['a getter', thrower(new Error('boom'))],
    ['a getter that throws nothing', thrower(undefined)],
    ['a getter that throws a symbol', thrower(Symbol('x'))],
    ['a getter that throws what has no text', thrower(Object.create(null))],
    ['a getter that throws a revoked proxy', thrower(revoked({}))],
    ['a getter that throws an Error whose message throws', thrower(Object.defineProperty(new Error(), 'message', { get: () => String(revoked({})) }))], // biome-ignore format: one line
    ['a revoked object', revoked({})],
    ['a revoked array', revoked([])],
    ['a proxy that throws always', new Proxy({}, new Proxy({}, { get: () => () => { throw new TypeError('no') } }))], // biome-ignore format: one line
    ['a proxy array that throws', new Proxy([1], { get: () => { throw new TypeError('no') } })], // biome-ignore format: one line
    ['a detached Uint8Array', detached((buffer) => new Uint8Array(buffer))],
    ['a detached DataView', detached((buffer) => new DataView(buffer))],
    ['a detached ArrayBuffer', detached((buffer) => buffer)],
    ['a stack overflow', recursive],
    ['a toJSON() that gives itself', { toJSON() { return this } }], // biome-ignore format: one line
    ['a toJSON() that gives a function', { toJSON: () => () => 1 }],
    ['a boxed symbol', Object(Symbol('x'))],
  ]
  test.each(values)('%s', (_, value) => {
    for (const key of [
      ['a', value],
      ['a', [value]],
      ['a', { of: value }],
      value,
      [value],
      ['a', new Map([[value, value]])],
    ])
      expect(() => CacheKey.from(key as KeyInput)).toThrow(
        expect.objectContaining({ name: 'InvalidKeyError' }),
      )
  })
})

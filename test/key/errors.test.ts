import { describe, expect, test } from 'vitest'
import { InvalidKeyError } from '../../src/errors.js'
import { CacheKey } from '../../src/key/cache-key.js'

class User {
  constructor(readonly id: unknown) {}
}
class Opaque {}
const cyclic: { self?: unknown } = {}
cyclic.self = [cyclic]
const op = Symbol('gt')
const itself = {
  cacheKeyPart(): unknown {
    return this
  },
}
let deep: unknown[] = []
for (let level = 0; level < 10_000; level++) deep = [deep]

const WRITE_DOWN = 'Use something that can be written down, such as an id.'
const ASK_CLASS = 'Give the class an id or a cacheKeyPart() method.'
const USE = 'Use a string, an array of parts, or an object of pairs.'

describe('the error of an invalid key', () => {
  test.each<[unknown, string]>([
    [
      ['product', undefined],
      'Part 2 of the key ["product", undefined] is undefined. Give it a value, or null.',
    ],
    [['a', Number.NaN], 'Part 2 of the key ["a", NaN] is NaN. Check where the number comes from.'],
    [[() => 1, 'a'], `Part 1 of the key [a function, "a"] is a function. ${WRITE_DOWN}`],
    [['a', op], `Part 2 of the key ["a", a symbol] is a symbol. ${WRITE_DOWN}`],
    [
      ['a', new Date(Number.NaN)],
      'Part 2 of the key ["a", an instance of Date] is an invalid Date. Check what it was made from.',
    ],
    [
      { weight: Number.NaN },
      'The value of "weight" in the key {weight: NaN} is NaN. Check where the number comes from.',
    ],
    [
      ['ship', { weight: Number.NaN, x: 1 }],
      'The value of "weight" in part 2 of the key ["ship", {weight: NaN, x: 1}] is NaN. Check where the number comes from.',
    ],
    [{ weight: undefined }, 'The key is empty. Give it at least one part.'],
    [
      ['a', new User(Number.NaN)],
      'Part 2 of the key ["a", an instance of User] is an instance of User whose primary key is NaN. Check where the number comes from.',
    ],
    [
      ['a', new Opaque()],
      `Part 2 of the key ["a", an instance of Opaque] is an instance of Opaque with nothing that identifies it. ${ASK_CLASS}`,
    ],
    [
      ['a', new WeakMap()],
      `Part 2 of the key ["a", an instance of WeakMap] is an instance of WeakMap with nothing that identifies it. ${ASK_CLASS}`,
    ],
    [
      ['a', Promise.resolve()],
      'Part 2 of the key ["a", an instance of Promise] is an instance of Promise. Await it first.',
    ],
    [
      ['a', [1, { b: () => 1 }]],
      `Part 2 of the key ["a", [1, {…}]] holds a function at [1].b. ${WRITE_DOWN}`,
    ],
    [
      ['a', { where: { price: [op] } }],
      `The value of "where" in part 2 of the key ["a", {where: {…}}] holds a symbol at price[0]. ${WRITE_DOWN}`,
    ],
    [
      ['a', { [op]: 5 }],
      'Part 2 of the key ["a", {}] is an object with a property named Symbol(gt). Use names that can be written down.',
    ],
    [
      ['a', { price: { [op]: 5 } }],
      'The value of "price" in part 2 of the key ["a", {price: {}}] is an object with a property named Symbol(gt). Use names that can be written down.',
    ],
    [
      ['a', [cyclic]],
      'Part 2 of the key ["a", [{…}]] holds a reference to what it is in at [0].self[0]. Pick the fields that identify it.',
    ],
    [
      ['a', itself],
      'Part 2 of the key ["a", {cacheKeyPart: a function}] is {cacheKeyPart: a function} whose cacheKeyPart() leads back to itself. Return an id or a string.',
    ],
    [
      ['a', Object.assign(new User(1), { cacheKeyPart: () => undefined })],
      'Part 2 of the key ["a", an instance of User] is an instance of User whose cacheKeyPart() returned undefined. Return an id or a string.',
    ],
    ['', 'The key is empty. Give it at least one part.'],
    [[], 'The key is empty. Give it at least one part.'],
    [{}, 'The key is empty. Give it at least one part.'],
    [[{}], 'The key is empty. Give it at least one part.'],
    [undefined, `The key is undefined. ${USE}`],
    [null, `The key is null. ${USE}`],
    [5, `The key is 5. ${USE}`],
    [() => 1, `The key is a function. ${USE}`],
    [new Map(), `The key is an instance of Map. ${USE}`],
    [new User(5), `The key is an instance of User. ${USE}`],
    [
      Array(40).fill('a'),
      'The key ["a", "a", "a", "a", "a", "a", … 34 more] has 40 segments; the most is 32. A nested array or object counts as one.',
    ],
    [
      'a::'.repeat(40),
      'The key "a::a::a::a::a::a::a::a::a::a::a::a::a::a"… has 41 segments; the most is 32. A nested array or object counts as one.',
    ],
  ])('%#', (input, message) => {
    expect(() => CacheKey.from(input as string)).toThrow(InvalidKeyError)
    expect(() => CacheKey.from(input as string)).toThrow(expect.objectContaining({ message }))
  })

  test('takes 32 segments and counts those above', () => {
    const full = CacheKey.from(Array(32).fill('a'))
    expect(CacheKey.from(full.text).segments).toHaveLength(32)
    expect(() => full.child('b')).toThrow('has 33 segments; the most is 32')
    expect(() => CacheKey.from('a::'.repeat(32))).toThrow('has 33 segments')
  })

  test('shows the parent key of an invalid child', () => {
    expect(() => CacheKey.of('shop', 1).child(undefined as unknown as string)).toThrow(
      'Part 2 of the key ["shop::1", undefined] is undefined.',
    )
  })

  test('refuses a part that is nested too deeply', () => {
    expect(() => CacheKey.of('a', deep)).toThrow(
      /^Part 2 of the key \["a", \[\[…\]\]\] holds more than 100 levels/,
    )
  })

  test('has the error of a getter, a method or a proxy as its cause', () => {
    const boom = new Error('boom')
    const thrower = () => {
      throw boom
    }
    const trap = new Proxy({}, { ownKeys: thrower })
    const { proxy: revoked, revoke } = Proxy.revocable([], {})
    revoke()
    const hostile: [unknown, RegExp][] = [
      [
        ['a', Object.defineProperty({}, 'x', { get: thrower, enumerable: true })],
        /^The value of "x" in part 2 of .* could not be read: boom$/,
      ],
      [['a', { cacheKeyPart: thrower }], /^Part 2 of .* could not be read: boom$/],
      [
        ['a', [Object.defineProperty({}, 'x', { get: thrower, enumerable: true })]],
        /^Part 2 of .* could not be read: boom$/,
      ],
      [trap, /could not be read: boom$/],
      [revoked, /^The key is …/],
      [[revoked], /^Part 1 of/],
    ]
    for (const [input, message] of hostile) {
      const thrown = caught(() => CacheKey.from(input as string))
      expect(thrown).toBeInstanceOf(InvalidKeyError)
      expect((thrown as Error).message).toMatch(message)
      expect((thrown as Error).cause).toBeInstanceOf(Error)
    }
    expect((caught(() => CacheKey.from(trap)) as Error).cause).toBe(boom)
  })

  test('prints the beginning of a large part, on one line', () => {
    const much = ['x'.repeat(1e6), { ['n'.repeat(1e6)]: 'v\n\u0085\u202e' }, 10n ** 1000n, undefined]
    const { message } = caught(() => CacheKey.from(much as string[])) as Error
    expect(message.length).toBeLessThan(400)
    expect(message).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
  })
})

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (thrown) {
    return thrown
  }
  throw new Error('nothing was thrown')
}

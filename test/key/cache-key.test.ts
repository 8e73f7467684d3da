import { describe, expect, test } from 'vitest'
import { CacheKey, type KeyInput, type KeyPart } from '../../src/key/cache-key.js'

const text = (...parts: KeyPart[]) => CacheKey.of(...parts).text

describe('the examples of the origin', () => {
  test.each<[KeyPart[], string]>([
    [['test'], 'test'],
    [['test', 2], 'test::2'],
    [['test', { more: 'yes' }], 'test::more::yes'],
    [['test', 3, { more: 'yes' }], 'test::3::more::yes'],
    [['SHIP_company', { weight: '3', country: 'CZ' }], 'SHIP_company::country::CZ::weight::3'],
    [
      ['SHIP_company', { zipcode: '110 00', weight: 3, country: 'CZ' }],
      'SHIP_company::country::CZ::weight::3::zipcode::110%2000',
    ],
  ])('%j', (parts, expected) => {
    expect(text(...parts)).toBe(expected)
  })
})

describe('one key in four forms', () => {
  test.each<KeyInput>(['product::123', ['product', 123], { product: 123 }, CacheKey.of('product', '123')])(
    '%s',
    (input) => {
      expect(CacheKey.from(input).text).toBe('product::123')
      expect(CacheKey.of(input as string).text).toBe('product::123')
    },
  )

  test('returns a given CacheKey unchanged', () => {
    const key = CacheKey.of('product', 1)
    expect(CacheKey.from(key)).toBe(key)
    expect(CacheKey.of(key)).toBe(key)
  })
})

describe('parts', () => {
  test('treats a number, a bigint and their text as the same part', () => {
    expect(text('a', 123n)).toBe('a::123')
    expect(text('a', -0)).toBe('a::0')
    expect(text('a', Number.POSITIVE_INFINITY)).toBe('a::Infinity')
  })

  test('distinguishes null, booleans, dates and the empty string from each string', () => {
    expect(text('a', null)).toBe('a::%.null')
    expect(text('a', true, false)).toBe('a::%.true::%.false')
    expect(text('a', '')).toBe('a::%.')
    expect(text('a', new Date('2026-11-23T10:00:00Z'))).toBe('a::%.2026-11-23T10:00:00.000Z')
    expect(text('a', 'null', '%.null')).toBe('a::null::%25.null')
  })

  test('orders pairs by code unit, with any name', () => {
    expect(text('a', { b: 1, a: 2, Z: 3, ä: 4 })).toBe('a::Z::3::a::2::b::1::ä::4')
    expect(text('a', JSON.parse('{"__proto__":1,"constructor":2,"hasOwnProperty":3,"toString":4}'))).toBe(
      'a::__proto__::1::constructor::2::hasOwnProperty::3::toString::4',
    )
    expect(text('__proto__', 'constructor')).toBe('__proto__::constructor')
    expect(text('a', { id: 5 })).toBe('a::id::5')
    expect(text('a', {})).toBe('a')
  })

  test('uses the cacheKeyPart of an object', () => {
    const shop = { cacheKeyPart: () => 'shop:1' }
    expect(text('a', shop, 'b')).toBe('a::shop%3A1::b')
    expect(text('a', { cacheKeyPart: () => shop })).toBe('a::shop%3A1')
    expect(text('a', { cacheKeyPart: () => ({ y: 2, x: 1 }) })).toBe('a::x::1::y::2')
    expect(text({ of: shop }, 'b')).toBe('of::shop%3A1::b')
  })

  test('uses the primary key of an instance', () => {
    class Base {
      constructor(readonly n: number) {}
      get id(): string {
        return `n${this.n}`
      }
    }
    class Product extends Base {}
    class Row {
      pk = 7n
    }
    expect(text('product', new Product(5))).toBe('product::n5')
    expect(text('row', new Row())).toBe('row::7')
    expect(text({ row: new Row() }, 1)).toBe('row::7::1')
  })

  test('treats the results of a query parser as plain objects', () => {
    const query = Object.assign(Object.create(Object.create(null)), { b: '2', a: '1' })
    expect(text('list', query)).toBe('list::a::1::b::2')
  })
})

describe('paths', () => {
  test.each([
    ['a::b c', 'a::b%20c'],
    ['a::b%20c', 'a::b%20c'],
    ['a::%2a::%41::100%', 'a::%252a::%2541::100%25'],
    ['a::::b', 'a::%.::b'],
    ['a::', 'a::%.'],
    ['::', '%.::%.'],
    ['a:::b', 'a::%3Ab'],
    ['shop:a::b', 'shop%3Aa::b'],
    ['a::%.null', 'a::%.null'],
    ['a::%.nul', 'a::%25.nul'],
    ['a::%.2026-11-23T10:00:00.000Z', 'a::%.2026-11-23T10:00:00.000Z'],
    ['a::%.2026-11-23', 'a::%25.2026-11-23'],
    ['žluťoučký::🐎', 'žluťoučký::🐎'],
  ])('%s', (path, expected) => {
    expect(CacheKey.from(path).text).toBe(expected)
  })

  test('escapes a separator in a part', () => {
    expect(CacheKey.from(['a::b']).text).toBe('a%3A%3Ab')
    expect(text('a::b', 'c')).toBe('a%3A%3Ab::c')
  })
})

describe('the tree', () => {
  const key = CacheKey.of('shop', 'CZ', 'a b')

  test('has parents and segments', () => {
    expect(key.family).toBe('shop')
    expect(key.segments).toEqual(['shop', 'CZ', 'a%20b'])
    expect(key.parts).toEqual(['shop', 'CZ', 'a b'])
    expect(key.ancestors).toEqual(['shop', 'shop::CZ'])
    expect(key.ancestors).toBe(key.ancestors)
    expect(key.parent?.text).toBe('shop::CZ')
    expect(key.parent?.parent?.parent).toBeUndefined()
    expect(CacheKey.of('shop').ancestors).toEqual([])
  })

  test('extends a key', () => {
    const shop = CacheKey.of('shop', 'CZ')
    expect(shop.child('a b').text).toBe(key.text)
    expect(CacheKey.of(shop, 'a b').text).toBe(key.text)
    expect(CacheKey.from([shop, { x: 1 }]).text).toBe('shop::CZ::x::1')
    expect(CacheKey.from([shop]).text).toBe(shop.text)
    expect(shop.child().text).toBe(shop.text)
    expect(text('copy', shop)).toBe('copy::shop%3A%3ACZ')
  })

  test('is within itself and its ancestors, not within a key with the same beginning', () => {
    expect(key.isWithin(key)).toBe(true)
    expect(key.isWithin(CacheKey.of('shop'))).toBe(true)
    expect(CacheKey.of('shop').isWithin(key)).toBe(false)
    expect(CacheKey.of('shops', 'CZ').isWithin(CacheKey.of('shop'))).toBe(false)
  })

  test('prints as its text', () => {
    expect(`${key}`).toBe('shop::CZ::a%20b')
    expect(JSON.stringify({ key })).toBe('{"key":"shop::CZ::a%20b"}')
    expect(key).toEqual(CacheKey.of('shop', 'CZ', 'a b'))
    expect(key).not.toEqual(CacheKey.of('shop', 'CZ', 'a c'))
  })

  test('cannot be altered', () => {
    expect(() => Object.assign(key, { text: 'other' })).toThrow(TypeError)
    expect(() => Object.assign(key, { more: 1 })).toThrow(TypeError)
    expect(() => (key.segments as string[]).push('x')).toThrow(TypeError)
    expect(() => (key.ancestors as string[]).push('x')).toThrow(TypeError)
  })

  test('returns its parts', () => {
    const parts = ['a', '', null, true, false, new Date(0), 'x::y%.\ud800']
    expect(CacheKey.from(parts).parts).toEqual(parts)
    const digest = CacheKey.of('a', [1])
    expect(digest.parts[1]).toBe(digest.segments[1])
  })
})

describe('long parts', () => {
  test('have a readable beginning, a place in the tree, and a unique digest', () => {
    const long = 'é'.repeat(500)
    const key = CacheKey.of('a', long, 'b')
    expect(key.segments[1]).toMatch(/^é{48}%~[\w-]{22}$/)
    expect(key.segments[2]).toBe('b')
    expect(CacheKey.of('a', `${long}x`, 'b').text).not.toBe(key.text)
    expect(CacheKey.from(key.text).text).toBe(key.text)
    expect(CacheKey.from(`a::${long}::b`).text).toBe(key.text)
    expect(CacheKey.of('a', key.segments[1] as string, 'b').text).not.toBe(key.text)
  })

  test('distinguish lone surrogates in the digested rest', () => {
    const long = 'x'.repeat(200)
    expect(text('a', `${long}\ud800`)).not.toBe(text('a', `${long}\ud801`))
  })

  test('have a maximum length', () => {
    expect(text('a', 'x'.repeat(120))).toBe(`a::${'x'.repeat(120)}`)
    expect(text('a', 'x'.repeat(121))).toMatch(/^a::x{96}%~[\w-]{22}$/)
    expect(text('a', ' '.repeat(41))).toMatch(/^a::(%20){32}%~[\w-]{22}$/)
  })

  test.each(['x', '\0', '😀', '%41'])('are made from 1 MB of %j quickly', (character) => {
    const part = character.repeat(1_000_000 / character.length)
    const start = performance.now()
    const key = CacheKey.of('a', part, 'b')
    expect(performance.now() - start).toBeLessThan(500)
    expect(key.segments).toHaveLength(3)
    expect(CacheKey.from(`a::${part}::b`).segments).toHaveLength(3)
  })
})

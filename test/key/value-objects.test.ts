import { Binary, Decimal128, Double, Int32, Long, ObjectId, Timestamp, UUID } from 'bson'
import { Decimal } from 'decimal.js'
// @ts-expect-error: it brings no types
import { DateTime, Duration, Interval } from 'luxon'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, test } from 'vitest'
import { InvalidKeyError } from '../../src/errors.js'
import { CacheKey, type KeyPart } from '../../src/key/cache-key.js'

const text = (...parts: KeyPart[]) => CacheKey.of(...parts).text
const HEX = '6b0a84961d43cb419e7285cb'

class Money {
  constructor(readonly json: unknown) {}
  toJSON() {
    return this.json
  }
}

describe('a value object', () => {
  test.each<[string, object]>([
    ['ObjectId', new ObjectId(HEX)],
    ['UUID', new UUID('358a507e-1929-48e3-bb91-e98f79e3e541')],
    ['Int32', new Int32(5)],
    ['Double', new Double(1.5)],
    ['Decimal', new Decimal('1.50')],
    ['Decimal -0', new Decimal('-0')],
    ['DateTime', DateTime.fromISO('2026-01-02T03:04:05+01:00')],
    ['Duration', Duration.fromISO('P1DT2H')],
    ['Temporal.Instant', Temporal.Instant.from('2026-01-02T03:04:05Z')],
    ['Temporal.PlainDate', Temporal.PlainDate.from('2026-01-02')],
    ['Temporal.ZonedDateTime', Temporal.ZonedDateTime.from('2026-01-02T03:04[Europe/Prague]')],
    ['Temporal.Duration', Temporal.Duration.from('P1D')],
    ['URL', new URL('https://shop.example/a?b=c')],
    ['URLSearchParams', new URLSearchParams('b=2&a=1')],
    ['String', new String('x')],
    ['Number', new Number(5)],
  ])('%s gives the same key as its text, at any position', (_, value) => {
    const own = String(value)
    expect(text('product', value)).toBe(text('product', own))
    expect(text('product', value, 'reviews')).toBe(text('product', own, 'reviews'))
    expect(text({ product: value })).toBe(text({ product: own }))
    expect(CacheKey.of('product').child(value).text).toBe(text('product', own))
    expect(text('product', { cacheKeyPart: () => value })).toBe(text('product', own))
  })

  test('gives the same key as a route parameter', () => {
    expect(text('product', new ObjectId(HEX))).toBe(`product::${HEX}`)
    expect(text('day', Temporal.PlainDate.from('2026-01-02'))).toBe('day::2026-01-02')
    expect(text('price', new Decimal('1.50'))).toBe('price::1.5')
  })

  test('is the part of its scalar', () => {
    expect(text('a', new Money('5'))).toBe('a::5')
    expect(text('a', new Money(5))).toBe('a::5')
    expect(text('a', new Money(5n))).toBe('a::5')
    expect(text('a', new Money(true))).toBe(text('a', true))
    expect(text('a', new Money(''))).toBe(text('a', ''))
    expect(text('a', { toJSON: () => 'x' })).toBe('a::x')
    expect(() => text('a', new Money(Number.NaN))).toThrow(/is NaN/)
  })

  test.each<[string, object, RegExp]>([
    ['Decimal128', Decimal128.fromString('1.50'), /Use String\(value\) if that text identifies it/],
    ['Long', Long.fromString('5'), /Use String\(value\)/],
    ['Timestamp', new Timestamp({ t: 1, i: 2 }), /Use String\(value\)/],
    ['Interval', Interval.after(DateTime.fromMillis(0), 5), /Use String\(value\)/],
    ['Locale', new Intl.Locale('cs'), /Use String\(value\)/],
    ['Binary', new Binary(Buffer.from('ab')), /toJSON\(\) and String\(\) differ\. Use value\.toJSON\(\) or/],
    [
      'an invalid DateTime',
      DateTime.invalid('x'),
      /whose toJSON\(\) is null\. Check what it was made from\./,
    ],
    ['an Error', new Error('x'), /Use String\(value\)/],
  ])('%s is refused with a message that contains the right form', (_, value, message) => {
    for (const build of [
      () => text('product', value),
      () => text({ product: value }),
      () => text('product', Object.assign(new (class Row {})(), { id: value })),
    ]) {
      expect(build).toThrow(InvalidKeyError)
      expect(build).toThrow(message)
    }
  })

  test('with two different texts is refused, since either could be meant', () => {
    class Moment extends Money {
      override toString() {
        return 'Fri Jan 02 2026'
      }
    }
    expect(() => text('day', new Moment('2026-01-02'))).toThrow(
      'Part 2 of the key ["day", an instance of Moment] is an instance of Moment whose toJSON() and String() differ. Use value.toJSON() or String(value), and the same one everywhere.',
    )
  })

  test('is not represented by a pattern', () => {
    expect(text('search', /x/g)).not.toBe(text('search', '/x/g'))
  })
})

describe('an object of a class', () => {
  class Document {
    constructor(properties: object) {
      Object.assign(this, properties)
    }
    toString() {
      return 'a document'
    }
    toJSON() {
      return { ...this }
    }
  }

  test('is represented by its id, pk or _id, also a value object', () => {
    const _id = new ObjectId(HEX)
    const expected = `product::${HEX}`
    expect(text('product', new Document({ id: HEX, _id }))).toBe(expected)
    expect(text('product', new Document({ id: _id }))).toBe(expected)
    expect(text('product', new Document({ id: null, pk: undefined, _id, name: 'x' }))).toBe(expected)
    expect(text({ product: new Document({ _id }) })).toBe(expected)
    expect(text('product', new Document({ _id: 5 }))).toBe('product::5')
    expect(text('product', new Document({ id: 1, _id }))).toBe('product::1')
  })

  test('is represented by its id also when all objects of its class have the same text', () => {
    class Hidden {
      constructor(readonly id: number) {}
      toJSON() {
        return '[hidden]'
      }
    }
    expect(text('a', new Hidden(1))).toBe('a::1')
    expect(CacheKey.from(['a', [new Hidden(1)]]).text).not.toBe(CacheKey.from(['a', [new Hidden(2)]]).text)
  })

  test('is found when the _id of an ObjectId is itself, as in Mongoose', () => {
    class MongooseId extends ObjectId {
      get _id() {
        return this
      }
    }
    expect(text('product', new MongooseId(HEX))).toBe(`product::${HEX}`)
    expect(text('product', [new MongooseId(HEX)])).toBe(text('product', [new MongooseId(HEX)]))
  })

  test.each<[string, unknown]>([
    ['a Buffer', Buffer.from('abc')],
    ['a Uint8Array', new Uint8Array(3)],
    ['a boolean', true],
    ['a composite of Mongo', { year: 2026, month: 11 }],
    ['an array', [1, 2]],
    ['a Map', new Map([[1, 2]])],
  ])('is refused when its primary key is %s, since a digest would change with each other field', (_, id) => {
    class Row {
      name = 'lamp'
    }
    for (const property of ['id', 'pk', '_id']) {
      const row = Object.assign(new Row(), { [property]: id })
      expect(() => CacheKey.of('product', row)).toThrow(InvalidKeyError)
      expect(() => CacheKey.of('product', row)).toThrow(`an instance of Row whose ${property} is`)
      expect(() => CacheKey.of({ product: row })).toThrow(InvalidKeyError)
    }
  })

  test('is a digest before it has a primary key', () => {
    class Row {
      id = undefined
      name = 'lamp'
    }
    expect(CacheKey.of('product', new Row()).text).toMatch(/^product::%\.~/)
  })

  test('is named in the error when its primary key cannot be read', () => {
    expect(() => text('product', new Document({ _id: Long.fromString('5') }))).toThrow(
      'is an instance of Document whose primary key is an instance of Long, with a toString() of its own and no toJSON() that gives it.',
    )
  })
})

describe('in a structure', () => {
  const digest = (value: unknown) => CacheKey.from(['a', [value]]).text

  test('a value object has a stable digest, which is not that of its text', () => {
    const makers: (() => object)[] = [
      () => new ObjectId(HEX),
      () => Decimal128.fromString('1.50'),
      () => Long.fromString('5'),
      () => new Binary(Buffer.from('ab')),
      () => new Decimal('1.5'),
      () => Temporal.Duration.from('P1D'),
      () => Duration.fromISO('P1D'),
      () => new URL('http://a/'),
      () => new URLSearchParams('a=1'),
    ]
    for (const make of makers) {
      expect(digest({ of: make() })).toBe(digest({ of: make() }))
      expect(digest({ of: make() })).not.toBe(digest({ of: String(make()) }))
    }
    expect(new Set(makers.map((make) => digest(make()))).size).toBe(makers.length)
  })

  test('a value without a JSON form is refused', () => {
    for (const nothing of [null, undefined])
      expect(() => digest(new Money(nothing))).toThrow(
        `holds an instance of Money whose toJSON() returned ${nothing} at [0].`,
      )
  })
})

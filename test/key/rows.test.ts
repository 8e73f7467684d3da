import { ObjectId } from 'bson'
import { beforeEach, expect, type MockInstance, test, vi } from 'vitest'

/** Keys of a process that has not been warned yet. */
let CacheKey: typeof import('../../src/key/cache-key.js').CacheKey
let emitWarning: MockInstance<(...given: unknown[]) => void>

beforeEach(async () => {
  emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  vi.resetModules()
  ;({ CacheKey } = await import('../../src/key/cache-key.js'))
  return () => emitWarning.mockRestore()
})

const row = { id: 5, name: 'Lamp', password: 's3cr3t' }

test('a row among the parts of a key gives its pairs, with one warning that contains the right form', () => {
  expect(CacheKey.from(['product', row]).text).toBe('product::id::5::name::Lamp::password::s3cr3t')
  CacheKey.from(['product', row])
  CacheKey.of('other', { _id: new ObjectId(), name: 'x' })
  expect(emitWarning.mock.calls).toEqual([
    [
      `A plain object with "id" and "name", "password" is part of a key. Each of its pairs is in the key, so a key with its id alone is another one. For a row, write row.id: ['product', row.id]. If the pairs are meant, ignore this.`,
      { type: 'KeyedCacheWarning', code: 'KEYEDCACHE_ROW_IN_KEY' },
    ],
  ])
})

test.each<[string, () => unknown]>([
  ['of()', () => CacheKey.of('product', row)],
  ['child()', () => CacheKey.of('product').child(row)],
  ['a row with a value object', () => CacheKey.of('product', { _id: new ObjectId(), name: 'x' })],
  ['a row with a pk', () => CacheKey.of('product', { name: 'x', pk: 'a' })],
  ['a row in an array alone', () => CacheKey.from([row])],
])('%s warns', (_, build) => {
  build()
  expect(emitWarning).toHaveBeenCalledOnce()
})

test.each<[string, () => unknown]>([
  ['pairs alone', () => CacheKey.from(row)],
  ['an id alone', () => CacheKey.of('product', { id: 5 })],
  ['an id beside what is absent', () => CacheKey.of('product', { id: 5, name: undefined })],
  ['pairs without an id', () => CacheKey.of('product', { lang: 'cs', page: 2 })],
  ['an id that is no primary key', () => CacheKey.of('product', { id: ['a'], page: 2 })],
  ['an instance', () => CacheKey.of('product', Object.assign(new (class Row {})(), row))],
  ['what a cacheKeyPart() gives', () => CacheKey.of('product', { cacheKeyPart: () => row })],
  ['a row in a structure', () => CacheKey.of('product', [row])],
])('%s does not', (_, build) => {
  build()
  expect(emitWarning).not.toHaveBeenCalled()
})

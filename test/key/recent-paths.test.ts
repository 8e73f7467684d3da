import { expect, test } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'

/** Needs escaping, so that it is worth keeping; and the same key made another way. */
const path = (n: number) => `weekly offers::${n}::café: open`
const text = (n: number) => CacheKey.of('weekly offers', `${n}`, 'café: open').text

test('a path gives the same key after any number of other paths', () => {
  const many = Array.from({ length: 3_000 }, (_, n) => n)
  const orders = [many, many.toReversed(), many.filter((n) => n % 7 === 0), many]
  for (const order of orders) {
    for (const n of order) expect(CacheKey.from(path(n)).text).toBe(text(n))
  }
})

test('a path that is refused is refused again', () => {
  for (let i = 0; i < 3; i++) expect(() => CacheKey.from('a: b::\0'.repeat(40))).toThrow(/segments/)
})

test('long paths with the same beginning are distinguished', () => {
  const long = (end: string) => `${'à la carte::'.repeat(20)}${'x'.repeat(600)}${end}`
  for (let i = 0; i < 3; i++) expect(CacheKey.from(long('a')).text).not.toBe(CacheKey.from(long('b')).text)
})

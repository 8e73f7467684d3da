import { expect, test } from 'vitest'
import { BoundedMap } from '../src/bounded-map.js'

test('has a maximum size, beyond which the oldest entry is dropped', () => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1).set('b', 2).set('a', 3).set('c', 4)
  expect([...map]).toEqual([
    ['a', 3],
    ['c', 4],
  ])
})

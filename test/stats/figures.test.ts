import { expect, test } from 'vitest'
import { addFigures, fromTally, noFigures, toTally } from '../../src/stats/figures.js'

const some = () => ({
  ...noFigures(),
  hits: 3,
  misses: 2,
  missesBy: { absent: 1, deleted: 1 },
  computingMs: 12.345,
  savedMs: 0.001,
  latency: { request: [], process: [], store: [0, 0, 3], miss: [1, 0, 0, 1], compute: [] },
})

test('figures are the same after they were told', () => {
  expect(fromTally(toTally(some()))).toEqual(some())
  expect(toTally(noFigures())).toEqual(new Map())
})

test('all that is told is whole numbers', () => {
  const tally = toTally({ ...some(), computingMs: 1 / 3 })
  for (const [name, count] of tally) expect(Number.isSafeInteger(count), name).toBe(true)
})

test('names from another version, or from nowhere, are left out', () => {
  const tally = new Map([
    ['hits', 1],
    ['novelty', 5],
    ['in:constructor:1', 5],
    ['in:store:9999', 5],
    ['in:store:x', 5],
    ['in:', 5],
    ['miss:absent', -1],
    ['miss:expired', 0],
  ])
  expect(fromTally(tally)).toEqual({ ...noFigures(), hits: 1 })
})

test('sums are sums, and leave what they were made from alone', () => {
  const [one, other] = [some(), some()]
  expect(addFigures(addFigures(noFigures(), one), other)).toMatchObject({
    hits: 6,
    missesBy: { absent: 2, deleted: 2 },
    latency: { store: [0, 0, 6] },
  })
  expect(one).toEqual(other)
})

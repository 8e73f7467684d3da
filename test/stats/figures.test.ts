import { expect, test } from 'vitest'
import { fromCounts, historyFromCounts, historyStepsOf, toCounts } from '../../src/stats/counts.js'
import { addFigures, noFigures, sumOf } from '../../src/stats/figures.js'
import { COUNTERS, METRICS } from '../../src/stats/metrics.js'

const some = () => ({
  ...noFigures(),
  hits: 3,
  misses: 2,
  missesBy: { absent: 1, deleted: 1 },
  computingMs: 12.345,
  savedMs: 0.001,
  latency: { request: [], process: [], store: [0, 0, 3], miss: [1, 0, 0, 1], compute: [] },
})

/** Every counter with a number of its own. */
const each = () => ({
  ...noFigures(),
  ...Object.fromEntries(COUNTERS.map((name, index) => [name, index + 1])),
})

test('figures are the same after they were reported', () => {
  expect(fromCounts(toCounts(some()))).toEqual(some())
  expect(fromCounts(toCounts(each()))).toEqual(each())
  expect(toCounts(noFigures())).toEqual(new Map())
})

test('each metric of a family is a field of the figures', () => {
  const names = Object.entries(METRICS).flatMap(([name, { per }]) => (per === 'family' ? [name] : []))
  expect(Object.keys(noFigures()).sort()).toEqual(names.sort())
})

test('reported figures are whole numbers', () => {
  const counts = toCounts({ ...some(), computingMs: 1 / 3 })
  for (const [name, count] of counts) expect(Number.isSafeInteger(count), name).toBe(true)
})

test('unknown names, as of another version, are left out', () => {
  const counts = new Map([
    ['hits', 1],
    ['novelty', 5],
    ['latency:constructor:1', 5],
    ['latency:store:9999', 5],
    ['latency:store:x', 5],
    ['latency:', 5],
    ['missesBy:absent', -1],
    ['missesBy:expired', 0],
  ])
  expect(fromCounts(counts)).toEqual({ ...noFigures(), hits: 1 })
})

test('sums leave their operands unchanged', () => {
  const [one, other] = [some(), some()]
  expect(addFigures(addFigures(noFigures(), one), other)).toMatchObject({
    hits: 6,
    missesBy: { absent: 2, deleted: 2 },
    latency: { store: [0, 0, 6] },
  })
  expect(one).toEqual(other)
})

test('the history sums the metrics of its table, over all families', () => {
  const counts = historyStepsOf(
    new Map([
      ['product', toCounts(each())],
      ['cart', toCounts(each())],
      ['', new Map([['clears', 1]])],
    ]),
  )
  const step = historyFromCounts(counts)
  const inHistory = Object.entries(METRICS).flatMap(([name, metric]) => ('inHistory' in metric ? [name] : []))
  expect(Object.keys(step).sort()).toEqual(inHistory.sort())
  for (const [name, count] of Object.entries(step)) expect(count, name).toBe(2 * Reflect.get(each(), name))
  expect(sumOf([{ figures: step }, { figures: step }]).hits).toBe(2 * step.hits)
  expect(sumOf([]).hits).toBe(0)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addLatency, noLatency, quantile, record } from '../../src/stats/latency.js'

test('a quantile is off by a fifth at most', () => {
  const times = fc.array(fc.double({ min: 0.002, max: 100_000, noNaN: true }), {
    minLength: 1,
    maxLength: 200,
  })
  fc.assert(
    fc.property(times, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (ms, share) => {
      const latency = noLatency()
      for (const one of ms) record(latency, one)
      const exact = ms.sort((a, b) => a - b)[Math.ceil(ms.length * share) - 1] as number
      const about = quantile(latency, share) as number
      expect(about / exact).toBeGreaterThan(0.8)
      expect(about / exact).toBeLessThan(1.2)
    }),
  )
})

test('an empty histogram has no quantile; the outermost classes hold no time and any longer time', () => {
  expect(quantile(noLatency(), 0.5)).toBeUndefined()
  const latency = noLatency()
  for (const ms of [0, -1, 0.0005, Number.POSITIVE_INFINITY]) record(latency, ms)
  expect(latency[0]).toBe(3)
  expect(latency).toHaveLength(57)
  expect(quantile(latency, 1)).toBeGreaterThan(200_000)
})

test('sums of histograms hold the operations of both', () => {
  const [one, other, both] = [noLatency(), noLatency(), noLatency()]
  for (const ms of [1, 20, 300]) {
    record(one, ms)
    record(both, ms)
  }
  for (const ms of [0.1, 5_000]) {
    record(other, ms)
    record(both, ms)
  }
  addLatency(one, other)
  expect(one).toEqual(both)
})

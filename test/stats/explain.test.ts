import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explain } from '../../src/stats/explain.js'
import type { Trace, Traces } from '../../src/store/traces.js'

const written = (at: number, until: number): Trace => ({ kind: 'written', at, until })
const deleted = (at: number): Trace => ({ kind: 'deleted', at, until: at })
const fenced = (at: number): Trace => ({ kind: 'fenced', at, until: at })

const at = 100_000
const why = (traces: Traces, above: readonly Traces[] = [], reason: 'absent' | 'deleted' = 'absent') =>
  explain({ reason, at, traces, above })

describe('A miss where nothing stands', () => {
  test('of which nothing is remembered stays as it is, whatever was deleted above', () => {
    expect(why([])).toEqual({ reason: 'absent' })
    expect(why([], [[deleted(50_000)]])).toEqual({ reason: 'absent' })
  })

  test('has expired once its time is over, and was evicted before', () => {
    expect(why([written(1, 99_999)]).reason).toBe('expired')
    expect(why([written(1, 200_000)]).reason).toBe('evicted')
    // Two clocks are not that exact.
    expect(why([written(1, 100_900)]).reason).toBe('expired')
  })

  test('was deleted, by itself or with what lies above it: whatever was last', () => {
    expect(why([deleted(10)]).reason).toBe('deleted')
    expect(why([written(10, 200_000)], [[], [deleted(20)]])).toMatchObject({
      reason: 'ancestor-deleted',
      depth: 1,
    })
    expect(why([written(10, 200_000)], [[deleted(30)], [deleted(20)]])).toMatchObject({ depth: 0 })
    expect(why([written(30, 200_000)], [[deleted(20)]]).reason).toBe('evicted')
  })

  test('is explained by what was before it, not by what has come of it', () => {
    expect(why([written(at + 5, at + 300_000), written(1, 99_000)]).reason).toBe('expired')
    expect(why([deleted(at + 5)]).reason).toBe('absent')
    expect(why([written(1, 200_000)], [[deleted(at + 5)]]).reason).toBe('evicted')
  })
})

test('a value that was fenced after the delete says more than the delete', () => {
  expect(why([fenced(90_000), deleted(89_000)], [], 'deleted').reason).toBe('fenced')
  expect(why([fenced(90_000)]).reason).toBe('fenced')
  expect(why([deleted(91_000), fenced(90_000)], [], 'deleted').reason).toBe('deleted')
  expect(why([fenced(90_000)], [[deleted(95_000)]]).reason).toBe('ancestor-deleted')
  expect(why([written(1, 200_000)], [], 'deleted')).toEqual({ reason: 'deleted' })
})

test('the order in which it is remembered does not matter, and what is later than the miss never does', () => {
  const trace = fc
    .record({
      kind: fc.constantFrom('written', 'deleted', 'fenced'),
      at: fc.integer({ min: 0, max: 2 * at }),
      life: fc.integer({ min: 0, max: 2 * at }),
    })
    .map(({ kind, at, life }): Trace => ({ kind, at, until: kind === 'written' ? at + life : at }) as Trace)
  const traces = fc.uniqueArray(trace, { maxLength: 4, selector: ({ at }) => at })
  fc.assert(
    fc.property(traces, fc.array(traces, { maxLength: 3 }), (own, above) => {
      const known = why(own, above)
      expect(why(own.toReversed(), above)).toEqual(known)
      const earlier = (all: Traces) => all.filter((one) => one.at <= at)
      expect(why(earlier(own), above.map(earlier))).toEqual(known)
    }),
  )
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explainMiss } from '../../src/stats/explain.js'
import type { KeyChange, KeyHistory } from '../../src/store/key-history.js'

const written = (at: number, until: number): KeyChange => ({ kind: 'written', at, until })
const deleted = (at: number): KeyChange => ({ kind: 'deleted', at, until: at })
const fenced = (at: number): KeyChange => ({ kind: 'fenced', at, until: at })

const at = 100_000
const why = (own: KeyHistory, above: readonly KeyHistory[] = [], reason: 'absent' | 'deleted' = 'absent') =>
  explainMiss({ reason, at, own, above })

describe('A miss of an absent key', () => {
  test('without a history stays absent, also after deletes of ancestors', () => {
    expect(why([])).toEqual({ reason: 'absent' })
    expect(why([], [[deleted(50_000)]])).toEqual({ reason: 'absent' })
  })

  test('has expired after its expiry, and was evicted before', () => {
    expect(why([written(1, 99_999)]).reason).toBe('expired')
    expect(why([written(1, 200_000)]).reason).toBe('evicted')
    expect(why([written(1, 100_900)]).reason).toBe('expired')
  })

  test('was deleted, by itself or with an ancestor, whichever was last', () => {
    expect(why([deleted(10)]).reason).toBe('deleted')
    expect(why([written(10, 200_000)], [[], [deleted(20)]])).toMatchObject({
      reason: 'ancestor-deleted',
      depth: 1,
    })
    expect(why([written(10, 200_000)], [[deleted(30)], [deleted(20)]])).toMatchObject({ depth: 0 })
    expect(why([written(30, 200_000)], [[deleted(20)]]).reason).toBe('evicted')
  })

  test('is explained by earlier changes only', () => {
    expect(why([written(at + 5, at + 300_000), written(1, 99_000)]).reason).toBe('expired')
    expect(why([deleted(at + 5)]).reason).toBe('absent')
    expect(why([written(1, 200_000)], [[deleted(at + 5)]]).reason).toBe('evicted')
  })
})

test('a value fenced after a delete explains a miss better than the delete', () => {
  expect(why([fenced(90_000), deleted(89_000)], [], 'deleted').reason).toBe('fenced')
  expect(why([fenced(90_000)]).reason).toBe('fenced')
  expect(why([deleted(91_000), fenced(90_000)], [], 'deleted').reason).toBe('deleted')
  expect(why([fenced(90_000)], [[deleted(95_000)]]).reason).toBe('ancestor-deleted')
  expect(why([written(1, 200_000)], [], 'deleted')).toEqual({ reason: 'deleted' })
})

test('the order of changes does not matter, nor does any change after the miss', () => {
  const change = fc
    .record({
      kind: fc.constantFrom('written', 'deleted', 'fenced'),
      at: fc.integer({ min: 0, max: 2 * at }),
      life: fc.integer({ min: 0, max: 2 * at }),
    })
    .map(
      ({ kind, at, life }): KeyChange =>
        ({ kind, at, until: kind === 'written' ? at + life : at }) as KeyChange,
    )
  const history = fc.uniqueArray(change, { maxLength: 4, selector: ({ at }) => at })
  fc.assert(
    fc.property(history, fc.array(history, { maxLength: 3 }), (own, above) => {
      const known = why(own, above)
      expect(why(own.toReversed(), above)).toEqual(known)
      const earlier = (all: KeyHistory) => all.filter((one) => one.at <= at)
      expect(why(earlier(own), above.map(earlier))).toEqual(known)
    }),
  )
})

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ElapsedClock } from '../src/elapsed-clock.js'

/** Both clocks of the machine, set by hand without being replaced: as the system steps them. */
const machine = { date: 0, ticks: 0 }
const START = { date: Date.UTC(2026, 0, 1), ticks: 5_000 }

beforeEach(() => {
  Object.assign(machine, START)
  vi.spyOn(Date, 'now').mockImplementation(() => machine.date)
  vi.spyOn(performance, 'now').mockImplementation(() => machine.ticks)
})
afterEach(() => vi.restoreAllMocks())

function pass(date: number, ticks = date): void {
  machine.date += date
  machine.ticks += ticks
}

describe('The clock of elapsed time', () => {
  test('starts with the date and follows both clocks', () => {
    const clock = new ElapsedClock()
    expect(clock.now()).toBe(START.date)
    for (let step = 0; step < 1_000; step++) {
      pass(7)
      clock.now()
    }
    expect(clock.now()).toBe(START.date + 7_000)
  })

  test('does not run fast with a date in whole milliseconds, at any rate of calls', () => {
    const clock = new ElapsedClock()
    for (let step = 1; step <= 100_000; step++) {
      machine.ticks = START.ticks + step / 100
      machine.date = START.date + Math.floor(step / 100)
      clock.now()
    }
    expect(clock.now()).toBeCloseTo(START.date + 1_000, 3)
  })

  test.each([
    ['a laptop sleeps', [3_600_000, 0], 3_600_000],
    ['the date is set ahead', [86_400_000, 3], 86_400_000],
    ['the date is set back', [-86_400_000, 250], 250],
    ['only ticks advance', [0, 61_000], 61_000],
    ['both advance', [61_000, 61_000], 61_000],
    ['nothing advances', [0, 0], 0],
  ] as const)(
    'advances by the larger step when %s, and continues as before',
    (_what, [date, ticks], expected) => {
      const clock = new ElapsedClock()
      clock.now()
      pass(date, ticks)
      expect(clock.now()).toBe(START.date + expected)
      pass(1_000)
      expect(clock.now()).toBe(START.date + expected + 1_000)
      pass(50)
      expect(clock.now()).toBe(START.date + expected + 1_050)
    },
  )

  test('is never slower than the slower clock, and never runs back', () => {
    const step = fc.tuple(fc.integer({ min: -500_000, max: 500_000 }), fc.integer({ min: 0, max: 500_000 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        Object.assign(machine, START)
        const clock = new ElapsedClock()
        let last = clock.now()
        const first = last
        for (const [date, ticks] of steps) {
          pass(date, ticks)
          const now = clock.now()
          expect(now).toBeGreaterThanOrEqual(last)
          last = now
        }
        // The maximum difference of two readings that is not treated as a jump.
        expect(last - first).toBeGreaterThanOrEqual(machine.ticks - START.ticks - 100)
      }),
    )
  })

  test('starts also with a date of 0 or before', () => {
    machine.date = 0
    expect(new ElapsedClock().now()).toBe(1)
    machine.date = -5
    const clock = new ElapsedClock()
    pass(1_000)
    expect(clock.now()).toBe(1_001)
  })
})

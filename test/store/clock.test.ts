import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ServerClock } from '../../src/store/redis/clock.js'

/** A round trip: the server reads its clock `out` ms after the command left; the reply takes `back` ms. */
const trip = fc.record({
  pause: fc.integer({ min: 0, max: 5_000 }),
  out: fc.integer({ min: 0, max: 300 }),
  back: fc.integer({ min: 0, max: 300 }),
})

describe('The estimate of a server’s clock', () => {
  test('is never ahead of it, and at most the quickest recent round trip behind it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e9, max: 1e12 }),
        fc.array(trip, { minLength: 1, maxLength: 30 }),
        (difference, trips) => {
          const clock = new ServerClock()
          let now = 0
          let quickest = Number.POSITIVE_INFINITY
          for (const { pause, out, back } of trips) {
            now += pause
            const [left, came] = [now, now + out + back]
            clock.sample(Math.floor(left + out + difference), left, came)
            quickest = Math.min(quickest, back)
            now = came
            expect(clock.at(now)).toBeLessThanOrEqual(now + difference)
          }
          if (now < 10_000) expect(clock.at(now)).toBeGreaterThanOrEqual(now + difference - quickest - 1)
        },
      ),
    )
  })

  test('follows a clock that is set back, at the first reply', () => {
    const clock = new ServerClock()
    clock.sample(1_000_000, 0, 2)
    clock.sample(1_000_100, 100, 102)
    clock.sample(900_000, 200, 240)
    expect(clock.at(240)).toBeLessThanOrEqual(900_040)
  })

  test('follows a clock that is set forward', () => {
    const clock = new ServerClock()
    clock.sample(1_000_000, 0, 2)
    clock.sample(2_000_000, 200, 240)
    expect(clock.at(240)).toBe(2_000_000)
  })
})

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

  test('is not made worse by a reply that was read late, as by a process that was frozen', () => {
    const clock = new ServerClock()
    clock.sample(1_000_000, 0, 2)
    // Ten seconds in the process's own buffer, after the first sample has become old.
    clock.sample(1_020_001, 20_000, 30_001)
    expect(clock.at(30_001)).toBeLessThanOrEqual(1_030_001)
    expect(clock.at(30_001)).toBeGreaterThan(1_029_980)
    expect(clock.isRecent(30_001)).toBe(true)
  })

  test('is asked for again where all that is known came late', () => {
    const clock = new ServerClock()
    clock.sample(1_000_000, 0, 10_000)
    expect(clock.known).toBe(true)
    expect(clock.isRecent(10_000)).toBe(false)
    clock.sample(1_010_001, 10_000, 10_002)
    expect(clock.isRecent(10_002)).toBe(true)
    expect(clock.at(10_002)).toBeGreaterThan(1_009_999)
  })

  test('stays behind a clock that drifts as much as one is ever slewed', () => {
    const clock = new ServerClock()
    const serverAt = (moment: number) => 1_000_000 + moment * (1 - 0.0005)
    clock.sample(Math.floor(serverAt(0)), 0, 1)
    for (let moment = 11_000; moment < 1_000_000; moment += 11_000) {
      clock.sample(Math.floor(serverAt(moment)), moment - 5_000, moment + 5_000)
      expect(clock.at(moment + 5_000)).toBeLessThanOrEqual(serverAt(moment + 5_000))
    }
  })

  test('that was forgotten is still assumed, and is replaced by the first sample after that', () => {
    const clock = new ServerClock()
    const now = performance.now()
    clock.sample(1_000_000, now - 2, now - 1)
    const assumed = clock.at(now)
    clock.forget()
    expect([clock.known, clock.isRecent(now), clock.at(now)]).toEqual([false, false, assumed])
    const later = performance.now() + 1
    clock.sample(500, later, later + 1)
    expect(clock.known).toBe(true)
    expect(clock.at(later + 1)).toBe(500)
  })

  test('ignores a reply to what was sent before it was forgotten', () => {
    const clock = new ServerClock()
    const sentAt = performance.now()
    clock.forget()
    clock.sample(1_000_000, sentAt - 1, sentAt)
    clock.correct(1_000_000, sentAt - 1, sentAt)
    expect(clock.known).toBe(false)
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

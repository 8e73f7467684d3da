import { describe, expect, test } from 'vitest'
import { CacheNotRespondingError } from '../../src/errors.js'
import { Breaker } from '../../src/store/breaker.js'

const SILENCE = new CacheNotRespondingError('no answer in time')

/** A breaker and a clock that only moves by hand. */
function breakerAt(start: number) {
  const breaker = new Breaker()
  let now = start
  return {
    breaker,
    wait: (ms: number) => {
      now += ms
    },
    answered: (times = 1) => {
      for (let time = 0; time < times; time++) breaker.answered(now)
    },
    /** Returns whether the breaker has opened at the last one. */
    unanswered: (times = 1, sentMs = 0) => {
      let hasOpened = false
      for (let time = 0; time < times; time++) hasOpened = breaker.unanswered(SILENCE, now - sentMs, now)
      return hasOpened
    },
    close: () => breaker.close(now),
  }
}

describe('A breaker opens', () => {
  test('after three requests in a row without an answer, and reports that once', () => {
    const { breaker, unanswered } = breakerAt(7)
    expect([unanswered(), unanswered(), breaker.state]).toEqual([false, false, 'closed'])
    expect([unanswered(), breaker.state]).toEqual([true, 'open'])
    expect(unanswered()).toBe(false)
    expect(breaker.failure).toBe(SILENCE)
  })

  test('however long it takes until there are three', () => {
    const { breaker, unanswered, wait } = breakerAt(0)
    for (let time = 0; time < 2; time++) {
      unanswered()
      wait(3_600_000)
    }
    expect([unanswered(), breaker.isOpen]).toEqual([true, true])
  })

  test('not while an answer comes between them', () => {
    const { breaker, answered, unanswered } = breakerAt(0)
    for (let round = 0; round < 100; round++) {
      // More than half.
      answered(3)
      unanswered(2)
    }
    expect(breaker.state).toBe('closed')
  })

  test('where half of at least ten requests of ten seconds have no answer', () => {
    const { breaker, answered, unanswered, wait } = breakerAt(123_456)
    for (let round = 0; round < 4; round++) {
      answered()
      expect(unanswered()).toBe(false)
      wait(1_500)
    }
    answered()
    expect(unanswered()).toBe(true)
    expect(breaker.state).toBe('open')
  })

  test('not by requests of more than ten seconds ago', () => {
    const { breaker, answered, unanswered, wait } = breakerAt(123_456)
    for (let round = 0; round < 50; round++) {
      answered()
      unanswered()
      wait(2_600)
    }
    expect(breaker.state).toBe('closed')
  })

  test('not by one slow request among fast ones', () => {
    const { breaker, answered, unanswered, wait } = breakerAt(0)
    for (let round = 0; round < 1_000; round++) {
      answered(20)
      unanswered()
      wait(100)
    }
    expect(breaker.state).toBe('closed')
  })
})

describe('An open breaker', () => {
  test('is probed after growing pauses, and again from the first in the next outage', () => {
    const { breaker, close, unanswered, wait } = breakerAt(0)
    const pauses = () => Array.from({ length: 7 }, () => breaker.nextProbeMs())
    unanswered(3)
    expect(pauses()).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000])
    close()
    wait(10_000)
    unanswered(3)
    expect(breaker.nextProbeMs()).toBe(100)
  })

  test('is not closed by the answer to a request', () => {
    const { breaker, answered, unanswered } = breakerAt(0)
    unanswered(3)
    answered(100)
    expect(breaker.state).toBe('open')
  })

  test('is closed by a probe, and reports how long it was open', () => {
    const { breaker, close, unanswered, wait } = breakerAt(500)
    unanswered(3)
    wait(4_200)
    expect(close()).toBe(4_200)
    expect([breaker.state, breaker.failure]).toEqual(['closed', undefined])
  })
})

describe('A breaker that has just closed', () => {
  test('opens again at the first request without an answer', () => {
    const { breaker, answered, close, unanswered, wait } = breakerAt(0)
    unanswered(3)
    close()
    wait(4_999)
    answered(50)
    expect([unanswered(), breaker.state]).toEqual([true, 'open'])
  })

  test('takes three again after five seconds', () => {
    const { close, unanswered, wait } = breakerAt(0)
    unanswered(3)
    close()
    wait(5_000)
    expect([unanswered(), unanswered(), unanswered()]).toEqual([false, false, true])
  })

  test('ignores what was sent before it closed', () => {
    const { breaker, close, unanswered, wait } = breakerAt(10_000)
    unanswered(3)
    wait(1_000)
    close()
    wait(200)
    unanswered(50, 250)
    expect(breaker.state).toBe('closed')
  })

  test('does not count the requests of before the outage', () => {
    const { close, answered, unanswered, wait } = breakerAt(0)
    answered()
    unanswered(2)
    answered(3)
    unanswered(3)
    close()
    wait(5_001)
    answered()
    expect(unanswered()).toBe(false)
  })
})

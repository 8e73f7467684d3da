import { describe, expect, test, vi } from 'vitest'
import { shouldRefreshEarly } from '../../src/compute/early-refresh.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { random } from '../processes/random.mjs'

/** One life of a value: readers come at random (a Poisson process) until it has expired or was computed anew in time. */
interface Setting {
  /** Readers in the time that computing takes (λΔ). */
  readonly readers: number
  /** 0 for no early refresh. */
  readonly beta: number
}

const COMPUTING_MS = 100
const TTL_MS = 10_000
const EXPIRIES = 4_000

/** The share of expiries that some reader feels: no new value is there when the old one is gone. */
function shareFelt({ readers, beta }: Setting, uniform: () => number): number {
  const meanGapMs = COMPUTING_MS / readers
  let felt = 0
  for (let expiry = 0; expiry < EXPIRIES; expiry++) {
    let now = 0
    let isRenewed = false
    // Whoever begins later than this is not done in time.
    while (!isRenewed && now < TTL_MS - COMPUTING_MS) {
      now += -meanGapMs * Math.log(uniform())
      isRenewed =
        now < TTL_MS - COMPUTING_MS &&
        beta > 0 &&
        shouldRefreshEarly(TTL_MS - now, COMPUTING_MS, beta, uniform())
    }
    if (!isRenewed) felt++
  }
  return felt / EXPIRIES
}

/**
 * What the formula gives. A reader `t` before the expiry refreshes with the
 * probability e^(-t/βΔ), so that none does early enough with
 * exp(-λ ∫_Δ^∞ e^(-t/βΔ) dt) = exp(-λΔ · β · e^(-1/β)).
 */
function shareByFormula({ readers, beta }: Setting): number {
  return Math.exp(-readers * beta * Math.exp(-1 / beta))
}

describe('Early refresh, in the paper’s setting', () => {
  const pick = random('XFetch')
  const uniform = () => (pick(2 ** 31) + 1) / 2 ** 31

  test.each([1, 3, 10, 30])('with %i readers during a computation, β = 1 follows the formula', (readers) => {
    const felt = shareFelt({ readers, beta: 1 }, uniform)
    const expected = shareByFormula({ readers, beta: 1 })
    const without = shareFelt({ readers, beta: 0 }, uniform)
    console.log(
      `λΔ = ${readers}: ${(100 * without).toFixed(1)} % of expiries felt without early refresh, ` +
        `${(100 * felt).toFixed(2)} % with β = 1; by the formula ${(100 * expected).toFixed(2)} %`,
    )
    expect(without).toBe(1)
    // Four standard deviations of the simulation.
    expect(Math.abs(felt - expected)).toBeLessThan(
      4 * Math.sqrt((expected * (1 - expected)) / EXPIRIES) + 1e-3,
    )
  })

  test('is earlier with a greater β, and rarer with a smaller one', () => {
    const [half, one, two] = [0.5, 1, 2].map((beta) => shareFelt({ readers: 5, beta }, uniform))
    expect(half).toBeGreaterThan(one!)
    expect(one).toBeGreaterThan(two!)
  })

  test('is certain once a value has expired, and does not happen long before', () => {
    for (let sample = 0; sample < 1_000; sample++) {
      expect(shouldRefreshEarly(0, 100, 1, uniform())).toBe(true)
      expect(shouldRefreshEarly(100_000, 100, 1, uniform())).toBe(false)
    }
  })
})

describeOnEveryBackend('Early refresh', (open) => {
  /** So early that every reader would refresh. */
  const ALWAYS = { ttl: '1h', earlyRefresh: { beta: 1e9 } } as const

  test('computes once in the background, while all callers get the fresh value', async () => {
    const [cache, other] = [open(), open()]
    let version = 0
    const factory = vi.fn(async ({ previous }: { previous: unknown }) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return [++version, previous]
    })
    await cache.getOrSet('x', factory, ALWAYS)
    const reads = await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 ? cache : other).getOrSet('x', factory, ALWAYS)),
    )
    expect(reads).toEqual(Array(40).fill([1, undefined]))
    await vi.waitFor(async () => expect(await cache.get('x')).toEqual([2, [1, undefined]]))
    expect(factory).toHaveBeenCalledTimes(2)
    const refreshes = [cache, other].map((one) => one.processStats().totals.earlyRefreshes)
    expect(refreshes.toSorted()).toEqual([0, 1])
  })

  test('keeps the fresh value when it fails, and when it is off', async () => {
    const cache = open({ earlyRefresh: { beta: 1e9 } })
    await cache.getOrSet('y', () => new Promise((resolve) => setTimeout(resolve, 5, 'first')))
    const failing = vi.fn(() => Promise.reject(new Error('down')))
    expect(await cache.getOrSet('y', failing)).toBe('first')
    await vi.waitFor(() => expect(cache.processStats().totals.failedComputations).toBe(1))
    expect(await cache.getOrSet('y', failing)).toBe('first')
    expect(await cache.getOrSet('y', failing, { earlyRefresh: false })).toBe('first')
    expect(failing).toHaveBeenCalledOnce()
  })

  test('keeps the fresh value when a failure would be cached', async () => {
    const cache = open({ earlyRefresh: { beta: 1e9 } })
    await cache.getOrSet('y', () => new Promise((resolve) => setTimeout(resolve, 5, 'first')))
    expect(await cache.getOrSet('y', () => Promise.reject(new Error('down')), { errorTtl: '1h' })).toBe(
      'first',
    )
    await vi.waitFor(() => expect(cache.processStats().totals.failedComputations).toBe(1))
    expect(await cache.get('y')).toBe('first')
  })

  test('applies to computed values only, since a set value has no computing time', async () => {
    const cache = open()
    await cache.set('z', 'set')
    const factory = vi.fn(() => 'computed')
    expect(await cache.getOrSet('z', factory, ALWAYS)).toBe('set')
    expect(cache.processStats().totals.computations).toBe(0)
    expect(factory).not.toHaveBeenCalled()
  })
})

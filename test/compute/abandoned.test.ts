import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { CallLimits } from '../../src/compute/call-limits.js'
import { Computation } from '../../src/compute/computation.js'
import { Flight, Flights } from '../../src/compute/flight.js'
import { HeldLease } from '../../src/compute/held-lease.js'
import { ComputeTimeoutError } from '../../src/errors.js'
import { Waiters } from '../../src/store/waiters.js'
import { describeOnEveryBackend, type OpenCache } from '../helpers/backends.js'
import { collectGarbage } from '../helpers/memory.js'
import { becomesStale } from '../helpers/stale.js'

const MANY = 1_000
const SOON = { timeout: 20_000, interval: 10 }
const BRIEF = { waitTimeout: 40, leaseTime: 40 } as const

/** The objects of a computation; a mock that records its calls would retain them all. */
const made = new Map<string, WeakRef<object>[]>()
const undo: (() => void)[] = []

function follow(
  prototype: object,
  method: string,
  name: string,
  what: (self: object, args: object[]) => object,
): void {
  const target = prototype as Record<string, (...args: object[]) => unknown>
  const original = target[method]!
  made.set(name, [])
  target[method] = function (this: object, ...args) {
    made.get(name)?.push(new WeakRef(what(this, args)))
    return original.apply(this, args)
  }
  undo.push(() => {
    target[method] = original
  })
}

const alive = (name: string) => made.get(name)!.filter((one) => one.deref() !== undefined).length

async function collected(): Promise<void> {
  // A WeakRef keeps its target until the end of its tick.
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    collectGarbage()
  }
}

beforeEach(() => {
  made.clear()
  follow(Flights.prototype, 'add', 'flight', (_, [flight]) => flight!)
  follow(Waiters.prototype, 'add', 'wake', (_, [, wake]) => wake!)
  follow(Computation.prototype, 'run', 'computation', (self) => self)
  follow(CallLimits.prototype, 'want', 'limits', (self) => self)
  follow(Flight.prototype, 'asks', 'asking', (self) => self)
  follow(HeldLease.prototype, 'release', 'lease', (self) => self)
})
afterEach(() => {
  for (const restore of undo.splice(0)) restore()
})

/** Factories that never end, with something of the caller's around each. */
const hang = async (cache: KeyedCache, each: (index: number, hung: () => Promise<never>) => void) => {
  let begun = 0
  const signals: WeakRef<AbortSignal>[] = []
  for (let index = 0; index < MANY; index++) {
    const around = { big: new Array(100).fill(index) }
    made.get('around')?.push(new WeakRef(around))
    each(index, (context?: { signal: AbortSignal }) => {
      begun += around.big.length / 100
      if (context?.signal) signals.push(new WeakRef(context.signal))
      return new Promise<never>(() => {})
    })
  }
  await vi.waitFor(() => expect(begun).toBe(MANY), { timeout: 20_000 })
  await vi.waitFor(() => expect(cache.processStats().totals.misses).toBeGreaterThanOrEqual(MANY))
}

const WAYS: Record<string, (cache: KeyedCache, signal: AbortSignal) => Promise<void>> = {
  getOrSet: (cache) =>
    hang(cache, (index, hung) => {
      void cache.getOrSet(['hung', index], hung, BRIEF)
    }),
  'getOrSet with a signal that outlives it': (cache, signal) =>
    hang(cache, (index, hung) => {
      void cache.getOrSet(['hung', index], hung, { ...BRIEF, signal })
    }),
  'getOrSet with a hard timeout': (cache) =>
    hang(cache, (index, hung) => {
      cache.getOrSet(['hung', index], hung, { ...BRIEF, hardTimeout: '6s' }).catch(() => {})
    }),
  'a cached function': (cache) => {
    const run = cache.cached((call: { index: number; hung(): Promise<never> }) => call.hung(), {
      ...BRIEF,
      name: 'hung',
      keyOf: ({ index }) => [index],
    })
    return hang(cache, (index, hung) => void run({ index, hung }))
  },
  getOrSetMany: (cache) =>
    hang(cache, (index, hung) => {
      void cache.getOrSetMany([['hung', index]], hung, BRIEF)
    }),
  'getOrSet in a job': (cache) =>
    hang(cache, (index, hung) => {
      void cache.withRequestMemory((own) => own.getOrSet(['hung', index], hung, BRIEF))
    }),
}

describeOnEveryBackend('A factory that never ends', (open) => {
  for (const [way, run] of Object.entries(WAYS)) {
    test(`leaks nothing once no caller waits for it: ${way}`, { timeout: 60_000 }, async () => {
      made.set('around', [])
      const cache = openQuietly(open)
      const { signal } = new AbortController()
      await run(cache, signal)
      expect(made.get('flight')!.length).toBe(MANY)
      await vi.waitFor(async () => {
        await collected()
        // A few may be retained by the stack, or by recent machine code.
        for (const name of made.keys()) {
          // A call that waits can still be ended by its caller's signal, which keeps its limits and nothing else.
          if (name === 'limits' && way.includes('signal')) continue
          expect([name, alive(name) <= 2]).toEqual([name, true])
        }
      }, 40_000)
      expect(signal.aborted).toBe(false)
      // The keys are free.
      expect(await cache.getOrSet(['hung', 0], () => 'free')).toBe('free')
    })
  }

  test('keeps no flight while its own work goes on', async () => {
    const cache = openQuietly(open)
    const timers: NodeJS.Timeout[] = []
    for (let index = 0; index < 50; index++) {
      void cache.getOrSet(
        ['hung', index],
        () => {
          timers.push(setInterval(() => {}, 60_000))
          return new Promise(() => {})
        },
        BRIEF,
      )
      void cache.getOrSetMany(
        [['many', index]],
        () => {
          timers.push(setInterval(() => {}, 60_000))
          return new Promise<never>(() => {})
        },
        BRIEF,
      )
    }
    await vi.waitFor(() => expect(timers).toHaveLength(100))
    await vi.waitFor(async () => {
      await collected()
      for (const name of ['flight', 'wake', 'limits', 'lease']) expect([name, alive(name)]).toEqual([name, 0])
    }, 15_000)
    for (const timer of timers) clearInterval(timer)
  })

  test('in the background leaves room for other refreshes', async () => {
    const cache = openQuietly(open)
    const options = { ...BRIEF, ttl: '20ms', grace: '1h' } as const
    const keys = Array.from({ length: 100 }, (_, index) => `bg::${index}`)
    for (const key of keys) await cache.set(key, 'old', { ttl: '20ms', grace: '1h' })
    for (const key of keys) await becomesStale(cache, key)
    const hung = vi.fn(() => new Promise<never>(() => {}))
    await vi.waitFor(async () => {
      for (const key of keys) expect(await cache.getOrSet(key, hung, options)).toBe('old')
      // 32 at once.
      expect(hung.mock.calls.length).toBeGreaterThan(64)
    }, SOON)
  })

  test('is notified by its signal, with the reason', async () => {
    const cache = openQuietly(open)
    let seen: AbortSignal | undefined
    void cache.getOrSet(
      'told',
      ({ signal }) => {
        seen = signal
        return new Promise(() => {})
      },
      BRIEF,
    )
    await vi.waitFor(() => expect(seen?.aborted).toBe(true))
    expect(seen?.reason).toBeInstanceOf(ComputeTimeoutError)
    expect(seen?.reason).toMatchObject({ key: 'told', code: 'ERR_KEYEDCACHE_COMPUTE_TIMEOUT' })
  })

  test('that returns late still reaches its caller, and its value is not stored, with one warning', async () => {
    const warnings: string[] = []
    const cache = open({ logger: { warn: (message) => void warnings.push(message) } })
    const late = (key: string) => {
      let end: ((value: string) => void) | undefined
      const computing = cache.getOrSet(key, () => new Promise<string>((resolve) => (end = resolve)), BRIEF)
      return { computing, hasBegun: () => end !== undefined, end: () => end?.(key) }
    }
    const calls = ['late::1', 'late::2', 'other'].map(late)
    await vi.waitFor(() => expect(calls.every(({ hasBegun }) => hasBegun())).toBe(true), SOON)
    await new Promise((resolve) => setTimeout(resolve, 200))
    for (const { end } of calls) end()
    expect(await Promise.all(calls.map(({ computing }) => computing))).toEqual([
      'late::1',
      'late::2',
      'other',
    ])
    expect(await cache.getMany(['late::1', 'late::2', 'other'])).toEqual([undefined, undefined, undefined])
    expect(warnings).toEqual([
      expect.stringMatching(/"late" was not stored: computing took .*waitTimeout of 40 ms/),
      expect.stringContaining('"other" was not stored'),
    ])
  })
})

function openQuietly(open: OpenCache): KeyedCache {
  return open({ logger: { warn() {} } })
}

describe('The context of a factory that never ends', () => {
  test('is collected with the work that runs in it, on which these tests depend', async () => {
    const storage = new AsyncLocalStorage<object>()
    const refs: WeakRef<object>[] = []
    for (let index = 0; index < 100; index++) {
      const store = { index }
      refs.push(new WeakRef(store))
      void storage.run(store, async () => new Promise(() => {}))
    }
    await collected()
    expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(2)
  })
})

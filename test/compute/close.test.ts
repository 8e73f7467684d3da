import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { Wait } from '../../src/compute/wait.js'
import { createCache } from '../../src/create-cache.js'
import { CacheClosedError } from '../../src/errors.js'
import type { CacheOptions } from '../../src/options.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

const SOON = { timeout: 10_000, interval: 5 }

/** Resolves when `count` callers wait for another process. */
async function informed(waiting: { mock: { contexts: unknown[]; calls: unknown[][] } }, count: number) {
  await vi.waitFor(() => {
    const they = waiting.mock.contexts.filter((_, call) => waiting.mock.calls[call]![0])
    expect(new Set(they).size).toBe(count)
  }, SOON)
}

describe('Closing a cache with computations, on Redis', () => {
  let server: RedisServer
  let prefixes = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  const pair = (options: CacheOptions = {}): [KeyedCache, KeyedCache] => {
    const keyPrefix = `closing:${++prefixes}`
    const open = () => createCache({ redis: server.url, keyPrefix, timeouts: { store: '2s' }, ...options })
    return [open(), open()]
  }

  test('releases all leases at once, so that waiters in other processes compute', async () => {
    const [closing, other] = pair()
    const keys = Array.from({ length: 200 }, (_, index) => `many::${index}`)
    const gates = keys.map(() => new Gate())
    const own = keys.map((key, index) =>
      closing.getOrSet(key, async () => {
        await gates[index]!.pass()
        return 'old'
      }),
    )
    for (const gate of gates) await gate.reached()
    const waiting = vi.spyOn(Wait.prototype, 'forEvent')
    const asked = keys.map((key) => other.getOrSet(key, () => 'new'))
    await informed(waiting, 200)
    waiting.mockRestore()
    const began = performance.now()
    const closed = closing.close()
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['new']))
    const took = performance.now() - began
    console.log(`200 leases were taken over ${took.toFixed(0)} ms after close() was called`)
    // By itself it would have taken over after five seconds.
    expect(took).toBeLessThan(4_000)
    await closed
    for (const gate of gates) gate.open()
    expect(new Set(await Promise.all(own))).toEqual(new Set(['old']))
    expect(new Set(await other.getMany(keys))).toEqual(new Set(['new']))
    expect(other.processStats().totals.takeovers).toBe(0)
    await other.close()
  })

  test('rejects waiters for another process at once, with ClosedError', async () => {
    const [closing, other] = pair()
    const gate = new Gate()
    const computing = other.getOrSet('k', () => gate.pass().then(() => 'there'))
    await gate.reached()
    const waiting = vi.spyOn(Wait.prototype, 'forEvent')
    const asked = [1, 2, 3].map(() => closing.getOrSet('k', () => 'here'))
    await informed(waiting, 1)
    waiting.mockRestore()
    const outcomes = Promise.allSettled(asked)
    await closing.close()
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({
        reason: { name: 'CacheClosedError', code: 'ERR_KEYEDCACHE_CLOSED', key: 'k' },
      })
    }
    gate.open()
    expect(await computing).toBe('there')
    expect(await other.get('k')).toBe('there')
    await other.close()
  })

  test('releases a lease that it is about to acquire', async () => {
    const [closing, other] = pair()
    await Promise.all([closing.check(), other.check()])
    const keys = Array.from({ length: 50 }, (_, index) => `k::${index}`)
    const gate = new Gate()
    const settled = Promise.allSettled(keys.map((key) => closing.getOrSet(key, () => gate.pass())))
    // Somewhere on their way: to read, or to ask for their leases.
    await new Promise(setImmediate)
    await closing.close()
    await Promise.all(keys.map((key) => other.getOrSet(key, () => 'free')))
    // Had it waited for a lease to lapse, it would have taken it over.
    expect(other.processStats().totals).toMatchObject({ takeovers: 0 })
    await other.close()
    gate.open()
    await settled
  })

  test('rejects callers that wait for their turn, and starts no computation for them', async () => {
    const [closing] = pair({ timeouts: { store: '20s' } })
    await closing.check()
    const gate = new Gate()
    let began = 0
    let isClosed = false
    let beganLate = 0
    const asked = Array.from({ length: 1_000 }, (_, id) =>
      closing.getOrSet(['k', id], async () => {
        began++
        if (isClosed) beganLate++
        return gate.pass()
      }),
    )
    const settled = Promise.allSettled(asked)
    await vi.waitFor(() => expect(began).toBeGreaterThan(0), SOON)
    isClosed = true
    const closed = closing.close()
    await vi.waitFor(() => expect(closing.processStats().totals.misses).toBeGreaterThanOrEqual(began), SOON)
    gate.open()
    await closed
    const outcomes = await settled
    const rejected = outcomes.filter(({ status }) => status === 'rejected')
    expect(beganLate).toBe(0)
    expect(outcomes.length - rejected.length).toBe(began)
    for (const outcome of rejected)
      expect(outcome).toMatchObject({ reason: { code: 'ERR_KEYEDCACHE_CLOSED' } })
  })

  test('takes no longer than the store timeout when the store does not respond', async () => {
    const own = await startRedis()
    const cache = createCache({ redis: own.url, keyPrefix: 'frozen', logger: { warn() {} } })
    const gate = new Gate()
    const computing = cache.getOrSet('k', () => gate.pass().then(() => 'value'))
    await gate.reached()
    own.freeze()
    const began = performance.now()
    await cache.close()
    expect(performance.now() - began).toBeLessThan(4_000)
    gate.open()
    expect(await computing).toBe('value')
    await own.stop()
  })
})

describeOnEveryBackend('A cache that is closed', (open) => {
  test('returns the value of a factory that ends soon, and rejects otherwise', async () => {
    const cache = open({ logger: { warn() {} } })
    const gate = new Gate()
    const signals: AbortSignal[] = []
    const late = cache.getOrSet('late', async ({ signal }) => {
      signals.push(signal)
      await gate.pass()
      return 'late'
    })
    await gate.reached()
    const joined = cache.getOrSet('late', () => 'not this')
    const never = cache.getOrSet('never', ({ signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    })
    never.catch(() => {})
    await vi.waitFor(() => expect(signals).toHaveLength(2))
    await vi.waitFor(() => expect(cache.processStats().totals.waits).toBe(1))
    const began = performance.now()
    await cache.close()
    expect(performance.now() - began).toBeLessThan(3_000)
    for (const { reason } of signals) expect(reason).toBeInstanceOf(CacheClosedError)
    gate.open()
    expect(await Promise.all([late, joined])).toEqual(['late', 'late'])
    await expect(never).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_CLOSED', key: 'never' })
  })

  test('stores the results of refreshes, and aborts other computations', async () => {
    const cache = open()
    const options = { grace: '1h', ttl: '20ms' } as const
    await cache.set('s', 'old', options)
    await becomesStale(cache, 's')
    const refreshing = new Gate()
    const refresh = vi.fn(async ({ signal }: { signal: AbortSignal }) => {
      await refreshing.pass()
      return signal.aborted ? 'aborted' : 'new'
    })
    expect(await cache.getOrSet('s', refresh as never, options)).toBe('old')
    await refreshing.reached()
    let seen: AbortSignal | undefined
    const other = cache.getOrSet('other', ({ signal }) => {
      seen = signal
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    other.catch(() => {})
    await vi.waitFor(() => expect(seen).toBeDefined())
    const closed = cache.close()
    await expect(other).rejects.toThrow(CacheClosedError)
    refreshing.open()
    await closed
    expect(await refresh.mock.results[0]?.value).toBe('new')
    expect(cache.processStats().totals).toMatchObject({ fencedCommits: 0, computations: 2 })
  })

  test('behaves as with a failed store: nothing hangs', async () => {
    const cache = open({ logger: { warn() {} } })
    await cache.set('k', 'value')
    await cache.close()
    await cache.close()
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 'computed')).toBe('computed')
    expect(await cache.getOrSetMany(['k', 'l'], (keys) => keys.map(() => 1))).toEqual([1, 1])
    expect(await cache.cached(async () => 2, { name: 'two' })()).toBe(2)
    await expect(cache.check()).rejects.toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' })
    const { computations } = cache.processStats().totals
    expect(computations).toBe(4)
  })
})

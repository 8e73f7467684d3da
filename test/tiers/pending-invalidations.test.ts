import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { PendingInvalidations } from '../../src/tiers/pending-invalidations.js'
import { Gate } from '../compute/gate.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const warnings: string[] = []
const logger = { warn: (message: string) => void warnings.push(message) }
beforeEach(() => {
  warnings.length = 0
})

describe('An invalidation that fails while Redis is frozen', () => {
  let server: RedisServer
  let cache: KeyedCache
  let other: KeyedCache
  beforeEach(async () => {
    server = await startRedis()
    cache = createCache({ redis: server.url, keyPrefix: 'pending', logger, timeouts: { store: '100ms' } })
    other = createCache({ redis: server.url, keyPrefix: 'pending', logger, timeouts: { store: '5s' } })
    for (const key of ['a', 'a::b', 'a::c', 'z']) await other.set(key, 'old')
    // Connecting counts for the first deadline: on a busy machine a short one may need a second try.
    await vi.waitFor(() => cache.check(), { timeout: 5_000, interval: 20 })
  })
  afterEach(async () => {
    server.thaw()
    await Promise.all([cache.close(), other.close()])
    await server.stop()
  })

  const WAYS: Record<string, [(cache: KeyedCache) => Promise<unknown>, gone: string[], left: string[]]> = {
    delete: [(cache) => cache.delete('a::b'), ['a::b'], ['a', 'a::c', 'z']],
    'delete with children': [(cache) => cache.delete('a', { children: true }), ['a', 'a::b', 'a::c'], ['z']],
    'expire, as a delete': [(cache) => cache.expire('a::b'), ['a::b'], ['a', 'a::c', 'z']],
    'expire with children, as a delete': [
      (cache) => cache.expire('a', { children: true }),
      ['a', 'a::b', 'a::c'],
      ['z'],
    ],
    clear: [(cache) => cache.clear(), ['a', 'a::b', 'a::c', 'z'], []],
    set: [(cache) => cache.set('a::b', 'new'), ['a::b'], ['a', 'a::c', 'z']],
  }
  test.each(Object.entries(WAYS))(
    '%s: takes effect in this process at once, and in all processes once Redis is back',
    async (_, [way, gone, left]) => {
      server.freeze()
      expect(await way(cache)).toBe(false)
      server.thaw()
      for (const key of gone) {
        expect(await cache.get(key), key).toBeUndefined()
        expect(await cache.has(key), key).toBe(false)
      }
      await vi.waitFor(async () => {
        for (const key of gone) expect(await other.get(key), key).toBeUndefined()
      }, 5_000)
      for (const key of left) expect(await other.get(key), key).toBe('old')
      await vi.waitFor(
        () => expect(warnings.at(-1)).toMatch(/the store is back; 1 pending invalidation was repeated/),
        5_000,
      )
      for (const key of gone) {
        expect(await cache.set(key, 'newer')).toBe(true)
        expect(await cache.get(key)).toBe('newer')
        expect(await cache.getOrSet(key, () => 'x')).toBe('newer')
      }
    },
  )

  test.each([
    ['also if this process does nothing more', async () => {}],
    ['while this process reads', (own: KeyedCache) => own.get('z').then(() => {})],
  ])('is in force everywhere soon after a long freeze, %s', async (_, meanwhile) => {
    server.freeze()
    expect(await cache.delete('a', { children: true })).toBe(false)
    const until = performance.now() + 4_500
    while (performance.now() < until) {
      await meanwhile(cache)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    server.thaw()
    const back = performance.now()
    await vi.waitFor(
      async () => {
        await meanwhile(cache)
        expect(await other.get('a::b')).toBeUndefined()
      },
      { timeout: 10_000, interval: 5 },
    )
    expect(performance.now() - back).toBeLessThan(1_500)
    expect(await other.get('z')).toBe('old')
  })

  test('is repeated when the cache is closed before that', async () => {
    server.freeze()
    await cache.delete('a', { children: true })
    server.thaw()
    await cache.close()
    expect(await other.get('a::b')).toBeUndefined()
    expect((await other.inspect('a::b')).why).toContain('Deleted with everything under a')
  })
})

/** A store of which one can say when its invalidations fail, and without having been carried out. */
function unreliable() {
  const memory = new MemoryStore()
  const state = {
    isDown: false,
    poisoned: undefined as string | undefined,
    removed: [] as string[],
    /** How often something was to be removed. */
    attempts: 0,
  }
  const store = wrapStore(memory, async (operation, proceed, args) => {
    const [key, options] = args as Parameters<Store['remove']>
    const isRemoval = operation === 'remove' || operation === 'clear'
    if (isRemoval) state.attempts++
    const isPoisoned = operation === 'remove' && key.text === state.poisoned
    if ((state.isDown && (isRemoval || operation === 'write')) || isPoisoned) {
      throw new CacheNotRespondingError('down')
    }
    if (operation === 'clear') state.removed.push('everything')
    if (operation === 'remove') state.removed.push(`${key.text}${options.children ? ' and below' : ''}`)
    return await proceed()
  })
  return { store, state }
}

describe('The replay of a failed invalidation', () => {
  test('starts after its own deadline, not after that of an earlier one', async () => {
    const { store, state } = unreliable()
    const cache = createCache({ store, logger, timeouts: { store: '300ms' } })
    const failedAt = async (key: string) => {
      expect(await cache.delete(key)).toBe(false)
      return performance.now()
    }
    state.isDown = true
    await failedAt('first')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const second = await failedAt('second')
    state.isDown = false
    await vi.waitFor(() => expect(state.removed).toContain('second'), { timeout: 5_000, interval: 1 })
    expect(performance.now() - second).toBeGreaterThan(295)
    expect(state.removed).toEqual(['first', 'second'])
    await cache.close()
  })

  test('waits for no other, so that one that always fails blocks none', async () => {
    const { store, state } = unreliable()
    const cache = createCache({ store, logger, timeouts: { store: '20ms' } })
    state.isDown = true
    await cache.delete('never')
    await cache.delete('good')
    state.poisoned = 'never'
    state.isDown = false
    await vi.waitFor(() => expect(state.removed).toEqual(['good']), 3_000)
    state.poisoned = undefined
    await cache.close()
    expect(state.removed).toEqual(['good', 'never'])
  })
})

describe('After a long outage, what is pending is repeated', () => {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

  /** A cache with these deletes pending, which have been repeated in vain for a while. */
  async function outage(keys: readonly string[], ms: number) {
    const { store, state } = unreliable()
    const cache = createCache({ store, logger, timeouts: { store: '50ms' } })
    state.isDown = true
    for (const key of keys) await cache.delete(key)
    await pause(ms)
    return { cache, state }
  }

  test('soon, also if nothing else uses the store', async () => {
    const { cache, state } = await outage(['a', 'b'], 3_300)
    state.isDown = false
    const back = performance.now()
    await vi.waitFor(() => expect(cache.pendingInvalidations).toBe(0), { timeout: 10_000, interval: 1 })
    // A pause that has doubled since the failure would be twice as long.
    expect(performance.now() - back).toBeLessThan(1_500)
    await cache.close()
  })

  const ANSWERS: Record<string, (cache: KeyedCache) => Promise<unknown>> = {
    get: (cache) => cache.get('other'),
    has: (cache) => cache.has('other'),
    getOrSet: (cache) => cache.getOrSet('other', () => 1),
    set: (cache) => cache.set('other', 1),
    delete: (cache) => cache.delete('other'),
    check: (cache) => cache.check(),
  }
  test.each(Object.entries(ANSWERS))('at once when the store answers: %s', async (_, operation) => {
    const { cache, state } = await outage(['a', 'b', 'c'], 800)
    const attempts = state.attempts
    await vi.waitFor(() => expect(state.attempts).toBeGreaterThan(attempts), {
      timeout: 10_000,
      interval: 1,
    })
    // From an attempt on, until its deadline has passed, and long before the next one.
    await pause(70)
    state.isDown = false
    await operation(cache)
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    expect(cache.pendingInvalidations).toBe(0)
    expect(state.removed.filter((key) => key !== 'other').sort()).toEqual(['a', 'b', 'c'])
    await cache.close()
  })

  test('by one attempt at a time while it lasts', async () => {
    const keys = Array.from({ length: 50 }, (_, n) => `k${n}`)
    const { cache, state } = await outage(keys, 1_600)
    // The deletes themselves, each once again, and then one after the other.
    expect(state.attempts - 100).toBeLessThan(10)
    state.isDown = false
    await cache.close()
    expect(state.removed).toHaveLength(50)
  })
})

describe('replayNow()', () => {
  const ORIGIN = { process: 'test:1' }

  test('repeats at once what is due, and the rest when its deadline has passed', async () => {
    const { store, state } = unreliable()
    const pending = new PendingInvalidations(store, 200, logger)
    pending.add(CacheKey.from('early'), false, ORIGIN)
    await new Promise((resolve) => setTimeout(resolve, 100))
    pending.add(CacheKey.from('late'), false, ORIGIN)
    const failedAt = performance.now()
    pending.replayNow()
    await new Promise(setImmediate)
    expect(state.removed).toEqual([])
    await vi.waitFor(() => expect(pending.size).toBe(0), { timeout: 10_000, interval: 1 })
    expect(state.removed).toEqual(['early', 'late'])
    expect(performance.now() - failedAt).toBeGreaterThan(195)
  })

  test('does not wait for a repetition that is under way', async () => {
    const { store, state } = unreliable()
    const hanging = new Gate()
    let isFirst = true
    const remove: Store['remove'] = async (...args) => {
      if (isFirst) {
        isFirst = false
        await hanging.pass()
      }
      return store.remove(...args)
    }
    const pending = new PendingInvalidations({ ...store, remove }, 20, logger)
    pending.add(CacheKey.from('hanging'), false, ORIGIN)
    await hanging.reached()
    pending.add(CacheKey.from('next'), false, ORIGIN)
    await new Promise((resolve) => setTimeout(resolve, 30))
    pending.replayNow()
    await vi.waitFor(() => expect(state.removed).toEqual(['next']), { timeout: 10_000, interval: 1 })
    hanging.open()
    await vi.waitFor(() => expect(pending.size).toBe(0), { timeout: 10_000, interval: 1 })
  })

  test('repeats nothing once the cache is closed', async () => {
    const { store, state } = unreliable()
    const pending = new PendingInvalidations(store, 20, logger)
    state.isDown = true
    pending.add(CacheKey.from('a'), false, ORIGIN)
    await pending.close()
    state.isDown = false
    pending.replayNow()
    await new Promise(setImmediate)
    expect(state.removed).toEqual([])
  })
})

describe('Failed invalidations', () => {
  test('take effect in this process: reads miss, listings omit, computations are new', async () => {
    const { store, state } = unreliable()
    const cache = createCache({ store, logger })
    await cache.set('a::b', 'old')
    state.isDown = true
    expect(await cache.delete('a', { children: true })).toBe(false)
    expect(await cache.get('a::b')).toBeUndefined()
    expect(cache.processStats().totals.missesBy).toMatchObject({ 'pending-invalidation': 1 })
    expect(await cache.inspect('a::b')).toMatchObject({ state: 'missing', reason: 'pending-invalidation' })
    const keys: string[] = []
    for await (const key of cache.keys()) keys.push(key.text)
    expect(keys).toEqual([])
    expect(await cache.getOrSet('a::b', ({ hasPrevious }) => `computed, previous: ${hasPrevious}`)).toBe(
      'computed, previous: false',
    )
    // Nobody knows in which order the store will have seen the two: so this is not cached either.
    expect(await cache.get('a::b')).toBeUndefined()
    state.isDown = false
    await vi.waitFor(() => expect(state.removed).toEqual(['a and below']), 3_000)
    expect(await cache.getOrSet('a::b', () => 'again')).toBe('again')
    expect(await cache.get('a::b')).toBe('again')
    await cache.close()
  })

  test.each([
    ['a delete', (cache: KeyedCache) => cache.delete('a::b')],
    ['an expire', (cache: KeyedCache) => cache.expire('a::b')],
    ['an expire with children', (cache: KeyedCache) => cache.expire('a', { children: true })],
  ] as const)('doom computations that started while they were in progress: %s', async (_, invalidate) => {
    const { store } = unreliable()
    const [failing, computing] = [new Gate(), new Gate()]
    const fail = async () => {
      await failing.pass()
      throw new CacheNotRespondingError('down')
    }
    const cache = createCache({ store: Object.assign(store, { remove: fail, expire: fail }), logger })
    const invalidating = invalidate(cache)
    await failing.reached()
    const first = cache.getOrSet('a::b', async () => {
      await computing.pass()
      return 'old'
    })
    await computing.reached()
    failing.open()
    expect(await invalidating).toBe(false)
    expect(await cache.getOrSet('a::b', () => 'new')).toBe('new')
    computing.open()
    expect(await first).toBe('old')
    expect(await cache.get('a::b')).toBeUndefined()
  })

  test('are pending also when they are thrown with throwOnStoreError', async () => {
    const { store, state } = unreliable()
    const cache = createCache({ store, logger, throwOnStoreError: true })
    await cache.set('a', 'old')
    state.isDown = true
    await expect(cache.delete('a')).rejects.toThrow(CacheNotRespondingError)
    state.isDown = false
    await vi.waitFor(() => expect(state.removed).toEqual(['a']), 3_000)
    await cache.close()
  })

  test('are bounded: many become whole families, and very many a clear', async () => {
    const { store, state } = unreliable()
    const cache = createCache({ store, logger })
    await cache.set('kept', 1)
    await cache.set('family::7', 1)
    state.isDown = true
    for (let n = 0; n <= 1_000; n++) await cache.delete(['family', n])
    expect(await cache.get('family::5000')).toBeUndefined()
    expect(await cache.get('kept')).toBe(1)
    await cache.delete('one-more')
    state.isDown = false
    await vi.waitFor(() => expect(state.removed).toEqual(['family and below', 'one-more']), 3_000)
    expect(await cache.get('kept')).toBe(1)

    state.isDown = true
    for (let n = 0; n <= 1_000; n++) await cache.delete([`family ${n}`])
    expect(await cache.get('kept')).toBeUndefined()
    state.isDown = false
    await vi.waitFor(() => expect(state.removed).toContain('everything'), 3_000)
    expect(await cache.get('kept')).toBeUndefined()
    await cache.close()
  })
})

describe('An invalidation for what the server has refused with an error', () => {
  test.each(['write', 'remove'] as const)(
    'of a %s is made at once: nothing can take effect later',
    async (operation) => {
      const memory = new MemoryStore()
      let isRefused = false
      const store = wrapStore(memory, async (name, proceed) => {
        if (name !== operation || !isRefused) return await proceed()
        isRefused = false
        const cause = Object.assign(new Error('OOM command not allowed'), { name: 'ReplyError' })
        throw new CacheNotRespondingError('refused', { cause })
      })
      const own = createCache({ store, logger, timeouts: { store: '1h' } })
      await own.set('other', 1)
      isRefused = operation === 'write'
      await own.set('a', 1)
      isRefused = operation === 'remove'
      await own.delete('a')
      await vi.waitFor(() => expect(own.pendingInvalidations).toBe(0), { timeout: 20_000 })
      expect(await own.get('a')).toBeUndefined()
      await own.close()
    },
  )
})

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
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
  const state = { isDown: false, poisoned: undefined as string | undefined, removed: [] as string[] }
  const store = wrapStore(memory, async (operation, proceed, args) => {
    const [key, options] = args as Parameters<Store['remove']>
    const isRemoval = operation === 'remove' || operation === 'clear'
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

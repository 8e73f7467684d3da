import { expect, expectTypeOf, test, vi } from 'vitest'
import { ConfigurationError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

describeOnEveryBackend('getOrSetMany', (open) => {
  test('computes all missing values at once, and returns them in the order of the keys', async () => {
    const cache = open()
    await cache.set(['product', 2], 'two')
    const factory = vi.fn(async (missing: readonly (readonly [string, number])[]) =>
      missing.map(([, id]) => `product ${id}`),
    )
    const keys = [1, 2, 3, 1].map((id) => ['product', id] as const)
    const values = await cache.getOrSetMany(keys, factory)
    expectTypeOf(values).toEqualTypeOf<string[]>()
    expect(values).toEqual(['product 1', 'two', 'product 3', 'product 1'])
    expect(factory).toHaveBeenCalledOnce()
    expect(factory.mock.calls[0]?.[0]).toEqual([
      ['product', 1],
      ['product', 3],
    ])
    expect(await cache.getOrSetMany(keys, factory)).toEqual(values)
    expect(factory).toHaveBeenCalledOnce()
    expect(await cache.getOrSetMany([], factory)).toEqual([])
  })

  test('returns a copy for each position, also when a key is given twice', async () => {
    const cache = open()
    const make = () => ({ list: [1], at: new Date(0) })
    for (let round = 0; round < 2; round++) {
      const [first, again, third] = await cache.getOrSetMany(['a', 'a', 'a'], () => [make()])
      first?.list.push(2)
      again?.at.setTime(1)
      expect(third).toEqual(make())
      expect(new Set([first, again, third]).size).toBe(3)
    }
    const unstorable = { run() {} }
    const [one, other] = await cache.getOrSetMany(['b', 'b'], () => [unstorable])
    expect([one, other]).toEqual([unstorable, unstorable])
  })

  test('computes the keys that it holds before it waits, so that overlapping batches never wait for each other', async () => {
    const [cache, other] = [open(), open()]
    const gates = { a: new Gate(), b: new Gate() }
    // Each holds one key before the two ask for each other's.
    const one = cache.getOrSet('m::a', async () => {
      await gates.a.pass()
      return 'a of one'
    })
    const two = other.getOrSet('m::b', async () => {
      await gates.b.pass()
      return 'b of two'
    })
    await Promise.all([gates.a.reached(), gates.b.reached()])
    const factoryOf = (name: string) =>
      vi.fn(async (keys: readonly string[]) => keys.map((key) => `${key} of ${name}`))
    const factories = [factoryOf('first'), factoryOf('second')] as const
    const batches = [
      cache.getOrSetMany(['m::a', 'm::b', 'm::c'], factories[0]),
      other.getOrSetMany(['m::b', 'm::a', 'm::d'], factories[1]),
    ]
    // Both wait for the other, and have computed their own keys.
    await vi.waitFor(() => {
      expect(factories[0]).toHaveBeenCalledWith(['m::c'], expect.anything())
      expect(factories[1]).toHaveBeenCalledWith(['m::d'], expect.anything())
    })
    gates.a.open()
    gates.b.open()
    expect(await Promise.all(batches)).toEqual([
      ['a of one', 'b of two', 'm::c of first'],
      ['b of two', 'a of one', 'm::d of second'],
    ])
    await Promise.all([one, two])
  })

  test('never deadlocks two processes with the same keys in different orders', async () => {
    const [cache, other] = [open(), open()]
    const factory = vi.fn(async (keys: readonly string[]) => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      return keys.map((key) => key.toUpperCase())
    })
    const keys = Array.from({ length: 50 }, (_, index) => `x::${index}`)
    const began = performance.now()
    const [mine, theirs] = await Promise.all([
      cache.getOrSetMany(keys, factory),
      other.getOrSetMany(keys.toReversed(), factory),
    ])
    expect(mine).toEqual(keys.map((key) => key.toUpperCase()))
    expect(theirs).toEqual(mine.toReversed())
    expect(performance.now() - began).toBeLessThan(4_000)
    const computed = factory.mock.calls.flatMap(([asked]) => asked)
    expect(computed.toSorted()).toEqual(keys.toSorted())
  })

  test('lets the factory decide for each key', async () => {
    const cache = open()
    await cache.getOrSetMany(['k::1', 'k::2'], (keys, contexts) => {
      contexts[0]?.skip()
      contexts[1]?.setTtl('1h')
      return keys.map(() => 1)
    })
    expect(await cache.has('k::1')).toBe(false)
    expect((await cache.inspect('k::2')).ttlMs).toBeGreaterThan(3_500_000)
  })

  test('rejects as a whole when its factory does, once all keys have been processed', async () => {
    const cache = open()
    const failing = cache.getOrSetMany(['f::1', 'f::2'], () => Promise.reject(new Error('no database')))
    await expect(failing).rejects.toThrow('no database')
    for (const wrong of [['only one'], 'text', undefined]) {
      const call = cache.getOrSetMany(['f::1', 'f::2'], () => wrong as never)
      await expect(call).rejects.toThrow(ConfigurationError)
    }
    expect(await cache.getOrSetMany(['f::1', 'f::2'], (keys) => keys.map(() => 'fine'))).toEqual([
      'fine',
      'fine',
    ])
  })

  test('calls through while caching is off', async () => {
    const cache = open({ enabled: false })
    const factory = vi.fn((keys: readonly string[]) => keys.map(() => 1))
    expect(await cache.getOrSetMany(['a', 'b'], factory)).toEqual([1, 1])
    expect(factory).toHaveBeenCalledOnce()
  })

  test('serves stale values at once, and refreshes them together', async () => {
    const cache = open()
    const options = { ttl: '30ms', grace: '1h' } as const
    await cache.getOrSetMany(['s::1', 's::2'], (keys) => keys.map(() => 'old'), options)
    await becomesStale(cache, 's::2')
    const refresh = vi.fn((keys: readonly string[]) => keys.map(() => 'new'))
    const later = { ...options, ttl: '1h' } as const
    expect(await cache.getOrSetMany(['s::1', 's::2'], refresh, later)).toEqual(['old', 'old'])
    await vi.waitFor(async () => {
      expect(await cache.getOrSetMany(['s::1', 's::2'], refresh, later)).toEqual(['new', 'new'])
    })
    // In one call where their leases are acquired together: in a Cluster they may be on two nodes.
    expect(refresh.mock.calls.flatMap(([keys]) => keys).sort()).toEqual(['s::1', 's::2'])
  })
})

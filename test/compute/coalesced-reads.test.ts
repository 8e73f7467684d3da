import { expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

/** Larger than the default compression threshold. */
const LARGE = { text: 'large '.repeat(5_000) }

/** Makes `callers` calls in one tick: all but the first can join. */
function ask<T>(cache: KeyedCache, callers: number, factory: () => T | Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: callers }, () => cache.getOrSet('crowd', factory)))
}

describeOnEveryBackend('Callers of one tick', (open) => {
  test.each([
    ['an object', { at: new Date(0) }],
    ['a large object', LARGE],
  ])('get a separate copy of %s, computed or cached', async (_name, value) => {
    const cache = open()
    const computed = await ask(cache, 5, () => value)
    const cached = await ask(cache, 5, () => value)
    expect([...computed, ...cached]).toEqual(Array(10).fill(value))
    expect(new Set([...computed, ...cached]).size).toBe(10)
  })

  test('are counted one by one', async () => {
    const cache = open()
    await ask(cache, 5, () => 'computed')
    expect(cache.processStats().totals).toMatchObject({
      misses: 5,
      hits: 0,
      computations: 1,
      waits: 4,
      avoided: 4,
    })
    await ask(cache, 5, () => 'computed')
    expect(cache.processStats().totals).toMatchObject({
      misses: 5,
      hits: 5,
      computations: 1,
      waits: 4,
      avoided: 4,
    })
  })

  test('are counted one by one when they are served a stale value, which is refreshed once', async () => {
    const cache = open({ grace: '1h', earlyRefresh: false })
    await cache.set('crowd', 'old', { ttl: '10ms' })
    await becomesStale(cache, 'crowd')
    const factory = vi.fn(() => 'new')
    expect(await ask(cache, 5, factory)).toEqual(Array(5).fill('old'))
    await vi.waitFor(async () => expect(await cache.get('crowd')).toBe('new'))
    expect(factory).toHaveBeenCalledOnce()
    expect(cache.processStats().totals).toMatchObject({ staleServed: 5, computations: 1 })
  })

  test('store the value in the request memory of their own request', async () => {
    const cache = open()
    const remembered = await Promise.all(
      Array.from({ length: 4 }, () =>
        cache.withRequestMemory(async (own) => {
          const first = await own.getOrSet('crowd', () => ({ n: 1 }))
          return [first, await own.get('crowd')]
        }),
      ),
    )
    expect(remembered.flat()).toEqual(Array(8).fill({ n: 1 }))
    expect(new Set(remembered.flat()).size).toBe(8)
    expect(cache.processStats().totals).toMatchObject({ requestHits: 4 })
  })

  test('store no value that their own request deletes meanwhile', async () => {
    const cache = open()
    const gate = new Gate()
    const values = await Promise.all(
      Array.from({ length: 3 }, (_, request) =>
        cache.withRequestMemory(async (own) => {
          const coming = own.getOrSet('crowd', async () => {
            await gate.pass()
            return 'old'
          })
          if (request === 2) {
            await vi.waitFor(async () => expect((await cache.inspect('crowd')).state).toBe('computing'))
            await own.delete('crowd')
            gate.open()
          }
          await coming
          return await own.get('crowd')
        }),
      ),
    )
    expect(values[2]).toBeUndefined()
  })

  test('all get the error of the factory, and the next caller computes again', async () => {
    const cache = open()
    const failure = new Error('no database')
    const factory = vi.fn(() => Promise.reject(failure))
    const asked = Array.from({ length: 5 }, () => cache.getOrSet('crowd', factory))
    for (const one of await Promise.allSettled(asked))
      expect(one).toEqual({ status: 'rejected', reason: failure })
    expect(factory).toHaveBeenCalledOnce()
    expect(await cache.getOrSet('crowd', () => 'back')).toBe('back')
  })

  test('compute for themselves after the wait timeout', async () => {
    const cache = open({ timeouts: { wait: '80ms', lease: '50ms' } })
    const factory = vi
      .fn<() => Promise<string>>()
      .mockImplementationOnce(() => new Promise(() => {}))
      .mockResolvedValue('helped')
    const asked = Array.from({ length: 4 }, () => cache.getOrSet('crowd', factory))
    expect(await Promise.all(asked.slice(1))).toEqual(Array(3).fill('helped'))
    expect(factory).toHaveBeenCalledTimes(2)
    // The read of each counts once, however often it had to look.
    expect(cache.processStats().totals).toMatchObject({ misses: 4, hits: 0 })
  })

  test('are independent of the options of each other', async () => {
    const cache = open()
    await cache.set('crowd', { version: 1 })
    const isNew = (value: unknown) => (value as { version: number }).version === 2
    const left = AbortSignal.abort(new Error('gone'))
    const gate = new Gate()
    const slow = async () => {
      await gate.pass()
      return { version: 2 }
    }
    const settled = Promise.allSettled([
      cache.getOrSet('crowd', slow),
      cache.getOrSet('crowd', slow),
      cache.getOrSet('crowd', slow, { validate: isNew }),
      cache.getOrSet('crowd', slow, { signal: left }),
      cache.getOrSet('crowd', slow, { validate: isNew, hardTimeout: 20 }).catch((error: unknown) => {
        gate.open()
        throw error
      }),
      cache.getOrSet('crowd', slow, { ttl: '1h' }),
    ])
    expect(await settled).toMatchObject([
      { value: { version: 1 } },
      { value: { version: 1 } },
      { value: { version: 2 } },
      { reason: new Error('gone') },
      { reason: { name: 'ComputeTimeoutError' } },
      { value: { version: 1 } },
    ])
  })

  test('never see the changes that another caller makes to its value', async () => {
    const cache = open()
    await cache.set('crowd', { list: [1] })
    const accepts = () => true
    const values = await Promise.all([
      cache.getOrSet('crowd', () => ({ list: [2] })),
      cache.getOrSet('crowd', () => ({ list: [2] }), { validate: accepts }),
      cache.getOrSet('crowd', () => ({ list: [2] }), { validate: accepts }),
      cache.getOrSet('crowd', () => ({ list: [2] })),
      cache.getOrSet('crowd', () => ({ list: [2] })),
    ])
    expect(new Set(values).size).toBe(5)
    expect(values).toEqual(Array(5).fill({ list: [1] }))
  })

  test('are detected as a cycle when one of them computes a key that the others wait for', async () => {
    const cache = open()
    const gate = new Gate()
    const inner = () => cache.getOrSet('outer', () => 'never')
    const outer = cache.getOrSet('outer', async () => {
      await gate.pass()
      return cache.getOrSet('crowd', inner)
    })
    await gate.reached()
    gate.open()
    const crowd = Array.from({ length: 3 }, () => cache.getOrSet('crowd', inner))
    for (const one of await Promise.allSettled([outer, ...crowd])) {
      expect(one).toMatchObject({ reason: { name: 'ComputeCycleError' } })
    }
  })

  test('after an invalidation get no value that was read before it', async () => {
    const cache = open()
    await cache.set('crowd', 'old')
    const before = [cache.getOrSet('crowd', () => 'new'), cache.getOrSet('crowd', () => 'new')]
    const deleted = cache.delete('crowd')
    const after = [cache.getOrSet('crowd', () => 'new'), cache.getOrSet('crowd', () => 'new')]
    await Promise.all([...before, deleted])
    expect(await Promise.all(after)).toEqual(['new', 'new'])
  })
})

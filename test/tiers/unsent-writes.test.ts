import { describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { Gate } from '../compute/gate.js'
import { gated } from './gated-cache.js'

/** Takes a while to be compressed. */
const LARGE = 'large '.repeat(100_000)
const OPTIONS = { compressionThreshold: 1_000 } as const

/** Resolves to whether a promise has settled by now. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol()
  await new Promise(setImmediate)
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending
}

/** Resolves when values that were set before this call have been compressed. */
async function compressed(cache: KeyedCache): Promise<void> {
  for (const n of [1, 2, 3, 4, 5]) await cache.set(['elsewhere', n], `${n}${LARGE}`)
}

/** Calls that cover a `set` of `a::k`, and the operation of the store that each makes. */
const COVERING = {
  set: ['write', (cache: KeyedCache) => cache.set('a::k', 'small')],
  delete: ['remove', (cache: KeyedCache) => cache.delete('a::k')],
  'delete with children': ['remove', (cache: KeyedCache) => cache.delete('a', { children: true })],
  clear: ['clear', (cache: KeyedCache) => cache.clear()],
} as const

describe('A large value whose set is followed at once by', () => {
  test.each(Object.entries(COVERING))('a %s waits for it', async (_, [operation, cover]) => {
    const { cache, gate } = gated(OPTIONS)
    await cache.set('a::k', 'old')
    const release = gate(operation)
    const setting = cache.set('a::k', LARGE)
    const covering = cover(cache)
    await compressed(cache)
    expect(await hasSettled(setting)).toBe(false)
    release()
    expect(await covering).toBe(true)
    expect(await setting).toBe(false)
    expect(await cache.get('a::k')).toBe(operation === 'write' ? 'small' : undefined)
    expect(cache.pendingInvalidations).toBe(0)
  })

  test.each(Object.entries(COVERING))('a %s that fails is not cached here', async (_, [operation, cover]) => {
    const { cache, failing } = gated(OPTIONS)
    await cache.set('a::k', 'old')
    failing.add(operation)
    const setting = cache.set('a::k', LARGE)
    const covering = cover(cache)
    expect(await setting).toBe(false)
    expect(cache.pendingInvalidations).toBe(1)
    expect(await covering).toBe(false)
    expect(await cache.get('a::k')).toBeUndefined()
  })

  test('an expire is read as stale only, once that has returned', async () => {
    const behind = new Gate()
    let expiries = 0
    const store = wrapStore(new MemoryStore(), async (operation, proceed) => {
      // The first is for what is stored already, the second follows the write.
      if (operation === 'expire' && ++expiries === 2) await behind.pass()
      return proceed()
    })
    const cache = createCache({ store, timeouts: { store: '10s' }, ...OPTIONS })
    await cache.set('a::k', 'old')
    const setting = cache.set('a::k', LARGE)
    const expiring = cache.expire('a', { children: true })
    await behind.reached()
    expect(await setting).toBe(true)
    expect(await hasSettled(expiring)).toBe(false)
    behind.open()
    expect(await expiring).toBe(true)
    expect((await cache.inspect('a::k')).state).toBe('stale')
  })

  test.each([
    ['an expire', (cache: KeyedCache) => cache.expire('a::k')],
    ['an expire with children', (cache: KeyedCache) => cache.expire('a', { children: true })],
  ])('%s that fails is not cached here', async (_, expire) => {
    const { cache, failing } = gated(OPTIONS)
    await cache.set('a::k', 'old', { grace: '1h' })
    failing.add('expire')
    expect(await Promise.all([cache.set('a::k', LARGE), expire(cache)])).toEqual([true, false])
    expect(await cache.getOrSet('a::k', () => 'computed', { grace: '1h' })).toBe('computed')
    expect(cache.pendingInvalidations).toBe(1)
  })

  test('an expire, and is not written then, is not cached here', async () => {
    const { cache, failing } = gated(OPTIONS)
    await cache.set('a::k', 'old', { grace: '1h' })
    failing.add('write')
    expect(await Promise.all([cache.set('a::k', LARGE), cache.expire('a::k')])).toEqual([false, true])
    expect(await cache.getOrSet('a::k', () => 'computed', { grace: '1h' })).toBe('computed')
    expect(cache.pendingInvalidations).toBe(1)
  })
})

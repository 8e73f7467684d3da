import { describe, expect, test } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { testRows } from '../helpers/rows.js'
import { gated } from './gated-cache.js'

describeOnEveryBackend('A set after a miss', (open, _statistics, renew) => {
  const misses: Record<string, (cache: KeyedCache) => Promise<unknown>> = {
    get: (cache) => cache.get('p::1'),
    has: (cache) => cache.has('p::1'),
    getMany: (cache) => cache.getMany(['p::0', 'p::1']),
    getOrThrow: (cache) => cache.getOrThrow('p::1').catch(() => undefined),
    'get, twice at once': (cache) => Promise.all([cache.get('p::1'), cache.get('p::1')]),
    'get, and again later': async (cache) => [await cache.get('p::1'), await cache.get('p::1')],
  }
  const invalidations: Record<string, (cache: KeyedCache) => Promise<unknown>> = {
    delete: (cache) => cache.delete('p::1'),
    'delete with children': (cache) => cache.delete('p::1', { children: true }),
    'delete of the parent with children': (cache) => cache.delete('p', { children: true }),
    expire: (cache) => cache.expire('p::1'),
    'expire with children': (cache) => cache.expire('p::1', { children: true }),
    'expire of the parent with children': (cache) => cache.expire('p', { children: true }),
    clear: (cache) => cache.clear(),
    set: (cache) => cache.set('p::1', 'newer'),
    'set by a POST': (cache) =>
      internalsOf(cache).runInScope(internalsOf(cache).openScope({ fills: false }), () =>
        cache.set('p::1', 'newer'),
      ),
  }
  for (const [missed, miss] of Object.entries(misses)) {
    testRows(
      `is refused when the miss was found by ${missed} and another process has invalidated the key`,
      Object.entries(invalidations),
      async (invalidate, changed) => {
        const [cache, other] = [open(), open()]
        await cache.withRequestMemory(async () => {
          await miss(cache)
          await invalidate(other)
          expect(await cache.set('p::1', 'stale')).toBe(false)
        })
        expect(await other.get('p::1')).toBe(changed.startsWith('set') ? 'newer' : undefined)
        expect(cache.processStats().totals.refusedFills).toBe(1)
      },
      { after: renew },
    )
  }

  test('is stored when nothing was invalidated, and so is the next one', async () => {
    const cache = open()
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      expect(await cache.set('p::1', 'first')).toBe(true)
      expect(await cache.set('p::1', 'second')).toBe(true)
    })
    expect(await cache.get('p::1')).toBe('second')
  })

  test('is refused when an invalidation follows the first of two', async () => {
    const [cache, other] = [open(), open()]
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      expect(await cache.set('p::1', 'first')).toBe(true)
      await other.delete('p::1')
      expect(await cache.set('p::1', 'second')).toBe(false)
    })
  })

  test('is refused after a delete of the same request, since its data may be outdated', async () => {
    const cache = open()
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      await cache.delete('p::1')
      expect(await cache.get('p::1')).toBeUndefined()
      expect(await cache.set('p::1', 'computed before')).toBe(false)
    })
    expect(await cache.has('p::1')).toBe(false)
  })

  test('is a plain write with overwrite, without a miss before it, outside a request and in a POST', async () => {
    const [cache, other] = [open(), open()]
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      await other.delete('p::1')
      expect(await cache.set('p::1', 'meant', { overwrite: true })).toBe(true)
      expect(await cache.set('never::read', 1)).toBe(true)
    })
    expect(await cache.get('p::1')).toBe('meant')

    await cache.get('q')
    await other.delete('q')
    expect(await cache.set('q', 1)).toBe(true)

    const post = internalsOf(cache).openScope({ fills: false })
    await internalsOf(cache).runInScope(post, async () => {
      await cache.get('r')
      await other.delete('r')
      expect(await cache.set('r', 1)).toBe(true)
    })
  })

  test('is refused in a job within the request that missed, also in a job that outlives it', async () => {
    const [cache, other] = [open(), open()]
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      await other.delete('p::1')
      await cache.withRequestMemory(async (inner) => {
        expect(await inner.set('p::1', 'stale')).toBe(false)
      })
    })
    let later: Promise<boolean> = Promise.resolve(true)
    await cache.withRequestMemory(async (outer) => {
      await outer.get('p::2')
      later = new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() =>
        outer.withRequestMemory(async (inner) => {
          await other.delete('p::2')
          return inner.set('p::2', 'stale')
        }),
      )
    })
    expect(await later).toBe(false)
    expect(await other.getMany(['p::1', 'p::2'])).toEqual([undefined, undefined])
  })

  test('in a timer that was started in a request fills repeatedly', async () => {
    const cache = open()
    const rounds: boolean[] = []
    let timer: Promise<void> = Promise.resolve()
    await cache.withRequestMemory(async () => {
      timer = (async () => {
        for (let round = 0; round < 4; round++) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          if ((await cache.get('rates')) === undefined) rounds.push(await cache.set('rates', round))
          await cache.delete('rates')
        }
      })()
      await cache.get('rates')
      await cache.set('rates', 'first')
    })
    await timer
    expect(rounds.length).toBeGreaterThan(1)
    expect(rounds.slice(1).every(Boolean)).toBe(true)
  })

  test('in a timer that was started in a request is refused after an invalidation, too', async () => {
    const [cache, other] = [open(), open()]
    let timer: Promise<boolean> = Promise.resolve(true)
    await cache.withRequestMemory(async () => {
      timer = (async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        await cache.get('rates')
        await cache.set('rates', 1)
        await cache.delete('rates')
        await cache.get('rates')
        await other.delete('rates')
        return cache.set('rates', 'stale')
      })()
    })
    expect(await timer).toBe(false)
  })

  test('after the request is not made valid by a later miss of another branch', async () => {
    const [cache, other] = [open(), open()]
    let later: Promise<boolean[]> = Promise.resolve([])
    await cache.withRequestMemory(async () => {
      later = (async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        await cache.get('p::1')
        await other.delete('p::1')
        await cache.get('p::1')
        return [await cache.set('p::1', 'from before the delete')]
      })()
    })
    expect(await later).toEqual([false])
    expect(await other.has('p::1')).toBe(false)
  })

  test('does not hide a value that was stored between the miss and its observation', async () => {
    const [cache, other] = [open(), open()]
    await other.set('p::1', 'there')
    await cache.withRequestMemory(async () => {
      expect(await cache.get('p::1')).toBe('there')
    })
  })

  test('is refused when caching was off at the miss and on again at the set', async () => {
    const cache = open()
    await cache.withRequestMemory(async () => {
      cache.enable(false)
      await cache.get('p::1')
      cache.enable(true)
      expect(await cache.set('p::1', 'unproved')).toBe(false)
    })
  })
})

describe('A fill, interleaving by interleaving', () => {
  test('a second miss of a key waits until the first has been observed', async () => {
    const { cache, gate, store } = gated()
    await cache.withRequestMemory(async () => {
      const release = gate('observe')
      const first = cache.get('a')
      const second = cache.get('a')
      let returned = false
      void second.then(() => {
        returned = true
      })
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
      expect(returned).toBe(false)
      release()
      await Promise.all([first, second])
      await store.remove(cache.key('a'), { children: false, origin: { process: 'other:1' } })
      expect(await cache.set('a', 'stale')).toBe(false)
    })
  })

  test('a miss while the store was down is never followed by a plain write', async () => {
    const { cache, store, failing } = gated()
    await cache.withRequestMemory(async () => {
      failing.add('read')
      expect(await cache.get('a')).toBeUndefined()
      failing.clear()
      await store.remove(cache.key('a'), { children: false, origin: { process: 'other:1' } })
      expect(await cache.set('a', 'stale')).toBe(false)
    })
    await cache.withRequestMemory(async () => {
      failing.add('observe')
      expect(await cache.get('b')).toBeUndefined()
      failing.clear()
      expect(await cache.set('b', 'unproved')).toBe(false)
    })
  })
})

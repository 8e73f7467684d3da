import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { CacheOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { describeOnEveryBackend } from '../helpers/backends.js'

describeOnEveryBackend('Within one request', (open) => {
  test('a repeated read is answered from memory, also deep in a service', async () => {
    const [cache, other] = [open(), open()]
    await cache.set('a', { n: 1 })
    const service = () => cache.get('a')
    await cache.withRequestMemory(async () => {
      await cache.get('a')
      await other.set('a', { n: 2 })
      expect(await service()).toEqual({ n: 1 })
    })
    expect(cache.processStats().totals).toMatchObject({ hits: 2, requestHits: 1 })
    expect(await cache.get('a')).toEqual({ n: 2 })
  })

  test('own writes are seen at once, as they were when written', async () => {
    const cache = open()
    await cache.withRequestMemory(async () => {
      const value = { n: 1 }
      const setting = cache.set('a', value)
      value.n = 2
      expect(await cache.get('a')).toEqual({ n: 1 })
      await setting
      expect(await cache.get('a')).toEqual({ n: 1 })
    })
  })

  test('own writes of large values too, which take their time to be compressed', async () => {
    const cache = open({ compressionThreshold: 1_000 })
    await cache.set('a', 'old')
    await cache.withRequestMemory(async () => {
      expect(await cache.get('a')).toBe('old')
      const setting = cache.set('a', 'new '.repeat(100_000))
      expect(await cache.get('a')).toBe('new '.repeat(100_000))
      expect(await setting).toBe(true)
    })
    expect(await cache.get('a')).toBe('new '.repeat(100_000))
  })

  // Each way to fill the memory, and each way to read from it, with what JSON gives back and what it does not.
  const samples = {
    'a record': () => ({ n: 1, list: [{ m: 1 }] }),
    'a structure': () => ({ n: 1, list: [{ m: 1 }], at: new Date(0), map: new Map([['k', { m: 1 }]]) }),
    'a compressed record': () => ({ n: 1, list: [{ m: 1 }], text: 'long '.repeat(20_000) }),
  }
  const fills: Record<string, (cache: KeyedCache, value: unknown) => Promise<unknown>> = {
    get: (cache) => cache.get('a'),
    getMany: async (cache) => (await cache.getMany(['a']))[0],
    getOrThrow: (cache) => cache.getOrThrow('a'),
    'getOrSet, a hit': (cache) => cache.getOrSet('a', () => 'computed'),
    'getOrSet, a miss': async (cache, value) => {
      await cache.delete('a')
      return cache.getOrSet('a', () => value)
    },
    set: async (cache, value) => {
      await cache.set('a', value)
      return value
    },
  }
  for (const [sample, make] of Object.entries(samples)) {
    for (const [way, fill] of Object.entries(fills)) {
      test(`each reader gets a copy: ${sample}, filled by ${way}`, async () => {
        const cache = open({ compressionThreshold: 10_000 })
        await cache.set('a', make())
        await cache.withRequestMemory(async () => {
          const readers = [
            () => fill(cache, make()),
            () => cache.get('a'),
            () => cache.getOrThrow('a'),
            () => cache.getOrSet('a', () => 'computed'),
            async () => (await cache.getMany(['a']))[0],
            () => cache.get('a'),
          ]
          for (const read of readers) {
            const value = (await read()) as ReturnType<(typeof samples)['a record']>
            expect(value).toEqual(make())
            value.n = 99
            value.list.push({ m: 99 })
            ;(value.list[0] as { m: number }).m = 99
          }
        })
        expect(cache.processStats().totals.requestHits).toBe(5)
        expect(await cache.get('a')).toEqual(make())
      })
    }
  }

  test('a value at once in many hands of one request is a copy for each', async () => {
    const cache = open()
    await cache.set('a', { n: 0 })
    await cache.withRequestMemory(async () => {
      const ask = (n: number) => (n % 2 ? cache.get('a') : cache.getOrSet('a', () => ({ n: -1 })))
      const values = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n)))
      expect(new Set([...values, await cache.get('a')]).size).toBe(21)
    })
  })

  test('a job within it shares its memory', async () => {
    const cache = open()
    await cache.set('a', 1)
    await cache.withRequestMemory(async () => {
      expect(await cache.get('a')).toBe(1)
      await cache.withRequestMemory(async (inner) => {
        await inner.delete('a')
        await inner.set('b', 2)
      })
      expect(await cache.getMany(['a', 'b'])).toEqual([undefined, 2])
    })
    expect(cache.processStats().totals).toMatchObject({ requestHits: 1 })
  })

  test('own deletes are seen at once, with children', async () => {
    const cache = open()
    await cache.setMany([
      ['a', 1],
      ['a::b', 2],
      ['ab', 3],
    ])
    await cache.withRequestMemory(async () => {
      expect(await cache.getMany(['a', 'a::b', 'ab'])).toEqual([1, 2, 3])
      await cache.delete('a', { children: true })
      expect(await cache.getMany(['a', 'a::b', 'ab'])).toEqual([undefined, undefined, 3])
      await cache.clear()
      expect(await cache.get('ab')).toBeUndefined()
    })
  })

  test('a miss is not remembered: what another process sets meanwhile is seen', async () => {
    const [cache, other] = [open(), open()]
    await cache.withRequestMemory(async () => {
      expect(await cache.get('a')).toBeUndefined()
      await other.set('a', 1)
      expect(await cache.get('a')).toBe(1)
    })
  })

  test('two requests under way at once never see each other’s memory', async () => {
    const [cache, other] = [open(), open()]
    await other.set('shared', { n: 0 })
    await cache.withRequestMemory(async (first) => {
      expect(await first.get('shared')).toEqual({ n: 0 })
      await other.set('shared', { n: 1 })
      await new Promise<void>((resolve, reject) => {
        // A scope that is open at the same time, and not within the first one.
        const second = internalsOf(cache).bindTo(internalsOf(cache).openScope({ fills: true }))
        second.get('shared').then((value) => {
          expect(value).toEqual({ n: 1 })
          resolve()
        }, reject)
      })
      expect(await first.get('shared')).toEqual({ n: 0 })
    })
    expect(await cache.get('shared')).toEqual({ n: 1 })
  })

  test('work that goes on after the end falls through, and its fills stay fills', async () => {
    const [cache, other] = [open(), open()]
    await cache.set('a', 1)
    let later: Promise<unknown> = Promise.resolve()
    let go = () => {}
    const gone = new Promise<void>((resolve) => {
      go = resolve
    })
    await cache.withRequestMemory(async (mine) => {
      await mine.get('a')
      await mine.get('missed')
      later = (async () => {
        await gone
        expect(await mine.get('a')).toBe(2)
        return mine.set('missed', 'computed from old data')
      })()
    })
    await other.set('a', 2)
    await other.delete('missed')
    go()
    expect(await later).toBe(false)
    expect(await cache.has('missed')).toBe(false)
  })

  test('can be switched off: reads fall through, fills stay fills', async () => {
    const cache = open({ requestMemory: false })
    const other = open()
    await cache.set('a', 1)
    await cache.withRequestMemory(async () => {
      await cache.get('a')
      await other.set('a', 2)
      expect(await cache.get('a')).toBe(2)
      await cache.get('missed')
      await other.delete('missed')
      expect(await cache.set('missed', 'stale')).toBe(false)
    })
  })
})

describeOnEveryBackend('A set after a miss', (open) => {
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
    for (const [changed, invalidate] of Object.entries(invalidations)) {
      test(`found by ${missed} is refused after a ${changed} elsewhere`, async () => {
        const [cache, other] = [open(), open()]
        await cache.withRequestMemory(async () => {
          await miss(cache)
          await invalidate(other)
          expect(await cache.set('p::1', 'stale')).toBe(false)
        })
        expect(await other.get('p::1')).toBe(changed.startsWith('set') ? 'newer' : undefined)
        expect(cache.processStats().totals.refusedFills).toBe(1)
      })
    }
  }

  test('is stored when nothing happened, and so is the next one', async () => {
    const cache = open()
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      expect(await cache.set('p::1', 'first')).toBe(true)
      expect(await cache.set('p::1', 'second')).toBe(true)
    })
    expect(await cache.get('p::1')).toBe('second')
  })

  test('is refused when the first of two is overtaken', async () => {
    const [cache, other] = [open(), open()]
    await cache.withRequestMemory(async () => {
      await cache.get('p::1')
      expect(await cache.set('p::1', 'first')).toBe(true)
      await other.delete('p::1')
      expect(await cache.set('p::1', 'second')).toBe(false)
    })
  })

  test('is refused after an own delete: what was read before it may be out of date', async () => {
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

  test('is refused in a job within the request that missed, and in one that goes on after it', async () => {
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

  test('in a timer that was born in a request fills again and again', async () => {
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

  test('in a timer that was born in a request is refused all the same when it is overtaken', async () => {
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

  test('after the end, is not made provable by another branch that misses again', async () => {
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

  test('sees a value that came between the miss and its observation', async () => {
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

describe('Request memory, interleaving by interleaving', () => {
  test('a read under way while the same request deletes the key does not come back', async () => {
    const { cache, gate } = gated()
    await cache.set('a', 'old')
    await cache.withRequestMemory(async () => {
      const release = gate('read')
      const reading = cache.get('a')
      await cache.delete('a')
      release()
      expect(await reading).toBe('old')
      expect(await cache.get('a')).toBeUndefined()
    })
  })

  test('a read that begins and ends while the delete is under way does not come back', async () => {
    const { cache, gate } = gated()
    await cache.set('a::b', 'old')
    await cache.withRequestMemory(async () => {
      const release = gate('remove')
      const deleting = cache.delete('a', { children: true })
      expect(await cache.get('a::b')).toBe('old')
      release()
      await deleting
      expect(await cache.get('a::b')).toBeUndefined()
    })
  })

  test('a read under way while the same request sets the key does not hide what was set', async () => {
    const { cache, gate } = gated()
    await cache.set('a', 'old')
    await cache.withRequestMemory(async () => {
      const release = gate('read')
      const reading = cache.get('a')
      await cache.set('a', 'new')
      release()
      await reading
      expect(await cache.get('a')).toBe('new')
    })
  })

  test('a read under way while everything is cleared does not come back', async () => {
    const { cache, gate } = gated()
    await cache.set('a', 'old')
    await cache.withRequestMemory(async () => {
      const release = gate('read')
      const reading = cache.get('a')
      await cache.clear()
      release()
      await reading
      expect(await cache.get('a')).toBeUndefined()
    })
  })

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

/** A cache over an embedded store whose next operation of a kind can be held back, or fail. */
function gated(options: CacheOptions = {}) {
  const inner = new MemoryStore()
  const held = new Map<string, Promise<void>>()
  const failing = new Set<string>()
  const store = wrapStore(inner, async (operation, proceed) => {
    const wait = held.get(operation)
    held.delete(operation)
    if (failing.has(operation)) throw new Error('down')
    if (operation !== 'read') {
      await wait
      return await proceed()
    }
    // A read has happened when it is held back: its answer is on the way.
    const answer = await proceed()
    await wait
    return answer
  })
  const gate = (operation: keyof Store) => {
    let release = () => {}
    held.set(
      operation,
      new Promise<void>((resolve) => {
        release = resolve
      }),
    )
    return () => release()
  }
  const cache = createCache({ store, logger: { warn: () => {} }, timeouts: { store: '5s' }, ...options })
  return { cache, gate, failing, store: inner }
}

describeOnEveryBackend('Writes and deletes of one process', (open) => {
  const large = 'large '.repeat(100_000)

  test('take effect in the order of their calls, however long a value takes to be compressed', async () => {
    const cache = open({ compressionThreshold: 1_000 })
    const orders: [string, () => Promise<unknown>[], unknown][] = [
      ['small, then delete', () => [cache.set('k', 'small'), cache.delete('k')], undefined],
      ['large, then delete', () => [cache.set('k', large), cache.delete('k')], undefined],
      [
        'large, then delete of the parent',
        () => [cache.set('k::c', large), cache.delete('k', { children: true })],
        undefined,
      ],
      ['large, then clear', () => [cache.set('k', large), cache.clear()], undefined],
      ['large, then small', () => [cache.set('k', large), cache.set('k', 'small')], 'small'],
      ['small, then large', () => [cache.set('k', 'small'), cache.set('k', large)], large],
      [
        'large, then one that cannot be',
        () => [cache.set('k', large), cache.set('k', () => {}).catch(() => {})],
        large,
      ],
      ['delete, then large', () => [cache.delete('k'), cache.set('k', large)], large],
    ]
    for (const [name, calls, last] of orders) {
      await Promise.all(calls())
      expect(await cache.get(name.includes('parent') ? 'k::c' : 'k'), name).toBe(last)
    }
  })
})

describeOnEveryBackend('A factory that loses its async context', (open) => {
  test('reads the store all the same, not what the request remembers', async () => {
    const [cache, other] = [open(), open()]
    // Its handlers run in no context of any request.
    const bus = new EventEmitter()
    const ticking = setInterval(() => bus.emit('tick'), 2)
    try {
      await cache.set('part', 'old')
      const whole = await cache.withRequestMemory(async (request) => {
        expect(await request.get('part')).toBe('old')
        await other.set('part', 'new')
        return request.getOrSet(
          'whole',
          () => new Promise((resolve) => bus.once('tick', () => resolve(request.get('part')))),
        )
      })
      expect(whole).toBe('new')
      expect(await other.get('whole')).toBe('new')
    } finally {
      clearInterval(ticking)
    }
  })
})

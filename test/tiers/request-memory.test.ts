import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { testRows } from '../helpers/rows.js'
import { gated } from './gated-cache.js'

describeOnEveryBackend('Within one request', (open, _statistics, renew) => {
  test('a repeated read is served from request memory, also deep in a service', async () => {
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

  test('own writes are visible at once, as they were when written', async () => {
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

  test('own writes of large values are visible before they are compressed', async () => {
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
    testRows(
      `each reader gets a copy of ${sample}`,
      Object.entries(fills),
      async (fill) => {
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
      },
      { after: renew },
    )
  }

  test('concurrent readers of one request each get a copy', async () => {
    const cache = open()
    await cache.set('a', { n: 0 })
    await cache.withRequestMemory(async () => {
      const ask = (n: number) => (n % 2 ? cache.get('a') : cache.getOrSet('a', () => ({ n: -1 })))
      const values = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n)))
      expect(new Set([...values, await cache.get('a')]).size).toBe(21)
    })
  })

  test('a job within the request shares its memory', async () => {
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

  test('own deletes take effect at once, with children', async () => {
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

  test('a miss is not stored: a value that another process sets meanwhile is visible', async () => {
    const [cache, other] = [open(), open()]
    await cache.withRequestMemory(async () => {
      expect(await cache.get('a')).toBeUndefined()
      await other.set('a', 1)
      expect(await cache.get('a')).toBe(1)
    })
  })

  test('two concurrent requests never share memory', async () => {
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

  test('work after the end of the request reads the store, and its fills stay fills', async () => {
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

  test('can be disabled: reads go to the store, fills stay fills', async () => {
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

describe('Request memory, interleaving by interleaving', () => {
  test('a read in progress is not stored when the same request deletes the key', async () => {
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

  test('a read during a delete is not stored', async () => {
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

  test('a read in progress does not replace a value that the same request sets', async () => {
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

  test('a read in progress is not stored when everything is cleared', async () => {
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
})

describeOnEveryBackend('A factory that loses its async context', (open) => {
  test('still reads the store, not request memory', async () => {
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

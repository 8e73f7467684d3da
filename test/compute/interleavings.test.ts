import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { Gate } from './gate.js'
import { holds, RUNS, type World, worldOf } from './schedules.js'

vi.setConfig({ testTimeout: process.env.SOAK ? 1_800_000 : 240_000 })

/** Pushes everything out of a store that holds few entries. */
async function evict(store: MemoryStore): Promise<void> {
  const junk = { format: 2, payload: Buffer.from('0'), ttlMs: 60_000, writtenBy: 'test:1' }
  for (let n = 0; n < 8; n++) await store.write(CacheKey.of('junk', n), junk)
}

/** Resolves when the entry of a key is missing, or no longer fresh. */
async function expires(cache: KeyedCache, key: string): Promise<void> {
  while ((await cache.inspect(key)).state === 'fresh') await new Promise(setImmediate)
}

/** Stale at once, served for an hour. */
const STALE = { ttl: 0.001, grace: '1h' } as const

describe('No order of events breaks the rule:', () => {
  /** Invalidations that doom the computation of a key below `a`. */
  const DOOMS: Record<string, (cache: KeyedCache, key: string) => Promise<unknown>> = {
    'a delete with children': (cache) => cache.delete('a', { children: true }),
    'an expire': (cache, key) => cache.expire(key),
    'an expire with children': (cache) => cache.expire('a', { children: true }),
  }
  const howOf = (name: string) => (name.includes('expire') ? 'soft' : 'hard')

  test.each(Object.entries(DOOMS))('joining a computation doomed by %s', (name, doom) =>
    holds(async ({ s, database, caches: [one, two] }) => {
      const read = (cache: KeyedCache, load = database.load) =>
        database.check('a::k', () => cache.getOrSet('a::k', () => load('a::k')))
      const gate = new Gate()
      const doomed = read(one, database.slowly(gate))
      await gate.reached()
      const change = async () => {
        await database.change(['a::k'], () => doom(two, 'a::k'), howOf(name))
        const reads = [read(one), read(two)]
        await s.schedule(Promise.resolve(), 'the slow answer comes')
        gate.open()
        await Promise.all(reads)
      }
      await Promise.all([doomed, read(one), change()])
      await Promise.all([read(one), read(two)])
    }),
  )

  test('computing from memory', () =>
    holds(async ({ database, caches: [one, two] }) => {
      const whole = (request: KeyedCache) => request.getOrSet('whole', () => part(request))
      const part = (request: KeyedCache) => request.getOrSet('part', () => database.load('part'))
      const request = one.withRequestMemory(async (bound) => {
        await part(bound)
        await whole(bound)
      })
      // First the values from which others are computed.
      const change = database.change(['part', 'whole'], async () => {
        await two.delete('part')
        await two.delete('whole')
      })
      await Promise.all([request, change])
      await database.check('whole', () => two.get('whole'))
    }))

  test('request memory and own writes', () =>
    holds(async ({ database, caches: [one] }) => {
      await one.set('k', 0)
      await one.withRequestMemory(async (bound) => {
        const read = () => database.check('k', () => bound.get('k'))
        const compute = () => database.check('k', () => bound.getOrSet('k', () => database.load('k')))
        const change = async () => {
          await database.change(['k'], () => bound.delete('k'))
          await Promise.all([read(), compute()])
          await database.change(['k'], ([version]) => bound.set('k', version, { overwrite: true }))
          await Promise.all([read(), compute()])
        }
        await Promise.all([read(), read(), read(), change(), compute()])
      })
    }))

  test.each(Object.entries(DOOMS))('an own invalidation that fails, %s', (name, doom) => {
    let isDown = false
    return holds(
      async ({ s, database, caches: [one] }) => {
        isDown = false
        const read = (key: string, load = database.load) =>
          database.check(key, () => one.getOrSet(key, () => load(key)))
        const plain = (key: string) => database.check(key, () => one.get(key))
        await read('a::stored')
        const gate = new Gate()
        const doomed = read('a::computed', database.slowly(gate))
        await gate.reached()
        const change = async (key: string) => {
          isDown = true
          await database.change([key], () => doom(one, key), howOf(name))
          const reads = [read(key), plain(key)]
          await s.schedule(Promise.resolve(), 'the store is back')
          isDown = false
          await s.schedule(Promise.resolve(), 'the slow answer comes')
          gate.open()
          await Promise.all([...reads, read(key), plain(key)])
        }
        await Promise.all([read('a::stored'), change('a::stored'), change('a::computed'), doomed])
        await Promise.all(['a::stored', 'a::computed'].map((key) => read(key)))
      },
      // A lease that could not be released keeps others waiting until it lapses.
      () => ({
        lease: '5ms',
        fails: (operation) => isDown && operation !== 'read' && operation !== 'acquire',
      }),
    )
  })

  test.each(Object.entries(DOOMS))('an own invalidation that fails and is repeated, %s', (name, doom) => {
    let isDown = false
    return holds(
      async ({ s, database, caches: [one] }) => {
        isDown = false
        const ways: ((key: string) => Promise<number | undefined>)[] = [
          (key) => one.get(key),
          (key) => one.getOrSet(key, () => database.load(key)),
          (key) => one.withRequestMemory((job) => job.get<number>(key)),
          async (key) => (await one.inspect(key)).value as number | undefined,
        ]
        const readAll = () => ways.map((read) => database.check('a::k', () => read('a::k')))
        await one.getOrSet('a::k', () => database.load('a::k'))
        const change = async () => {
          isDown = true
          await database.change(['a::k'], () => doom(one, 'a::k'), howOf(name))
          const reads = readAll()
          await s.schedule(Promise.resolve(), 'the store is back')
          isDown = false
          await Promise.all([...reads, ...readAll()])
        }
        await Promise.all([change(), ...readAll()])
        await vi.waitFor(() => expect(one.pendingInvalidations).toBe(0), { timeout: 20_000, interval: 1 })
        await Promise.all(readAll())
      },
      () => ({ replays: true, fails: (operation) => isDown && ['remove', 'expire'].includes(operation) }),
    )
  })

  const CHANGES: Record<string, (cache: KeyedCache, version: number) => Promise<unknown>> = {
    delete: (cache) => cache.delete('a::k'),
    'delete with children': (cache) => cache.delete('a', { children: true }),
    set: (cache, version) => cache.set('a::k', version, STALE),
  }
  test.each(Object.entries(CHANGES))('stale by grace, and a %s', (_, change) =>
    holds(async ({ s, database, caches: [one, two] }) => {
      const compute = (cache: KeyedCache, soft: boolean, load = database.load) =>
        database.check('a::k', () =>
          cache.getOrSet('a::k', () => load('a::k'), { ...STALE, ...(soft && { softTimeout: '1h' }) }),
        )
      await compute(one, false)
      await expires(one, 'a::k')
      const gate = new Gate()
      // A stale value is served, and refreshed in the background, from data that will be outdated.
      await compute(one, false, database.slowly(gate))
      await gate.reached()
      const changing = async () => {
        await database.change(['a::k'], ([version]) => change(two, version!))
        await expires(one, 'a::k')
        const reading = Promise.all([compute(one, true), compute(two, false)])
        await s.schedule(Promise.resolve(), 'the slow answer comes')
        gate.open()
        await reading
      }
      await Promise.all([changing(), compute(one, false)])
      await compute(two, true)
    }),
  )

  test.each(Object.entries(DOOMS))('stale by grace: %s, and readers with and without it', (name, doom) =>
    holds(async ({ s, database, caches: [one, two] }) => {
      const served = (cache: KeyedCache, load = database.load) =>
        database.check('a::k', () => cache.getOrSet('a::k', () => load('a::k'), { grace: '1h' }), {
          grace: true,
        })
      const read = (cache: KeyedCache) =>
        database.check('a::k', () => cache.getOrSet('a::k', () => database.load('a::k')))
      await served(one)
      await doom(two, 'a::k')
      const gate = new Gate()
      // A stale value is served unless it is deleted, and refreshed from data that will be outdated.
      const first = served(one, database.slowly(gate))
      await gate.reached()
      const changing = async () => {
        await database.change(['a::k'], () => doom(two, 'a::k'), howOf(name))
        const reads = [read(one), served(two), database.check('a::k', () => one.get('a::k')), read(two)]
        await s.schedule(Promise.resolve(), 'the slow answer comes')
        gate.open()
        await Promise.all(reads)
      }
      await Promise.all([first, changing(), served(one)])
      await Promise.all([read(two), database.check('a::k', () => one.get('a::k'))])
    }),
  )

  test('a deadlock of batches', () =>
    holds(async ({ database, caches: [one, two] }) => {
      const factory = (keys: readonly string[]) => Promise.all(keys.map(database.load))
      const [a, b, c] = ['m::a', 'm::b', 'm::c'] as const
      const change = database.change([b], () => two.delete(b))
      await Promise.all([
        one.getOrSetMany([a, b], factory),
        two.getOrSetMany([b, c, a], factory),
        one.getOrSetMany([c, b], factory),
        change,
      ])
      await database.check(b, () => one.get(b))
    }))

  test.each(Object.entries(DOOMS))('evictions from the embedded store after %s', (name, doom) => {
    // So small that whatever is written may push out the generations and markers of others.
    const options = () => ({ store: new MemoryStore({ maxEntries: 6 }) })
    return holds(async ({ s, database, store, caches: [one, two] }) => {
      const fill = (cache: KeyedCache, load = database.load) =>
        cache.withRequestMemory(async (bound) => {
          await database.check('a::k', () => bound.get('a::k'))
          await bound.set('a::k', await load('a::k'))
        })
      const compute = (cache: KeyedCache, load = database.load) =>
        database.check('a::k', () => cache.getOrSet('a::k', () => load('a::k')))
      const [filling, computing] = [new Gate(), new Gate()]
      const slow = [fill(two, database.slowly(filling)), compute(one, database.slowly(computing))]
      await Promise.all([filling.reached(), computing.reached()])
      await database.change(['a::k'], () => doom(two, 'a::k'), howOf(name))
      await evict(store)
      for (const gate of [filling, computing]) {
        await s.schedule(Promise.resolve(), 'a slow answer comes')
        gate.open()
        await database.check('a::k', () => one.get('a::k'))
      }
      await Promise.all([...slow, compute(one), fill(two)])
      await database.check('a::k', () => one.get('a::k'))
    }, options)
  })

  /** An operation of a process; `n` selects the key. */
  type Action = (world: World, cache: KeyedCache, n: number) => Promise<unknown>
  const KEYS = ['a::b::1', 'a::b::2', 'a::c']
  const ACTIONS: Record<string, Action> = {
    getOrSet: ({ database }, cache, n) =>
      database.check(KEYS[n]!, () => cache.getOrSet(KEYS[n]!, () => database.load(KEYS[n]!))),
    'getOrSet, kept stale': ({ database }, cache, n) =>
      database.check(KEYS[n]!, () => cache.getOrSet(KEYS[n]!, () => database.load(KEYS[n]!), STALE), {
        grace: true,
      }),
    'getOrSet, with grace': ({ database }, cache, n) =>
      database.check(
        KEYS[n]!,
        () => cache.getOrSet(KEYS[n]!, () => database.load(KEYS[n]!), { grace: '1h' }),
        { grace: true },
      ),
    getOrSetMany: ({ database }, cache) =>
      cache.getOrSetMany(KEYS, (keys) => Promise.all(keys.map(database.load))),
    'get, miss, set': ({ database }, cache, n) =>
      cache.withRequestMemory(async (bound) => {
        await database.check(KEYS[n]!, () => bound.get(KEYS[n]!))
        if (!(await bound.has(KEYS[n]!))) await bound.set(KEYS[n]!, await database.load(KEYS[n]!))
      }),
    delete: ({ database }, cache, n) => database.change([KEYS[n]!], () => cache.delete(KEYS[n]!)),
    'delete with children': ({ database }, cache) =>
      database.change(KEYS.slice(0, 2), () => cache.delete('a::b', { children: true })),
    expire: ({ database }, cache, n) => database.change([KEYS[n]!], () => cache.expire(KEYS[n]!), 'soft'),
    'expire with children': ({ database }, cache) =>
      database.change(KEYS.slice(0, 2), () => cache.expire('a::b', { children: true }), 'soft'),
    clear: ({ database }, cache) => database.change(KEYS, () => cache.clear()),
  }

  test('any small program of two processes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(
          fc.array(fc.tuple(fc.constantFrom(...Object.keys(ACTIONS)), fc.nat(2)), {
            minLength: 1,
            maxLength: 4,
          }),
          { minLength: 2, maxLength: 4 },
        ),
        async (s, programs) => {
          const world = worldOf(s)
          const run = async (program: (typeof programs)[number], process: number) => {
            for (const [action, n] of program) await ACTIONS[action]!(world, world.caches[process % 2]!, n)
          }
          await s.waitFor(Promise.all(programs.map(run)))
          expect(world.database.violations).toEqual([])
        },
      ),
      { numRuns: process.env.SOAK ? RUNS * 40 : RUNS },
    ))
})

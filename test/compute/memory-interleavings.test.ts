import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { holds, RUNS, type World, worldOf } from './schedules.js'

vi.setConfig({ testTimeout: process.env.SOAK ? 1_800_000 : 240_000 })

const ONE_REMEMBERS = () => ({ memories: 1 }) as const
const BOTH_REMEMBER = () => ({ memories: 2 }) as const

/** Invalidations after which a version of `a::k` is outdated. */
const CHANGES: Record<string, (cache: KeyedCache, version: number) => Promise<unknown>> = {
  'a delete': (cache) => cache.delete('a::k'),
  'a delete with children': (cache) => cache.delete('a', { children: true }),
  'an expire': (cache) => cache.expire('a::k'),
  'an expire with children': (cache) => cache.expire('a', { children: true }),
  'a set': (cache, version) => cache.set('a::k', version),
  'a clear': (cache) => cache.clear(),
}
const howOf = (name: string) => (name.includes('expire') ? 'soft' : 'hard')

describe('No order of events breaks the rule, with a process memory:', () => {
  /** Reads of a process with a process memory. */
  const readsOf = ({ database, caches, streams }: World, which: 0 | 1) => {
    const [cache, stream] = [caches[which], streams[which]]
    return {
      get: () => database.check('a::k', () => cache.get('a::k'), { stream }),
      compute: () =>
        database.check('a::k', () => cache.getOrSet('a::k', () => database.load('a::k')), { stream }),
    }
  }

  test.each(Object.entries(CHANGES))(
    'filling process memory with an outdated result, by %s elsewhere',
    (name, change) =>
      holds(async (world) => {
        const { database, caches, streams } = world
        const { get, compute } = readsOf(world, 0)
        await compute()
        const changing = async () => {
          await database.change(['a::k'], ([version]) => change(caches[1], version!), howOf(name))
          await streams[0]!.prove()
          await Promise.all([get(), compute()])
        }
        const reading = async () => {
          await get()
          await compute()
          await get()
        }
        await Promise.all([get(), changing(), reading(), compute()])
        await streams[0]!.prove()
        await Promise.all([get(), compute()])
        await get()
      }, ONE_REMEMBERS),
  )

  test.each(Object.entries(CHANGES))(
    'filling process memory with an outdated result, by %s of this process',
    (name, change) =>
      holds(async (world) => {
        const { database, caches, streams } = world
        const { get, compute } = readsOf(world, 0)
        await compute()
        // Its own changes need no report.
        const letGo = streams[0]!.hold()
        const changing = async () => {
          // Changes by this process take effect at once.
          await database.change(['a::k'], ([version]) => change(caches[0], version!), howOf(name), streams[0])
          // An answer that was under way may come after the first of them.
          await get()
          await get()
          await compute()
          await get()
        }
        const reading = async () => {
          for (let n = 0; n < 4; n++) await get()
        }
        await Promise.all([get(), changing(), compute(), reading()])
        await get()
        letGo()
      }, ONE_REMEMBERS),
  )

  test.each(Object.entries(CHANGES))('a stream that ends, and %s that it does not report', (name, change) =>
    holds(async (world) => {
      const { database, caches, streams } = world
      const { get, compute } = readsOf(world, 0)
      await compute()
      await get()
      const breaking = streams[0]!.breakOff()
      const changing = database.change(['a::k'], ([version]) => change(caches[1], version!), howOf(name))
      const reading = async () => {
        await get()
        await get()
      }
      await Promise.all([breaking, changing, get(), reading(), compute()])
      await streams[0]!.prove()
      await Promise.all([get(), compute()])
      await get()
    }, ONE_REMEMBERS),
  )

  test.each(Object.entries(CHANGES).filter(([name]) => name.includes('children') || name.includes('clear')))(
    '%s elsewhere, and siblings that are read before and after',
    (name, change) =>
      holds(async ({ database, caches: [one, two], streams: [told] }) => {
        const [first, second] = ['a::k', 'a::l'] as const
        const read = (key: string) => database.check(key, () => one.get(key), { stream: told })
        const compute = (key: string) =>
          database.check(key, () => one.getOrSet(key, () => database.load(key)), { stream: told })
        // A second read is stored in process memory.
        for (const key of [first, second]) for (let n = 0; n < 2; n++) await compute(key)
        const changing = async () => {
          await database.change([first, second], ([version]) => change(two, version!), howOf(name))
          await told!.prove()
          // One of them returns the generations above both.
          for (let n = 0; n < 2; n++) await compute(first)
          await read(second)
        }
        await Promise.all([changing(), read(first), read(second)])
        await read(second)
      }, ONE_REMEMBERS),
  )

  test('computing from process memory', () =>
    holds(async ({ database, caches: [one, two], streams: [told] }) => {
      const part = (cache: KeyedCache) => cache.getOrSet('part', () => database.load('part'))
      await part(one)
      await part(one)
      const compute = () => one.getOrSet('whole', () => part(one))
      const change = async () => {
        const letGo = told!.hold()
        await database.change(['part', 'whole'], async () => {
          await two.delete('part')
          await two.delete('whole')
        })
        // Its copy of the part is outdated, and the change is not reported yet.
        await compute()
        letGo()
      }
      await Promise.all([compute(), change(), part(one)])
      // Nothing of a process's memory reaches the store.
      await database.check('whole', () => two.get('whole'))
    }, ONE_REMEMBERS))

  test('a set after a miss of a value that was computed from process memory', () =>
    holds(async ({ database, caches: [one, two], streams: [told] }) => {
      const part = (cache: KeyedCache) => cache.getOrSet('part', () => database.load('part'))
      await part(one)
      await part(one)
      const job = () =>
        one.withRequestMemory(async (request) => {
          if (!(await request.has('whole'))) await request.set('whole', await part(request))
        })
      const change = async () => {
        const letGo = told!.hold()
        await database.change(['part', 'whole'], async () => {
          await two.delete('part')
          await two.delete('whole')
        })
        await job()
        letGo()
      }
      await Promise.all([job(), change(), part(one)])
      await database.check('whole', () => two.get('whole'))
    }, ONE_REMEMBERS))

  test.each(Object.entries(CHANGES))('%s that fails', (name, change) => {
    let isDown = false
    return holds(
      async (world) => {
        isDown = false
        const { s, database, caches, streams } = world
        const { get, compute } = readsOf(world, 0)
        await compute()
        await get()
        const changing = async () => {
          isDown = true
          await database.change(['a::k'], ([version]) => change(caches[0], version!), howOf(name), streams[0])
          const reads = [get(), compute()]
          await s.schedule(Promise.resolve(), 'the store is back')
          isDown = false
          await Promise.all([...reads, get()])
        }
        await Promise.all([get(), changing(), get()])
        await get()
      },
      () => ({
        ...ONE_REMEMBERS(),
        lease: '5ms',
        fails: (operation) => isDown && operation !== 'read' && operation !== 'acquire',
      }),
    )
  })

  /** An operation of a process; `n` selects the key. */
  type Action = (world: World, which: 0 | 1, n: number) => Promise<unknown>
  const KEYS = ['a::b::1', 'a::b::2', 'a::c']
  const ACTIONS: Record<string, Action> = {
    get: ({ database, caches, streams }, which, n) =>
      database.check(KEYS[n]!, () => caches[which].get(KEYS[n]!), { stream: streams[which] }),
    getOrSet: ({ database, caches, streams }, which, n) =>
      database.check(KEYS[n]!, () => caches[which].getOrSet(KEYS[n]!, () => database.load(KEYS[n]!)), {
        stream: streams[which],
      }),
    'getOrSet, with grace': ({ database, caches, streams }, which, n) =>
      database.check(
        KEYS[n]!,
        () => caches[which].getOrSet(KEYS[n]!, () => database.load(KEYS[n]!), { grace: '1h' }),
        { grace: true, stream: streams[which] },
      ),
    'get, miss, set': ({ database, caches, streams }, which, n) =>
      caches[which].withRequestMemory(async (bound) => {
        await database.check(KEYS[n]!, () => bound.get(KEYS[n]!), { stream: streams[which] })
        if (!(await bound.has(KEYS[n]!))) await bound.set(KEYS[n]!, await database.load(KEYS[n]!))
      }),
    delete: ({ database, caches, streams }, which, n) =>
      database.change([KEYS[n]!], () => caches[which].delete(KEYS[n]!), 'hard', streams[which]),
    'delete with children': ({ database, caches, streams }, which) =>
      database.change(
        KEYS.slice(0, 2),
        () => caches[which].delete('a::b', { children: true }),
        'hard',
        streams[which],
      ),
    expire: ({ database, caches, streams }, which, n) =>
      database.change([KEYS[n]!], () => caches[which].expire(KEYS[n]!), 'soft', streams[which]),
    'expire with children': ({ database, caches, streams }, which) =>
      database.change(
        KEYS.slice(0, 2),
        () => caches[which].expire('a::b', { children: true }),
        'soft',
        streams[which],
      ),
    clear: ({ database, caches, streams }, which) =>
      database.change(KEYS, () => caches[which].clear(), 'hard', streams[which]),
    prolong: ({ streams }, _, n) =>
      Promise.all(streams.map((stream) => stream!.prolong(['', 'a', 'a::b'][n]!))),
    prove: ({ streams }, which) => streams[which]!.prove(),
    'break off': ({ streams }, which) => streams[which]!.breakOff(),
  }

  test('any small program of two processes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(
          fc.array(fc.tuple(fc.constantFrom(...Object.keys(ACTIONS)), fc.nat(2)), {
            minLength: 1,
            maxLength: 5,
          }),
          { minLength: 2, maxLength: 4 },
        ),
        async (s, programs) => {
          const world = worldOf(s, BOTH_REMEMBER())
          const run = async (program: (typeof programs)[number], process: number) => {
            for (const [action, n] of program) await ACTIONS[action]!(world, (process % 2) as 0 | 1, n)
          }
          await s.waitFor(Promise.all(programs.map(run)))
          expect(world.database.violations).toEqual([])
        },
      ),
      { numRuns: process.env.SOAK ? RUNS * 40 : RUNS },
    ))
})

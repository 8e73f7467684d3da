import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError, ConfigurationError } from '../../src/errors.js'
import type { CacheKey } from '../../src/key/cache-key.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { LeaseWatch, Store } from '../../src/store/store.js'
import { Gate } from '../compute/gate.js'

/** Members of a store that an application has written, each of which may be broken. */
const OPERATIONS = [
  'read',
  'observe',
  'write',
  'remove',
  'expire',
  'clear',
  'acquire',
  'renew',
  'commit',
] as const
const OTHERS = ['release', 'peek', 'list', 'check', 'usage', 'secret', 'close'] as const
const STATISTICS = ['report', 'figures', 'history', 'events', 'requests', 'keyHistories'] as const
const MEMBERS = [
  ...OPERATIONS,
  ...OTHERS,
  ...STATISTICS.map((name) => `statistics.${name}` as const),
  'watch',
  'watch.activate',
  'watch.stop',
] as const
type Member = (typeof MEMBERS)[number]

const WAYS: Record<string, () => unknown> = {
  'never settles': () => new Promise(() => {}),
  rejects: () => Promise.reject(new Error('broken')),
  throws: () => {
    throw new Error('broken')
  },
}

/** An embedded store one of whose members is broken. */
function brokenStore(member: Member, broken: () => unknown): Store {
  const store: Store = new MemoryStore()
  const [name, inner] = member.split('.') as [keyof Store, string | undefined]
  if (name === 'watch') {
    const watch = store.watch.bind(store)
    const breaking = (key: CacheKey, wake: () => void): LeaseWatch => {
      if (inner === undefined) return broken() as LeaseWatch
      // A store that does not report events yet.
      return { ...watch(key, wake), active: false, [inner]: broken }
    }
    return Object.assign(store, { watch: breaking })
  }
  if (inner === undefined) return Object.assign(store, { [name]: broken })
  Object.assign(store.statistics as object, { [inner]: broken })
  return store
}

const unhandled: unknown[] = []
const listener = (reason: unknown) => void unhandled.push(reason)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', listener)
})
afterEach(() => void process.off('unhandledRejection', listener))

/** Every public operation of a cache. */
const CALLS: Record<string, (cache: KeyedCache) => Promise<unknown>> = {
  set: (cache) => cache.set('a::k', 1),
  get: (cache) => cache.get('a::k'),
  has: (cache) => cache.has('a::other'),
  fill: (cache) => cache.withRequestMemory(async (job) => [await job.get('a::f'), await job.set('a::f', 1)]),
  getOrSet: (cache) => cache.getOrSet('a::computed', () => 1),
  'getOrSet of two': (cache) => {
    const slow = () => new Promise((resolve) => setTimeout(resolve, 20, 1))
    return Promise.all([cache.getOrSet('a::two', slow), cache.getOrSet('a::two', slow, { ttl: '1m' })])
  },
  getOrSetMany: (cache) => cache.getOrSetMany(['a::m', 'a::n'], (keys) => keys.map(() => 1)),
  delete: (cache) => cache.delete('a::k'),
  'delete with children': (cache) => cache.delete('a', { children: true }),
  expire: (cache) => cache.expire('a::k'),
  clear: (cache) => cache.clear(),
  inspect: (cache) => cache.inspect('a::k'),
  list: (cache) => cache.list({}),
  check: (cache) => cache.check(),
  usage: (cache) => cache.usage(),
  stats: (cache) => cache.stats(),
  history: (cache) => cache.history(),
  events: (cache) => cache.events(),
  requests: (cache) => cache.requests(),
  sign: (cache) => internalsOf(cache).sign('text'),
}

describe.each(Object.entries(WAYS))('Where a member of a store %s', (_, broken) => {
  test.each(MEMBERS)(
    '%s: every call settles in time, with its fallback or the error of the store',
    async (member) => {
      const timeouts = { store: '40ms', wait: '300ms', lease: '100ms' } as const
      const cache = createCache({ store: brokenStore(member, broken), timeouts, logger: { warn() {} } })
      const wrong: string[] = []
      for (const [name, call] of Object.entries(CALLS)) {
        const late = new Promise((resolve) => setTimeout(resolve, 5_000, 'late').unref())
        const result = await Promise.race([
          call(cache).then(
            () => 'fine',
            (error) => (error instanceof CacheNotRespondingError ? 'fine' : String(error)),
          ),
          late,
        ])
        if (result !== 'fine') wrong.push(`${name}: ${result}`)
      }
      expect(wrong).toEqual([])
      const closed = await Promise.race([
        cache.close().then(() => 'closed'),
        new Promise((resolve) => setTimeout(resolve, 5_000, 'late').unref()),
      ])
      expect(closed).toBe('closed')
      expect(unhandled).toEqual([])
    },
  )
})

describe('A store whose statistics fail', () => {
  test.each(Object.entries(WAYS))('still describes a key that is missing: it %s', async (_, broken) => {
    const store = brokenStore('statistics.keyHistories', broken)
    const cache = createCache({ store, timeouts: { store: '40ms' }, logger: { warn() {} } })
    expect(await cache.inspect('a')).toMatchObject({ state: 'missing', reason: 'absent' })
    await cache.close()
  })

  test.each(STATISTICS)('is refused where it lacks %s', (name) => {
    const store = Object.assign(new MemoryStore(), { statistics: { ...statisticsOf(new MemoryStore()) } })
    delete (store.statistics as Partial<Record<string, unknown>>)[name]
    expect(() => createCache({ store: store as Store })).toThrow(ConfigurationError)
    expect(() => createCache({ store: store as Store })).toThrow(`statistics.${name}`)
  })
})

function statisticsOf({ statistics }: MemoryStore) {
  return Object.fromEntries(STATISTICS.map((name) => [name, statistics[name].bind(statistics)]))
}

describe('A waiter', () => {
  test.each(['watch', 'watch.activate', 'watch.stop'] as const)(
    'gets the value although %s is broken',
    async (member) => {
      for (const broken of Object.values(WAYS)) {
        const inner = new MemoryStore()
        const store = brokenStore(member, broken)
        // The entries are those of another process.
        for (const name of [...OPERATIONS, 'release'] as const)
          Object.assign(store, { [name]: inner[name].bind(inner) })
        const timeouts = { store: '100ms' } as const
        const [other, cache] = [createCache({ store: inner }), createCache({ store, timeouts })]
        const gate = new Gate()
        const computing = other.getOrSet('k', () => gate.pass().then(() => 'theirs'))
        await gate.reached()
        const waiting = cache.getOrSet('k', () => 'own')
        await expect.poll(() => cache.processStats().totals.waits).toBe(1)
        gate.open()
        expect(await computing).toBe('theirs')
        expect(await waiting).toBe('theirs')
        await Promise.all([other.close(), cache.close()])
      }
    },
  )
})

test('a store that cannot be closed is reported, and thrown with throwOnStoreError', async () => {
  for (const broken of Object.values(WAYS)) {
    const warnings: string[] = []
    const options = {
      timeouts: { store: '40ms' },
      logger: { warn: (message: string) => void warnings.push(message) },
    } as const
    await createCache({ store: brokenStore('close', broken), ...options }).close()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(
      /^keyedcache: the store could not be closed\. in-memory store is not responding/,
    )
    const throwing = createCache({ store: brokenStore('close', broken), throwOnStoreError: true, ...options })
    await expect(throwing.close()).rejects.toThrow(CacheNotRespondingError)
  }
})

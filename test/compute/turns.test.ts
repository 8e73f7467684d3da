import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Turns } from '../../src/compute/turns.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { Connection } from '../../src/store/redis/connection.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const MAX = 256
const quiet = { warn() {} }

/** A store whose answers take a moment, and how many are waited for. */
function slowStore(maxEntries = 200_000) {
  const counts = { underWay: 0, most: 0, commits: 0 }
  const store = wrapStore(new MemoryStore({ maxEntries, maxBytes: 1e9 }), async (operation, proceed) => {
    if (operation === 'commit') counts.commits++
    if (operation !== 'read' && operation !== 'acquire') return await proceed()
    counts.most = Math.max(counts.most, ++counts.underWay)
    await new Promise(setImmediate)
    counts.underWay--
    return await proceed()
  })
  return { store, counts }
}

/** However busy the machine is: none of this is about deadlines. */
function openOn(store: Store) {
  return createCache({ store, timeouts: { store: '20s', lease: '60s' } })
}

describe('Very many keys that are requested at once', () => {
  test('are read from the store in limited numbers, and each is computed once and stored', async () => {
    const { store, counts } = slowStore()
    const cache = openOn(store)
    const runs = new Map<number, number>()
    const values = await Promise.all(
      Array.from({ length: 5_000 }, (_, id) =>
        cache.getOrSet(['many', id], () => {
          runs.set(id, (runs.get(id) ?? 0) + 1)
          return id
        }),
      ),
    )
    expect(values).toEqual(Array.from({ length: 5_000 }, (_, id) => id))
    expect(new Set(runs.values())).toEqual(new Set([1]))
    expect(runs.size).toBe(5_000)
    expect(counts.most).toBe(MAX)
    expect(counts.commits).toBe(5_000)
    await cache.close()
  })

  test('may need other keys, without a deadlock', async () => {
    const { store, counts } = slowStore()
    const cache = openOn(store)
    const inner = vi.fn((id: number) => id)
    const value = (id: number): Promise<number> =>
      cache.getOrSet(['outer', id], async () => {
        const parts = [0, 1, 2].map((part) => cache.getOrSet(['inner', id, part], () => inner(part)))
        return (await Promise.all(parts)).reduce((sum, part) => sum + part, 0)
      })
    const values = await Promise.all(Array.from({ length: 1_000 }, (_, id) => value(id)))
    expect(new Set(values)).toEqual(new Set([3]))
    expect(inner).toHaveBeenCalledTimes(3_000)
    expect(counts.most).toBe(MAX)
    await cache.close()
  })

  test('may be one batch', async () => {
    const { store, counts } = slowStore()
    const cache = openOn(store)
    const keys = Array.from({ length: 4_000 }, (_, id) => `many::${id}`)
    const factory = vi.fn((missing: readonly string[]) => missing)
    expect(await cache.getOrSetMany(keys, factory)).toEqual(keys)
    expect(factory).toHaveBeenCalledOnce()
    expect([counts.most, counts.commits]).toEqual([MAX, 4_000])
    await cache.close()
  })

  test('do not wait for the slow factories of each other', async () => {
    const { store } = slowStore()
    const cache = openOn(store)
    let running = 0
    let open!: () => void
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const all = Array.from({ length: 5_000 }, (_, id) =>
      cache.getOrSet(['slow', id], async () => {
        running++
        await opened
        return id
      }),
    )
    await vi.waitFor(() => expect(running).toBe(5_000), { timeout: 15_000 })
    open()
    await Promise.all(all)
    await cache.close()
  })

  test('wait no longer than their own timeouts', async () => {
    const { store } = slowStore()
    const cache = openOn(store)
    const read = store.read
    let answer!: () => void
    const answering = new Promise<void>((resolve) => {
      answer = resolve
    })
    store.read = async (...args) => {
      await answering
      return read(...args)
    }
    // As slow as only a test's own store may be.
    const first = Array.from({ length: MAX }, (_, id) => cache.getOrSet(['first', id], () => id))
    const factory = vi.fn(() => 1)
    const controller = new AbortController()
    const impatient = cache.getOrSet('impatient', factory, { hardTimeout: 20 })
    const leaving = cache.getOrSet('leaving', factory, { signal: controller.signal })
    const patient = cache.getOrSet('patient', () => 'patient')
    const rejected = Promise.all([
      expect(impatient).rejects.toMatchObject({ name: 'ComputeTimeoutError' }),
      expect(leaving).rejects.toThrow('left'),
    ])
    controller.abort(new Error('left'))
    await rejected
    answer()
    expect(await patient).toBe('patient')
    expect(await Promise.all(first)).toHaveLength(MAX)
    expect(factory).not.toHaveBeenCalled()
    await cache.close()
  })
})

describe('Very many keys that are requested at once, on Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  test('are each computed once and stored', { timeout: 120_000 }, async () => {
    const cache = createCache({ redis: server.url, keyPrefix: 'many', timeouts: { store: '5s' } })
    const keys = Array.from({ length: 10_000 }, (_, id) => ['many', id] as const)
    let runs = 0
    await Promise.all(
      keys.map((key) =>
        cache.getOrSet(key, () => {
          runs++
          return key[1]
        }),
      ),
    )
    expect(runs).toBe(10_000)
    for (let at = 0; at < keys.length; at += 1_000) {
      const some = keys.slice(at, at + 1_000)
      expect(await cache.getMany(some)).toEqual(some.map(([, id]) => id))
    }
    expect(cache.processStats()).toMatchObject({ storeFailures: 0, totals: { fencedCommits: 0 } })
    await cache.close()
  })

  test('are all computed within a moment when Redis does not respond', async () => {
    const own = await startRedis()
    const cache = createCache({ redis: own.url, keyPrefix: 'frozen', logger: quiet })
    await vi.waitFor(() => cache.check(), { timeout: 10_000 })
    own.freeze()
    const sends = [vi.spyOn(Connection.prototype, 'send'), vi.spyOn(Connection.prototype, 'sendAll')]
    const values = await Promise.all(
      Array.from({ length: 10_000 }, (_, id) => cache.getOrSet(['many', id], () => id)),
    )
    const rounds = sends.reduce((sum, send) => sum + send.mock.calls.length, 0)
    for (const send of sends) send.mockRestore()
    expect(values).toEqual(Array.from({ length: 10_000 }, (_, id) => id))
    // Each takes as long as an answer may take: all in their turns would be forty.
    expect(rounds).toBeLessThan(12)
    own.thaw()
    await cache.close()
    await own.stop()
  })
})

describe('Turns', () => {
  const failing = new CacheNotRespondingError('not responding')
  const fill = (turns: Turns) =>
    Array.from({ length: MAX }, () => {
      let settle!: { answer(): void; fail(): void }
      void turns
        .run(
          'k',
          () => new Promise<void>((answer, reject) => (settle = { answer, fail: () => reject(failing) })),
          false,
        )
        .catch(() => {})
      return settle
    })

  test('come in the order of the calls, those for computations in progress first', async () => {
    const turns = new Turns()
    const asked = fill(turns)
    const order: string[] = []
    const later = ['a', 'b', '!c', 'd', '!e'].map((name) =>
      turns.run(name, async () => void order.push(name), name.startsWith('!')),
    )
    expect(turns.isFree).toBe(false)
    asked[0]?.answer()
    await Promise.all(later)
    expect(order).toEqual(['!c', '!e', 'a', 'b', 'd'])
  })

  test('are kept after a few failures, and dropped when the store does not respond at all', async () => {
    const turns = new Turns()
    const asked = fill(turns)
    const later = Array.from({ length: 1_000 }, (_, index) =>
      turns.run(
        'k',
        async () => {
          if (index % 7 > 0) throw failing
        },
        false,
      ),
    )
    for (const { fail } of asked) fail()
    const outcomes = await Promise.allSettled(later)
    // Each has been asked, and was answered for itself.
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(143)

    const silent = fill(turns)
    const questions = vi.fn(async () => {
      throw failing
    })
    const waiting = Array.from({ length: 1_000 }, () => turns.run('k', questions, false))
    for (const { fail } of silent) fail()
    for (const outcome of await Promise.allSettled(waiting))
      expect(outcome).toMatchObject({ reason: failing })
    expect(questions.mock.calls.length).toBeLessThanOrEqual(MAX + 32)
    expect(turns.isFree).toBe(true)
  })

  test('end when the cache is closed: waiting calls are rejected with their key, later ones start at once', async () => {
    const turns = new Turns()
    fill(turns)
    const question = vi.fn(async () => {})
    const waiting = ['a', 'b'].map((key) => turns.run(key, question, false))
    turns.close()
    for (const [index, outcome] of (await Promise.allSettled(waiting)).entries())
      expect(outcome).toMatchObject({ reason: { code: 'ERR_KEYEDCACHE_CLOSED', key: 'ab'[index] } })
    expect(question).not.toHaveBeenCalled()
    await turns.run('c', question, false)
    expect(question).toHaveBeenCalledOnce()
  })
})

import { describe, expect, test, vi } from 'vitest'
import { checkLiveness } from '../../src/store/liveness.js'
import type { RedisStore } from '../../src/store/redis/redis-store.js'
import { CLEAR, REMOVE } from '../../src/store/redis/scripts/invalidations.js'
import { startRedis } from '../helpers/redis.js'
import { connected, entry, isLive, key, ORIGIN, useRedisStores } from './redis-stores.js'

const { redis: shared, open, newPrefix } = useRedisStores()

/** How many commands have run a script. */
const scriptsRun = async () =>
  Number(/cmdstat_evalsha:calls=(\d+)/.exec(await shared.admin.info('commandstats'))?.[1] ?? 0)

/** Connects, and makes the generations that further entries below the prefix need. */
const warm = (store: RedisStore) => store.write(key('warm'), entry())

describe('A write that is sent again', () => {
  const gone = { children: false, origin: ORIGIN }

  test('does not undo a later delete when it was late', async () => {
    const store = open({ timeoutMs: 1_000 })
    await connected(store)
    await store.write(key(['large', 0]), entry())
    // Large ones before it hold it up in this process, which is then busy until its deadline has passed.
    const filling = [1, 2, 3].map((n) => store.write(key(['large', n]), entry('x'.repeat(4_000_000))))
    const writing = store.write(key('a'), entry())
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    const until = performance.now() + 1_300
    while (performance.now() < until);
    const removing = store.remove(key('a'), gone)
    await Promise.allSettled([...filling, writing])
    await removing
    expect(await isLive(store, 'a')).toBe(false)
  })

  test('does not undo a later delete when the server had lost its script', async () => {
    const store = open()
    await store.check()
    for (let gap = 0; gap < 20; gap++) {
      await shared.admin.script('FLUSH')
      const writing = store.write(key(['a', gap]), entry())
      for (let turn = 0; turn < gap; turn++) await new Promise(setImmediate)
      const removing = store.remove(key(['a', gap]), gone)
      await Promise.allSettled([writing])
      await removing
      expect(await isLive(store, ['a', gap])).toBe(false)
    }
  })

  test.each<[string, (store: RedisStore) => Promise<unknown>]>([
    ['delete of its parent', (store) => store.remove(key('tree'), { children: true, origin: ORIGIN })],
    ['clear', (store) => store.clear(ORIGIN)],
  ])('does not undo a later %s when the server had lost its script', async (_what, invalidate) => {
    const store = open()
    await store.write(key(['tree', 'warm']), entry())
    await shared.admin.script('FLUSH')
    // The scripts of the invalidation are known: it runs at once, and the write only after it.
    await shared.admin.script('LOAD', REMOVE.lua)
    await shared.admin.script('LOAD', CLEAR.lua)
    const writing = store.write(key(['tree', 'a']), entry())
    const invalidating = invalidate(store)
    await Promise.allSettled([writing])
    await invalidating
    expect(await isLive(store, ['tree', 'a'])).toBe(false)
  })

  test('resolves to false when the server had the later script only', async () => {
    const store = open()
    await warm(store)
    await shared.admin.script('FLUSH')
    await shared.admin.script('LOAD', REMOVE.lua)
    const writing = store.write(key('a'), entry())
    const other = store.write(key('b'), entry())
    const removing = store.remove(key('a'), gone)
    expect(await writing).toEqual({ written: false })
    await removing
    expect(await other).toMatchObject({ written: true })
    expect(await isLive(store, 'a')).toBe(false)
  })

  test('keeps its position among other writes of its key that are sent again', async () => {
    const store = open()
    await warm(store)
    await shared.admin.script('FLUSH')
    const results = await Promise.all([
      store.write(key('a'), entry('first')),
      store.remove(key('a'), gone),
      store.write(key('a'), entry('last')),
    ])
    expect(results).toMatchObject([{ written: true }, true, { written: true }])
    expect((await store.read(key('a'))).frame?.toString('latin1')).toContain('last')
  })
})

describe('A process that is busy, or sends many commands', () => {
  test('lets late writes take turns with a large batch of writes', async () => {
    const store = open()
    await store.check()
    let answered = 0
    const many = Array.from({ length: 20_000 }, (_, index) =>
      store.write(key(['many', index]), entry()).then(() => answered++),
    )
    await new Promise(setImmediate)
    await store.write(key('late'), entry())
    expect(answered).toBeLessThan(10_000)
    await Promise.all(many)
    expect(answered).toBe(20_000)
  })

  test('reads its writes of the same tick, also on a new connection', async () => {
    const keyPrefix = newPrefix('same')
    const earlier = open({ keyPrefix })
    await earlier.write(key('a'), entry('old'))
    const store = open({ keyPrefix })
    void store.write(key('a'), entry('new'))
    expect((await store.read(key('a'))).frame?.toString('latin1')).toContain('new')
  })

  test('still sends waiting writes after some without a reply in time', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 500 })
      await vi.waitFor(() => warm(store))
      own.freeze()
      const writing = Array.from({ length: 1_000 }, (_, n) => store.write(key(`${n}`), entry()))
      const [first] = await Promise.allSettled([writing[0]])
      own.thaw()
      expect(first?.status).toBe('rejected')
      const results = await Promise.allSettled(writing)
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1_000 - 256)
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('does not lose a delete', async () => {
    const store = open({ timeoutMs: 250 })
    await vi.waitFor(() => store.write(key('a'), entry()), { interval: 20 })
    const removing = store.remove(key('a'), { children: false, origin: ORIGIN })
    const until = performance.now() + 400
    while (performance.now() < until);
    expect(await removing).toBe(true)
  })

  test('can write and delete ten thousand keys at once, also when the server has no script yet', async () => {
    await shared.admin.script('FLUSH')
    const store = open({ timeoutMs: 1_000 })
    const many = Array.from({ length: 10_000 }, (_, index) => key(['many', index]))
    const written = await Promise.all(many.map((one) => store.write(one, entry())))
    expect(written.every((result) => result.written)).toBe(true)
    await shared.admin.script('FLUSH')
    const removed = await Promise.all(
      many.map((one) => store.remove(one, { children: false, origin: ORIGIN })),
    )
    expect(removed.every(Boolean)).toBe(true)
  })

  test('writes in the order of its calls, also when one tick has more than one batch', async () => {
    const store = open()
    await store.check()
    const many = Array.from({ length: 2_000 }, (_, index) => key(['many', index]))
    const writing = many.map((one) => store.write(one, entry('old')))
    await new Promise(setImmediate)
    const removing = store.remove(many.at(-1)!, { children: false, origin: ORIGIN })
    const overwriting = store.write(many.at(-2)!, entry('new'))
    await Promise.all([...writing, removing, overwriting])
    expect(await isLive(store, many.at(-1)!)).toBe(false)
    expect((await store.read(many.at(-2)!)).frame?.toString('latin1')).toContain('new')
  })

  test('settles each of many writes separately', async () => {
    const store = open({ keyPrefix: 'each' })
    await Promise.all(['warm', 'good', 'bad'].map((path) => store.write(key([path, 0]), entry())))
    const before = await scriptsRun()
    const paths = Array.from({ length: 70 }, (_, n) => (n % 5 === 3 ? ['bad', n] : ['good', n]))
    // No time to live is one that Redis refuses.
    const writing = paths.map((path) =>
      store.write(key(path), entry(`${path}`, path[0] === 'good' ? 60_000 : 0)),
    )
    const results = await Promise.allSettled(writing)
    // Together, but never so many that they hold the server up.
    expect((await scriptsRun()) - before).toBe(3)
    for (const [n, path] of paths.entries()) {
      const isGood = path[0] === 'good'
      expect(results[n]).toMatchObject(isGood ? { value: { written: true } } : { status: 'rejected' })
      if (!isGood) expect(String((results[n] as PromiseRejectedResult).reason)).toMatch(/invalid expire/)
      if (!isGood) continue
      const { frame } = await store.read(key(path))
      expect(frame?.toString('latin1')).toContain(`${path}`)
    }
  })

  test('rejects only the write that cannot be sent', async () => {
    const store = open()
    await store.check()
    const results = await Promise.allSettled<unknown>([
      store.write(key('before'), entry()),
      store.renew(key('bad'), undefined as unknown as Buffer, 1_000),
      store.write(key('after'), entry()),
      store.read(key('after')),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(await isLive(store, 'before')).toBe(true)
    expect(await isLive(store, 'after')).toBe(true)
  })

  test('lets late reads take turns with a large batch of reads', async () => {
    const store = open()
    await store.write(key('late'), entry())
    let answered = 0
    const many = Array.from({ length: 20_000 }, (_, index) =>
      store.read(key(['many', index])).then(() => answered++),
    )
    await new Promise(setImmediate)
    expect(checkLiveness(await store.read(key('late'))).live).toBe(true)
    expect(answered).toBeLessThan(10_000)
    await Promise.all(many)
    expect(answered).toBe(20_000)
  })

  test('applies no write after its deadline, in any number', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 100 })
      await connected(store)
      own.freeze()
      const late = await Promise.allSettled(
        Array.from({ length: 100 }, (_, n) => store.write(key(['late', n]), entry())),
      )
      expect(late.map(({ status }) => status)).toEqual(late.map(() => 'rejected'))
      own.thaw()
      await connected(store)
      for (const n of late.keys()) expect(await isLive(store, ['late', n])).toBe(false)
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('writes in the order of its calls on a server that has no script yet', async () => {
    const keyPrefix = newPrefix('order')
    const earlier = open({ keyPrefix })
    await earlier.remove(key('other'), { children: false, origin: ORIGIN })
    await shared.admin.script('FLUSH')
    // From now on the server knows how to delete, and not how to write.
    await earlier.remove(key('other'), { children: false, origin: ORIGIN })
    const store = open({ keyPrefix })
    await Promise.all([
      store.write(key('a'), entry()),
      store.remove(key('a'), { children: false, origin: ORIGIN }),
    ])
    expect(await isLive(store, 'a')).toBe(false)
  })

  test('sends waiting writes before it closes', async () => {
    const keyPrefix = newPrefix('closing')
    const [store, witness] = [open({ keyPrefix }), open({ keyPrefix })]
    await store.write(key('a'), entry())
    const removing = store.remove(key('a'), { children: false, origin: ORIGIN })
    await store.close()
    expect(await removing).toBe(true)
    expect(await isLive(witness, 'a')).toBe(false)
  })
})

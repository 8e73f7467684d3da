import { expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import type { NewEntry, Store } from '../../src/store/store.js'
import { storeWithDeadlines } from '../../src/store/store-with-deadlines.js'
import { type StoreOperation, wrapStore } from '../../src/store/wrap-store.js'

const ORIGIN = { process: 'test:1' }
const key = (text: string) => CacheKey.from(text)
const entry = (payload: string): NewEntry => ({
  format: 1,
  payload: Buffer.from(payload),
  ttlMs: 60_000,
  writtenBy: 'test:1',
})

const never = () => new Promise<never>(() => {})

/** Methods of a class that a store is not asked for. */
const OWN = new Set(['constructor', 'watch', 'close', 'description'])

test.each([MemoryStore, RedisStore])('every operation of %o runs through the wrapper', async (store) => {
  const inner = Object.create(store.prototype, { description: { value: 'wrapped' } }) as Store
  const called: StoreOperation[] = []
  const wrapped = wrapStore(inner, async (operation) => {
    called.push(operation)
    return never()
  })
  const methods = Object.getOwnPropertyNames(store.prototype).filter((name) => !OWN.has(name))
  for (const name of methods) (wrapped as unknown as Record<string, () => unknown>)[name]?.()
  expect(called.sort()).toEqual(methods.sort())
})

test('the wrapper gets the name and the arguments, and decides whether and how often the operation runs', async () => {
  const calls: unknown[] = []
  const store = wrapStore(new MemoryStore(), async (operation, proceed, args) => {
    calls.push([operation, ...args])
    if (operation === 'remove') throw new Error('refused')
    await proceed()
    return await proceed()
  })
  await store.write(key('a'), entry('x'), {})
  expect((await store.read(key('a'))).frame).not.toBe(null)
  await expect(store.remove(key('a'), { children: false, origin: ORIGIN })).rejects.toThrow('refused')
  expect((await store.read(key('a'))).frame).not.toBe(null)
  await store.statistics?.events(5)
  expect(calls.map((call) => (call as unknown[])[0])).toEqual([
    'write',
    'read',
    'remove',
    'read',
    'statistics.events',
  ])
  expect(calls[0]).toEqual(['write', key('a'), entry('x'), {}])
})

test('the wrapper has only the optional methods of its store', () => {
  const {
    statistics: _,
    secret: __,
    usage: ___,
    ...bare
  } = wrapStore(new MemoryStore(), (_, proceed) => proceed())
  const names = Object.keys(wrapStore(bare, (_, proceed) => proceed()))
  for (const name of ['statistics', 'secret', 'usage', 'tracking']) expect(names).not.toContain(name)
})

test('a method that is replaced later is used', async () => {
  const inner = new MemoryStore()
  const store = storeWithDeadlines(inner, 1_000)
  inner.check = async () => {
    throw new Error('disk full')
  }
  await expect(store.check()).rejects.toThrow(`${inner.description} is not responding: Error: disk full.`)
})

test('stats() and close() settle although the statistics of a store never do', async () => {
  const inner = new MemoryStore()
  const statistics = Object.fromEntries(
    ['report', 'figures', 'history', 'events', 'requests', 'keyHistories'].map((name) => [
      name,
      vi.fn(never),
    ]),
  )
  const store = Object.assign(inner, { statistics: statistics as never })
  const cache = createCache({ store, timeouts: { store: '50ms' }, logger: { warn() {} } })
  await cache.set('a', 1)
  await cache.get('b')
  const failures = [cache.stats(), cache.history('fine'), cache.events(), cache.requests()]
  await Promise.all(failures.map((failure) => expect(failure).rejects.toThrow(CacheNotRespondingError)))
  expect(await cache.get('a')).toBe(1)
  await cache.close()
  expect(statistics.report).toHaveBeenCalled()
})

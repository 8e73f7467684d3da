import { afterEach, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { cacheWith } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { resolveOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { ReadOptions, ReadResult, Store } from '../../src/store/store.js'
import { type StoreOperation, wrapStore } from '../../src/store/wrap-store.js'
import { Gate } from '../compute/gate.js'

const opened: KeyedCache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

/**
 * A cache whose deletes can fail, and another on the same store. `hold` stops the next operation of a kind after it was
 * carried out, before its answer arrives. No operation has a deadline.
 */
function open() {
  const inner = new MemoryStore()
  let isDown = false
  const held = new Map<StoreOperation, Gate>()
  const hold = (operation: StoreOperation): Gate => {
    const gate = new Gate()
    held.set(operation, gate)
    return gate
  }
  const store = wrapStore(inner, async (operation, proceed) => {
    if (isDown && operation === 'remove') throw new CacheNotRespondingError('down')
    const answer = await proceed()
    const gate = held.get(operation)
    held.delete(operation)
    await gate?.pass()
    return answer
  })
  const cacheOn = (own: Store) => {
    const options = resolveOptions({ store: 'memory', timeouts: { store: '20ms' }, logger: { warn() {} } })
    const cache = cacheWith({ ...options, store: own })
    opened.push(cache)
    return cache
  }
  const cache = cacheOn(store)
  const other = cacheOn(inner)
  /** The delete of a key fails, and is pending then. */
  const failDelete = async (key: string) => {
    isDown = true
    expect(await cache.delete(key)).toBe(false)
  }
  /** The store is back, and the pending deletes are repeated. */
  const replayed = async () => {
    isDown = false
    await vi.waitFor(() => expect(cache.pendingInvalidations).toBe(0), { timeout: 10_000, interval: 5 })
  }
  return { cache, other, store, inner, hold, failDelete, replayed, cacheOn }
}

async function keysOf(cache: KeyedCache): Promise<string[]> {
  const keys: string[] = []
  for await (const key of cache.keys()) keys.push(key.text)
  return keys
}

describe('What was found while a failed delete was pending counts as missing, also once it is repeated:', () => {
  const READS: Record<string, [StoreOperation, (cache: KeyedCache) => Promise<unknown>, unknown]> = {
    get: ['read', (cache) => cache.get('a::k'), undefined],
    getMany: ['read', (cache) => cache.getMany(['a::k']), [undefined]],
    has: ['read', (cache) => cache.has('a::k'), false],
    'getOrSet, what it reads first': ['read', (cache) => cache.getOrSet('a::k', () => 'new'), 'new'],
    'getOrSet, what it finds with the lease': [
      'acquire',
      (cache) => cache.getOrSet('a::k', ({ hasPrevious }) => `new, previous: ${hasPrevious}`),
      'new, previous: false',
    ],
    'getOrSet, what it might serve stale': [
      'read',
      (cache) => cache.getOrSet('a::k', () => 'new', { grace: '1h' }),
      'new',
    ],
    getOrSetMany: ['read', (cache) => cache.getOrSetMany(['a::k'], () => ['new']), ['new']],
    'get in a job, what it observes': [
      'observe',
      (cache) => cache.withRequestMemory((job) => job.get('a::k')),
      undefined,
    ],
    inspect: ['peek', async (cache) => (await cache.inspect('a::k')).reason, 'pending-invalidation'],
    keys: ['list', keysOf, []],
    list: ['list', async (cache) => (await cache.list({})).entries, []],
  }
  test.each(Object.entries(READS))('%s', async (_, [operation, read, expected]) => {
    const { cache, hold, failDelete, replayed } = open()
    await cache.set('a::k', 'old')
    await failDelete('a::k')
    const gate = hold(operation)
    const reading = read(cache)
    await gate.reached()
    await replayed()
    gate.open()
    expect(await reading).toEqual(expected)
  })

  test('what a waiter reads after its wait', async () => {
    const { cache, other, hold, failDelete, replayed } = open()
    const computing = new Gate()
    const older = other.getOrSet('a::k', async () => {
      await computing.pass()
      return 'old'
    })
    await computing.reached()
    await failDelete('a::k')
    const waiting = cache.getOrSet('a::k', () => 'new')
    await vi.waitFor(() => expect(cache.processStats().totals.waits).toBe(1))
    const gate = hold('read')
    computing.open()
    expect(await older).toBe('old')
    await gate.reached()
    await replayed()
    gate.open()
    expect(await waiting).toBe('new')
  })

  test('what a caller shares with one that asked before the delete had failed', async () => {
    const { inner, cacheOn } = open()
    const sent = new Gate()
    let shared: Promise<ReadResult> | undefined
    let isDown = true
    // Reads of one tick share an answer, as on Redis.
    const store: Store = Object.assign(
      wrapStore(inner, (_, proceed) => proceed()),
      {
        read: (key: Parameters<Store['read']>[0], options: ReadOptions) => {
          shared ??= inner.read(key, options).then(async (reading) => {
            await sent.pass()
            return reading
          })
          return shared
        },
        remove: async (...args: Parameters<Store['remove']>) => {
          if (isDown) throw new CacheNotRespondingError('down')
          return inner.remove(...args)
        },
      },
    )
    const cache = cacheOn(store)
    await cache.set('a::k', 'old')
    const before = cache.getOrSet('a::k', () => 'new')
    expect(await cache.delete('a::k')).toBe(false)
    const after = Array.from({ length: 3 }, () => cache.getOrSet('a::k', () => 'new'))
    isDown = false
    await vi.waitFor(() => expect(cache.pendingInvalidations).toBe(0), { timeout: 10_000, interval: 5 })
    sent.open()
    await before
    expect(await Promise.all(after)).toEqual(['new', 'new', 'new'])
  })
})

import { expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { PendingWarnings } from '../../src/tiers/pending-warnings.js'

/** A logger, and what it was given. */
function recorder() {
  const messages: string[] = []
  return { messages, logger: { warn: (message: string) => void messages.push(message) } }
}

test('each pending invalidation is reported, not only the first failure of the store', async () => {
  const { messages, logger } = recorder()
  const store = new MemoryStore()
  store.read = () => Promise.reject(new CacheNotRespondingError('down'))
  store.remove = () => Promise.reject(new CacheNotRespondingError('down'))
  const cache = createCache({ store, logger, timeouts: { store: '20ms' } })
  await cache.get('a')
  await cache.delete('product::1')
  await cache.delete('cart', { children: true })
  expect(messages).toEqual(['keyedcache: the store failed in get of "a"; it counts as a miss. down'])
  await vi.waitFor(() => expect(messages).toHaveLength(2), 5_000)
  expect(messages[1]).toBe(
    'keyedcache: 2 invalidations are pending, because the store has not confirmed them: "product::1", "cart" with everything below. This process treats the keys as not cached and repeats the deletes; other processes may read the old values until then.',
  )
  await cache.close()
  expect(messages[2]).toBe(
    'keyedcache: the cache was closed with 2 invalidations that the store has not confirmed: "product::1", "cart" with everything below. Other processes may read the old values until they expire.',
  )
  expect(messages).toHaveLength(3)
})

test('failures that are soon replayed cause one warning, with their number', async () => {
  const { messages, logger } = recorder()
  const store = new MemoryStore()
  const remove = store.remove.bind(store)
  store.remove = () => Promise.reject(new CacheNotRespondingError('down'))
  const cache = createCache({ store, logger, timeouts: { store: '20ms' } })
  await Promise.all([cache.delete('a'), cache.expire('b', { children: true }), cache.delete('c')])
  store.remove = remove
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(1), 5_000)
  expect(messages.join('\n')).toMatch(
    /^keyedcache: the store failed in delete of "a"; the delete is pending\. down\nkeyedcache: the store is back; \d pending invalidations? (was|were) repeated\./,
  )
  await cache.close()
  expect(messages.some((message) => message.includes('pending, because'))).toBe(false)
})

test('a summary names the last keys, and is logged at most once in its interval', async () => {
  const { messages, logger } = recorder()
  const names: string[] = []
  const warnings = new PendingWarnings(logger, () => names, { firstMs: 10, betweenMs: 200 })
  const add = (name: string) => {
    names.push(name)
    warnings.added()
  }
  for (const name of 'abcdefg') add(name)
  await vi.waitFor(() => expect(messages).toHaveLength(1), { timeout: 5_000, interval: 5 })
  const first = performance.now()
  expect(messages[0]).toContain('7 invalidations are pending, because')
  expect(messages[0]).toContain('confirmed them: c, d, e, f, g and 2 more.')
  add(`"${'h'.repeat(1_000)}" with everything below`)
  await vi.waitFor(() => expect(messages).toHaveLength(2), { timeout: 5_000, interval: 5 })
  expect(performance.now() - first).toBeGreaterThan(150)
  expect(messages[1]).toContain(`"${'h'.repeat(99)}…${'h'.repeat(77)}" with everything below and 3 more.`)
  names.length = 0
  warnings.close()
  expect(messages).toHaveLength(2)
})

test.each([
  [1, 'keyedcache: the store is back; 1 pending invalidation was repeated.'],
  [2, 'keyedcache: the store is back; 2 pending invalidations were repeated.'],
])('replays are counted in the warning: %i', (count, message) => {
  const { messages, logger } = recorder()
  new PendingWarnings(logger, () => []).repeated(count)
  expect(messages).toEqual([message])
})

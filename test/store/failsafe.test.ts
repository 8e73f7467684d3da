import { expect, test } from 'vitest'
import type { StoreFailureMessage } from '../../src/channels.js'
import { createCache } from '../../src/create-cache.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { Failsafe } from '../../src/store/failsafe.js'
import { MemoryStore } from '../../src/store/memory-store.js'

const DOWN = new CacheNotRespondingError('down')

function warningOf(
  isThrowing: boolean,
  operation: StoreFailureMessage['operation'],
  key?: string,
): string | undefined {
  const warnings: string[] = []
  const failsafe = new Failsafe(isThrowing, { warn: (message) => void warnings.push(message) }, () => {})
  try {
    failsafe.absorb(operation, key, DOWN, undefined)
  } catch (error) {
    expect(error).toBe(DOWN)
  }
  return warnings[0]
}

test.each<[StoreFailureMessage['operation'], string | undefined, string]>([
  ['get', 'a', 'get of "a"; it counts as a miss'],
  ['has', 'a', 'has of "a"; it counts as a miss'],
  ['getOrSet', 'a', 'getOrSet of "a"; the value is computed'],
  ['set', 'a', 'set of "a"; the value is not stored'],
  ['delete', 'a', 'delete of "a"; the delete is pending'],
  ['expire', 'a', 'expire of "a"; a delete is pending in its place'],
  ['clear', undefined, 'clear; the clear is pending'],
])('A warning says what a caller of %s gets', (operation, key, said) => {
  expect(warningOf(false, operation, key)).toBe(`keyedcache: the store failed in ${said}. down`)
})

test('A warning says nothing of that where the caller gets the error', () => {
  expect(warningOf(true, 'get', 'a')).toBe('keyedcache: the store failed in get of "a". down')
})

test('A computed value that could not be stored is not called computed', async () => {
  const warnings: string[] = []
  const store = new MemoryStore()
  store.commit = () => Promise.reject(DOWN)
  const cache = createCache({ store, logger: { warn: (message) => void warnings.push(message) } })
  expect(await cache.getOrSet('a', () => 5)).toBe(5)
  await expect.poll(() => warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(
    /^keyedcache: the store failed in getOrSet of "a"; the computed value is not stored\. /,
  )
  await cache.close()
})

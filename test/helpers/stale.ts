import { expect, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'

/**
 * Resolves once a value is stale for the readers of this cache. They have a lower bound of the server's clock, so on a
 * busy machine a value may be fresh for them for a moment longer than for the server.
 */
export async function becomesStale(cache: KeyedCache, key: string): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await cache.has(key)).toBe(false)
      expect((await cache.inspect(key)).state).toBe('stale')
    },
    { interval: 5, timeout: 5_000 },
  )
}

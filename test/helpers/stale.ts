import { expect, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'

/**
 * Resolves once what stands under a key is stale for this cache's readers: they know the server's clock by a lower
 * bound, so that on a busy machine they may take for fresh for a moment what the server says has expired.
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

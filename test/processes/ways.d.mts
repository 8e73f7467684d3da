import type { KeyedCache } from '../../src/cache.js'

export type WayName = 'getOrSet' | 'a cached function' | 'get → miss → set'

/** The key of a value, by the way to it. */
export function pathOf(way: WayName, id: string): string[]

/** The ways to a value that is computed where it is not cached; `read` computes it. */
export function waysOf(
  cache: KeyedCache,
): Record<WayName, (id: string, read: () => unknown) => Promise<unknown>>

/** Everything after which what was read before is out of date; a `set` stores `value`. */
export const invalidations: Record<
  string,
  (cache: KeyedCache, path: readonly string[], value: unknown) => Promise<unknown>
>

import type { KeyedCache } from '../../src/cache.js'
import { CachedObject } from '../../src/model/cached-object.js'

export const OLD = 'old'
export const COMPUTED = 'computed'
export const LONG = { ttl: '1d' } as const
export const GRACE = { grace: '1d' } as const

class Row {
  constructor(
    readonly id: number,
    readonly name: string,
  ) {}
}

export function modelOf(cache: KeyedCache) {
  return CachedObject(Row, { cache, ...LONG, name: 'product' })
}

export function functionOf(cache: KeyedCache) {
  const known = FUNCTIONS.get(cache)
  if (known !== undefined) return known
  const made = wrap(cache)
  FUNCTIONS.set(cache, made)
  return made
}

function wrap(cache: KeyedCache) {
  return cache.cached(async (_weight: number) => COMPUTED, { ...LONG, name: 'quote' })
}

/** A function is wrapped once for each cache. */
const FUNCTIONS = new WeakMap<KeyedCache, ReturnType<typeof wrap>>()

/** Writes what the operations expect: old values, of which one is stale. */
export async function prepare(cache: KeyedCache): Promise<void> {
  // Repeated after the values are written, it would delete them.
  if (cache.pendingInvalidations > 0) throw new Error('A delete is pending.')
  const names = ['tree', 'tree::a', 'tree::b', 'stale', functionOf(cache).key(1).text]
  const values = names.map((name) => [name, OLD] as const)
  const stored = await cache.setMany(values, { ...LONG, ...GRACE })
  if (stored < names.length) throw new Error(`Only ${stored} of ${names.length} values were stored.`)
  if (!(await new (modelOf(cache))(1, OLD).cacheSet())) throw new Error('The object was not stored.')
  if (!(await cache.expire('stale'))) throw new Error('The value was not expired.')
  await cache.deleteMany(['missing', 'missing::too', 'awaited', 'early'])
  // Only a value whose computation took time is refreshed early.
  const slow = () => new Promise((resolve) => setTimeout(resolve, 2, OLD))
  await cache.getOrSet('early', slow, LONG)
  if (!(await cache.has('early'))) throw new Error('The computed value was not stored.')
  if (cache.pendingInvalidations > 0) throw new Error('A delete was not confirmed.')
  // Nothing is left for the background to report, which would meet the fault before the operation does.
  await cache.stats()
}

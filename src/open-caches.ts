import type { KeyedCache } from './cache.js'
import { ConfigurationError } from './errors.js'

/** The caches that this process has made and not closed. */
export const openCaches = new Set<KeyedCache>()

/**
 * The cache of a process that has opened one, and not closed it.
 * @throws ConfigurationError when none is open, or several are
 */
export function onlyOpenCache(): KeyedCache {
  const [cache, ...others] = openCaches
  if (cache && others.length === 0) return cache
  throw new ConfigurationError(
    cache
      ? `${others.length + 1} caches are open: say which one is meant, static cache = cache in the class, or CachedObject(Base, { cache }).`
      : 'No cache is open: make one first, with createCache({ … }) or app.use(keyedCache({ … })).',
  )
}

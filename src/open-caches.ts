import type { KeyedCache } from './cache.js'
import { ConfigurationError } from './errors.js'
import { isProduction } from './name-owners.js'
import type { ResolvedOptions } from './options.js'

/** The caches that this process has made and not closed, the newest last, with their options. */
export const openCaches = new Map<KeyedCache, ResolvedOptions>()

let hasWarned = false

/**
 * The cache of a process that has opened one, and not closed it. Outside production several are taken for one whose
 * module was evaluated again: then it is the newest, with one warning.
 * @throws ConfigurationError when none is open, or in production several are
 */
export function onlyOpenCache(): KeyedCache {
  const newest = [...openCaches.keys()].at(-1)
  if (newest === undefined) {
    throw new ConfigurationError(
      'No cache is open: make one first, with createCache({ … }) or app.use(keyedCache({ … })).',
    )
  }
  if (openCaches.size === 1) {
    hasWarned = false
    return newest
  }
  const conflict = `${openCaches.size} caches are open: say which one is meant, static cache = cache in the class, or CachedObject(Base, { cache }).`
  if (isProduction()) throw new ConfigurationError(conflict)
  if (!hasWarned) {
    newest.logger.warn(
      `keyedcache: the newest open cache is used: that is right after a hot reload, where the older one should be closed. Otherwise it is a mistake, and an error with NODE_ENV=production: ${conflict}`,
    )
  }
  hasWarned = true
  return newest
}

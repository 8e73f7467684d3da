import type { KeyedCache } from './cache.js'
import { ConfigurationError } from './errors.js'
import { isProduction } from './name-owners.js'
import type { ResolvedOptions } from './options.js'

/** The open caches of this process with their options, the newest last. */
export const openCaches = new Map<KeyedCache, ResolvedOptions>()

let hasWarned = false

/**
 * The only open cache of this process. Outside production it is the newest of several, with one warning: the module that
 * makes it may have been evaluated again.
 * @throws ConfigurationError where none is open, or in production several are
 */
export function onlyOpenCache(): KeyedCache {
  const last = [...openCaches].at(-1)
  if (last === undefined) {
    throw new ConfigurationError(
      'No cache is open: make one first, with createCache({ … }) or app.use(keyedCache({ … })).',
    )
  }
  const [newest, { logger }] = last
  if (openCaches.size === 1) {
    hasWarned = false
    return newest
  }
  const count = `${openCaches.size} caches are open`
  const advice =
    'name the one to use, by static cache = cache in the class, or CachedObject(Base, { cache }).'
  if (isProduction()) throw new ConfigurationError(`${count}: ${advice}`)
  if (!hasWarned) {
    logger.warn(
      `keyedcache: ${count}, and the newest is used. After a hot reload that is right, and the older ones should be closed. Otherwise it is a mistake, and an error with NODE_ENV=production: ${advice}`,
    )
  }
  hasWarned = true
  return newest
}

/**
 * The layers of `src`, lowest first: a file imports from its own folder and from the lines above its own, nothing
 * else. A name that ends with a slash is a folder with everything in it; each file at the top has its place too.
 */
export const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts', 'background.ts', 'bounded-map.ts', 'elapsed-clock.ts', 'local-path.ts', 'logger.ts'],
  ['key/', 'entry/', 'codec/', 'bypass/', 'limited-warnings.ts', 'name-owners.ts', 'options-reader.ts'],
  ['duration.ts', 'channels.ts', 'option-advice.ts', 'option-checks.ts'],
  ['store/'],
  ['tiers/'],
  ['stats/', 'request-origin.ts'],
  ['compute/'],
  ['options/', 'inspection.ts'],
  ['options.ts'],
  ['cache/'],
  ['cache.ts'],
  ['open-caches.ts'],
  ['create-cache.ts'],
  ['model/', 'dashboard/'],
  ['express/'],
  ['testing/'],
  ['index.ts', 'testing.ts'],
]

/** Folders of which others import one file only, so that everything else is loaded when it is needed. */
export const DOORS: Readonly<Record<string, string>> = { 'dashboard/': 'dashboard/mount.ts' }

/** Each package that `src` imports, its types too, and where. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  ejs: ['dashboard/'],
  express: ['dashboard/', 'express/'],
  ioredis: ['store/redis/'],
  leven: ['options-reader.ts'],
  'lru-cache': ['store/', 'tiers/'],
}

/** Files that do no I/O, and the modules of Node that would. */
export const PURE = ['errors.ts', 'entry/', 'key/', 'codec/']
export const IO =
  /^(fs|net|tls|https?|http2|dns|dgram|child_process|cluster|worker_threads|readline|repl)(\/|$)/

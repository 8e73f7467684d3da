import { ServerResponse } from 'node:http'
import type { Request } from 'express'
import { asCache, type KeyedCache } from '../cache.js'
import { createCache } from '../create-cache.js'
import { type DashboardOptions, isDashboardOption, takeDashboardOptions } from '../dashboard/mount.js'
import { ConfigurationError } from '../errors.js'
import { aBoolean, aFunction } from '../option-checks.js'
import { CACHE_OPTIONS, type CacheOptions } from '../options.js'
import { type KnownOptions, type OptionAdvice, OptionsReader } from '../options-reader.js'
import type { RequestOrigin } from '../tiers/request-scope.js'

/** Options of the Express middleware. */
export interface MiddlewareOptions {
  /**
   * Options of the dashboard that the middleware serves; `false` serves none.
   * @default { path: '/cache' }
   */
  dashboard?: false | DashboardOptions | undefined
  /**
   * Returns the origin of a request, for the record of invalidations. It is called when a request invalidates something.
   * @default method and path of the request, and the `username`, `email` or `id` of `req.user`
   * @example (req) => ({ route: `${req.method} ${req.path}`, user: req.user?.email })
   */
  audit?: ((req: Request) => RequestOrigin) | undefined
  /**
   * Whether responses to staff carry `Server-Timing` and `Cache-Status`, which show what the cache did for the request.
   * `true` calls the dashboard's `isStaff` for every request, as is needed behind basic authentication or in a private
   * network. `false` sends no headers. Requests that get these headers are in the request log; without the request log
   * there are none.
   * @default only for requests with a `req.user` that `isStaff` accepts
   */
  staffHeaders?: boolean | undefined
}

const MIDDLEWARE_OPTIONS = {
  dashboard(value) {
    if (value === true) {
      throw new ConfigurationError(
        'dashboard must be false or an object of options, not true: leave it out to serve it at /cache.',
      )
    }
    // Checked before a cache is opened: a later error would leave the cache open.
    if (value !== false) takeDashboardOptions(value as DashboardOptions)
  },
  audit: aFunction,
  staffHeaders: aBoolean,
} satisfies KnownOptions<MiddlewareOptions>

const ADVICE: OptionAdvice = {
  forName: (name) => (isDashboardOption(name) ? `${name} belongs in dashboard: { ${name} }` : undefined),
}

const OPTIONS_OF_MIDDLEWARE = new OptionsReader<MiddlewareOptions>(
  'option',
  MIDDLEWARE_OPTIONS,
  undefined,
  ADVICE,
)
const OPTIONS_OF_BOTH = new OptionsReader<CacheOptions & MiddlewareOptions>(
  'option',
  { ...CACHE_OPTIONS, ...MIDDLEWARE_OPTIONS },
  undefined,
  ADVICE,
)

/**
 * Returns the cache and the options of a middleware from the arguments of `keyedCache`. A cache that is not given is
 * opened.
 * @throws ConfigurationError
 */
export function resolveArguments(
  first: KeyedCache | (CacheOptions & MiddlewareOptions) | undefined,
  second: MiddlewareOptions | undefined,
): { readonly cache: KeyedCache; readonly options: MiddlewareOptions } {
  const cache = asCache(first)
  if (cache !== undefined) return { cache, options: OPTIONS_OF_MIDDLEWARE.take(second) }
  if (isResponse(second)) {
    throw new ConfigurationError('keyedCache makes the middleware. Call it: app.use(keyedCache()).')
  }
  if (isMiddleware(first)) {
    throw new ConfigurationError('keyedCache() takes a cache, and that is the middleware: pass its .cache.')
  }
  if (second !== undefined) {
    throw new ConfigurationError(
      'keyedCache() takes a second object of options only after a cache: write all options in one object.',
    )
  }
  const { dashboard, audit, staffHeaders, ...cacheOptions } = OPTIONS_OF_BOTH.take(
    first as CacheOptions & MiddlewareOptions,
  )
  return { cache: createCache(cacheOptions), options: { dashboard, audit, staffHeaders } }
}

/** Whether the second argument is that of a request handler. */
function isResponse(second: unknown): boolean {
  return second instanceof ServerResponse
}

/** Whether the first argument is what `keyedCache` returns. */
function isMiddleware(first: unknown): boolean {
  return typeof first === 'function' && asCache((first as { cache?: unknown }).cache) !== undefined
}

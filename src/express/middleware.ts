import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { asCache, internalsOf, KeyedCache } from '../cache.js'
import { createCache } from '../create-cache.js'
import {
  type DashboardOptions,
  dashboard,
  mountDashboard,
  mountPath,
  staffCheck,
  takeDashboardOptions,
} from '../dashboard/mount.js'
import { ConfigurationError } from '../errors.js'
import { aBoolean, aFunction } from '../option-checks.js'
import { CACHE_OPTIONS, type CacheOptions } from '../options.js'
import { type KnownOptions, OptionsReader } from '../take-options.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import { auditOf, routeOf } from './audit.js'
import { type BypassDecision, judgeBypass, takeTokens } from './bypass.js'
import { addHeaders } from './outgoing-headers.js'
import { logRequest } from './request-log.js'
import { BYPASSED } from './staff-headers.js'

declare global {
  namespace Express {
    interface Request {
      /** The cache, bound to this request's memory. */
      cache: KeyedCache
    }
  }
}

export interface MiddlewareOptions {
  /** `false` serves no dashboard here. Default: at `/cache`, for staff. */
  dashboard?: false | DashboardOptions | undefined
  /**
   * Who is asking, for the record of what is deleted. Default: method and path
   * of the request, and the `username`, `email` or `id` of `req.user`.
   */
  audit?: ((req: Request) => RequestOrigin) | undefined
  /**
   * `Server-Timing` and `Cache-Status` on the responses to staff: what the cache has done for them. Their requests are
   * in the request log in any case. By default `isStaff` of the dashboard is called for requests with a `req.user`
   * alone. `true` calls it for every request, as needed behind basic authentication or in a private network. `false` sends
   * no headers. Without the request log there are none.
   * @default for requests with a `req.user`
   */
  staffHeaders?: boolean | undefined
}

const MIDDLEWARE_OPTIONS = {
  dashboard(value) {
    if (value === true) {
      throw new ConfigurationError('dashboard must be false or an object of options, not true: leave it out.')
    }
    if (value === false) return
    // Before a cache is opened, which a later error would leave behind.
    const own = takeDashboardOptions(value as DashboardOptions)
    mountPath(own.path)
    staffCheck(own)
  },
  audit: aFunction,
  staffHeaders: aBoolean,
} satisfies KnownOptions<MiddlewareOptions>

const BESIDE_A_CACHE = new OptionsReader<MiddlewareOptions>('option', MIDDLEWARE_OPTIONS)
const OPTIONS = new OptionsReader<CacheOptions & MiddlewareOptions>('option', {
  ...CACHE_OPTIONS,
  ...MIDDLEWARE_OPTIONS,
})

/** Express middleware, with the cache that it serves. */
export interface KeyedCacheHandler extends RequestHandler {
  readonly cache: KeyedCache
  /** The dashboard, to be mounted elsewhere: `app.use('/admin/cache', handler.dashboard())`. */
  dashboard(options?: DashboardOptions): RequestHandler
  /** Disconnects what the cache opened. */
  close(): Promise<void>
}

/**
 * Sets `req.cache`, opens a request scope around everything that follows, and
 * serves the dashboard at `/cache`. Mount it after what sets `req.user`: the
 * dashboard is for staff only.
 * @example app.use(keyedCache())
 * @throws ConfigurationError
 */
export function keyedCache(options?: CacheOptions & MiddlewareOptions): KeyedCacheHandler
export function keyedCache(cache: KeyedCache, options?: MiddlewareOptions): KeyedCacheHandler
export function keyedCache(
  given?: KeyedCache | (CacheOptions & MiddlewareOptions),
  more?: MiddlewareOptions,
): KeyedCacheHandler {
  const { cache, options } = unpack(given, more)
  const internals = internalsOf(cache)
  const audit = options.audit ?? auditOf
  const own = options.dashboard === false ? undefined : takeDashboardOptions(options.dashboard)
  const isStaff = staffCheck(own ?? {})
  const pages = own && mountDashboard(cache, { audit, ...own })

  /** Whether `isStaff` is called for the headers: one that lets all requests in must not show strangers anything. */
  function mayBeStaff(req: Request): boolean {
    return options.staffHeaders ?? Boolean((req as { user?: unknown }).user)
  }

  /** Goes on within a scope of the request's own. */
  function open(req: Request, res: Response, next: NextFunction, bypass?: BypassDecision): void {
    const bypasses = bypass?.isGranted ?? false
    const known = bypass?.isStaff
    const check = known === undefined ? isStaff : () => known
    const taking = logRequest(cache, req, res, mayBeStaff(req) || bypasses ? check : undefined)
    if (bypasses && !taking) addHeaders(res, () => [BYPASSED])
    const scope = internals.openScope({
      fills: isSafe(req.method),
      origin: () => originOf(req, audit),
      bypasses,
      log: taking?.log,
    })
    req.cache = internals.bindTo(scope)
    const end = (aborted: boolean) => {
      scope.end()
      taking?.end(aborted)
    }
    res.once('finish', () => end(false))
    res.once('close', () => end(true))
    // While it was waiting to be let in.
    if (res.closed) end(true)
    internals.runInScope(scope, next)
  }

  const handler: RequestHandler = (req, res, next) => {
    if (pages?.serves(req.path)) {
      pages.handler(req, res, next)
      return
    }
    // Mounted a second time: the request has its scope already.
    if (req.cache instanceof KeyedCache && internalsOf(req.cache).isViewOf(internals)) {
      next()
      return
    }
    // For who decides who is staff.
    req.cache = cache
    const tokens = takeTokens(req, res)
    if (tokens.length === 0 || !isSafe(req.method)) {
      open(req, res, next)
      return
    }
    judgeBypass(cache, req, tokens, isStaff)
      .then((bypass) => open(req, res, next, bypass))
      .catch(next)
  }
  return Object.assign(handler, {
    cache,
    dashboard: (own?: DashboardOptions) => dashboard(cache, { audit, ...takeDashboardOptions(own) }),
    close: () => cache.close(),
  })
}

function unpack(
  given: KeyedCache | (CacheOptions & MiddlewareOptions) | undefined,
  more: MiddlewareOptions | undefined,
): { readonly cache: KeyedCache; readonly options: MiddlewareOptions } {
  const cache = asCache(given)
  if (cache !== undefined) return { cache, options: BESIDE_A_CACHE.take(more) }
  if (more !== undefined) {
    throw new ConfigurationError(
      'keyedCache() takes a second object of options only after a cache: write all options in one object.',
    )
  }
  const { dashboard, audit, staffHeaders, ...cacheOptions } = OPTIONS.take(
    given as CacheOptions & MiddlewareOptions,
  )
  return { cache: createCache(cacheOptions), options: { dashboard, audit, staffHeaders } }
}

/** A hook that fails must not keep a delete from happening; the record says that it did. */
function originOf(req: Request, audit: (req: Request) => RequestOrigin): RequestOrigin {
  try {
    return audit(req)
  } catch (error) {
    return { route: routeOf(req), user: `unknown: audit failed with ${String(error)}` }
  }
}

/** Methods that ask for nothing to be changed (RFC 9110 §9.2.1), of those that carry content worth caching. */
function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

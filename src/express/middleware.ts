import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { internalsOf, isCache, type KeyedCache } from '../cache.js'
import {
  type DashboardOptions,
  dashboard,
  mountDashboard,
  staffCheck,
  takeDashboardOptions,
} from '../dashboard/mount.js'
import type { CacheOptions } from '../options.js'
import { defaultOrigin, originOf } from '../request-origin.js'
import { type BypassDecision, consumeBypassTokens, decideBypass } from './bypass.js'
import { type MiddlewareOptions, resolveArguments } from './middleware-options.js'
import { addHeaders } from './outgoing-headers.js'
import { logRequest } from './request-log.js'
import { BYPASSED } from './staff-headers.js'

export type { MiddlewareOptions } from './middleware-options.js'

declare global {
  namespace Express {
    interface Request {
      /** The cache, with the memory of this request. Set by the middleware `keyedCache()`. */
      cache: KeyedCache
    }
  }
}

/** The Express middleware that `keyedCache()` returns. */
export interface KeyedCacheHandler extends RequestHandler {
  /** The cache that the middleware serves, for code outside of requests. */
  readonly cache: KeyedCache
  /**
   * Returns the dashboard as a handler, to be mounted elsewhere.
   * @example app.use('/admin/cache', handler.dashboard())
   * @throws ConfigurationError
   */
  dashboard(options?: DashboardOptions): RequestHandler
  /** Closes the cache: see `KeyedCache.close`. */
  close(): Promise<void>
}

/**
 * Express middleware that sets `req.cache`, gives each request its own memory, and serves the dashboard at `/cache`.
 * Mount it after whatever sets `req.user` (sessions, Passport): the dashboard is for staff only. Takes the options of
 * `createCache` and those of the middleware, or an open cache and the options of the middleware.
 * @example app.use(keyedCache())
 * @example app.use(keyedCache(cache, { dashboard: { loginUrl: '/login' } }))
 * @throws ConfigurationError
 */
export function keyedCache(cache: KeyedCache, options?: MiddlewareOptions): KeyedCacheHandler
// The last overload: the one that TypeScript names in errors.
export function keyedCache(options?: CacheOptions & MiddlewareOptions): KeyedCacheHandler
export function keyedCache(
  first?: KeyedCache | (CacheOptions & MiddlewareOptions),
  second?: MiddlewareOptions,
): KeyedCacheHandler {
  const { cache, options } = resolveArguments(first, second)
  const internals = internalsOf(cache)
  const audit = options.audit ?? defaultOrigin
  const own = options.dashboard === false ? undefined : takeDashboardOptions(options.dashboard)
  const isStaff = staffCheck(own ?? {})
  const pages = own && mountDashboard(cache, { audit, ...own })

  /** Whether to call `isStaff`. Without `req.user` an `isStaff` that accepts everyone would show strangers headers. */
  function mayBeStaff(req: Request): boolean {
    return options.staffHeaders ?? Boolean((req as { user?: unknown }).user)
  }

  /** Runs the rest of the application in a scope of this request. */
  function runInScope(req: Request, res: Response, next: NextFunction, bypass?: BypassDecision): void {
    const bypasses = bypass?.isGranted ?? false
    const known = bypass?.isStaff
    const check = known === undefined ? isStaff : () => known
    const logged = logRequest(cache, req, res, mayBeStaff(req) || bypasses ? check : undefined)
    if (bypasses && !logged) addHeaders(res, () => [BYPASSED])
    const scope = internals.openScope({
      fills: isSafe(req.method),
      origin: () => originOf(req, audit),
      bypasses,
      log: logged?.log,
    })
    req.cache = internals.bindTo(scope)
    const end = (aborted: boolean) => {
      scope.end()
      logged?.end(aborted)
    }
    res.once('finish', () => end(false))
    res.once('close', () => end(true))
    // The client may have left while the bypass was decided.
    if (res.closed) end(true)
    internals.runInScope(scope, next)
  }

  const handler: RequestHandler = (req, res, next) => {
    if (pages?.serves(req.path)) {
      pages.handler(req, res, next)
      return
    }
    const { cache: current } = req as { cache?: unknown }
    if (isCache(current) && internalsOf(current).isViewOf(internals)) {
      // Mounted twice: the request has its scope already.
      next()
      return
    }
    // `isStaff` may use the cache before there is a scope.
    req.cache = cache
    const tokens = consumeBypassTokens(req, res)
    if (tokens.length === 0 || !isSafe(req.method)) {
      runInScope(req, res, next)
      return
    }
    decideBypass(cache, req, tokens, isStaff)
      .then((bypass) => runInScope(req, res, next, bypass))
      .catch(next)
  }
  return Object.assign(handler, {
    cache,
    dashboard: (options?: DashboardOptions) => dashboard(cache, { audit, ...takeDashboardOptions(options) }),
    close: () => cache.close(),
  })
}

/** Whether a method changes nothing (RFC 9110 §9.2.1); of those, only GET and HEAD have content worth caching. */
function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

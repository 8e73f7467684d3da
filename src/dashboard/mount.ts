import type { RequestHandler } from 'express'
import { internalsOf, type KeyedCache } from '../cache.js'
import { mountPath } from './mount-path.js'
import type { DashboardOptions } from './options.js'
import { resolveDashboard } from './resolved-options.js'

export type { AuditEvent } from './access/audit.js'
export type { RedactOption, SecretName } from './masking/secret-names.js'
export { type CsrfHook, type DashboardOptions, isDashboardOption, takeDashboardOptions } from './options.js'
export { staffCheck } from './resolved-options.js'

/**
 * Pages for staff about a cache, to be mounted anywhere behind what sets `req.user`. Options are checked at once;
 * pages, EJS and views are loaded at the first request.
 * @example app.use('/admin/cache', dashboard(cache, { loginUrl: '/login' }))
 * @throws ConfigurationError
 */
export function dashboard(cache: KeyedCache, options?: DashboardOptions): RequestHandler {
  const resolved = resolveDashboard(options, internalsOf(cache).logger)
  return onFirstRequest(async () => {
    const { serveDashboard } = await import('./dashboard.js')
    return serveDashboard(cache, resolved)
  })
}

/** The dashboard at its path. */
export interface MountedDashboard {
  readonly handler: RequestHandler
  /** Whether a path is one of the dashboard; all others belong to the application. */
  serves(path: string): boolean
}

/** @throws ConfigurationError */
export function mountDashboard(
  cache: KeyedCache,
  { path: given, ...options }: DashboardOptions,
): MountedDashboard {
  const path = mountPath(given)
  const lower = path.toLowerCase()
  const pages = dashboard(cache, options)
  return {
    handler: onFirstRequest(async () => {
      const { routerAt } = await import('./dashboard.js')
      return routerAt(path, pages)
    }),
    serves(requested) {
      const asked = requested.toLowerCase()
      return asked === lower || asked.startsWith(`${lower}/`)
    },
  }
}

/** Returns a handler that is made at the first request. If that fails, the next request tries again. */
function onFirstRequest(make: () => Promise<RequestHandler>): RequestHandler {
  let made: RequestHandler | undefined
  let making: Promise<RequestHandler> | undefined
  return (req, res, next) => {
    if (made) {
      made(req, res, next)
      return
    }
    making ??= make()
    making
      .then((handler) => {
        made = handler
        handler(req, res, next)
      })
      .catch((error: unknown) => {
        making = undefined
        next(error)
      })
  }
}

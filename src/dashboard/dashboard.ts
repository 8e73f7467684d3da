import { type Request, type RequestHandler, type Response, Router } from 'express'
import { internalsOf, isCache, type KeyedCache } from '../cache.js'
import { pathOf } from '../local-path.js'
import { originOf } from '../request-origin.js'
import { notifyAudit } from './access/audit.js'
import { checkStaffAccess } from './access/staff-access.js'
import { submittedChange } from './access/submitted-change.js'
import { readAssets } from './http/assets.js'
import { HttpError } from './http/http-error.js'
import { Links, rootFrom } from './http/links.js'
import { Parameters, queryOf } from './http/parameters.js'
import { sendAsset, sendRedirect, setHeaders } from './http/responses.js'
import type { PageRequest } from './page-request.js'
import type { ResolvedDashboard } from './resolved-options.js'
import { isApiPath, Responder } from './responder.js'
import { route } from './routes.js'
import { waitForSlice } from './scheduling/time-slices.js'
import { createRender, viewsFolder } from './views.js'

/**
 * The handler behind `dashboard()`: it answers every request that it gets.
 * @throws ConfigurationError where the views are not found
 */
export function serveDashboard(cache: KeyedCache, resolved: ResolvedDashboard): RequestHandler {
  const views = viewsFolder(resolved.views)
  const assets = readAssets(views)
  const responder = new Responder(cache, createRender(views), resolved)

  /** Serves assets to everyone, and pages to staff. */
  async function serve(req: Request, res: Response, path: string, links: Links): Promise<void> {
    const asset = assets.get(path)
    if (asset && (req.method === 'GET' || req.method === 'HEAD')) return sendAsset(req, res, asset)

    const access = await checkStaffAccess(req, resolved)
    if (!access.isGranted) {
      if (isApiPath(path)) throw new HttpError(401, 'This page is for staff. Sign in first.')
      return sendRedirect(res, access.login)
    }
    await serveStaff(req, res, path, links).catch((error: unknown) =>
      responder.sendError(req, res, error, { links, isStaff: true }),
    )
  }

  async function serveStaff(req: Request, res: Response, path: string, links: Links): Promise<void> {
    const { handler, rest } = route(req.method, path, resolved.readOnly)
    await waitForSlice()
    const fields = req.method === 'POST' ? await submittedChange(req, res, resolved) : queryOf(req.url)
    const request = pageRequest(req, new Parameters(fields), rest, links)
    await responder.send(req, res, await handler(request), links)
  }

  function pageRequest(req: Request, parameters: Parameters, rest: string, links: Links): PageRequest {
    const { readOnly, hideValues, secrets, audit, onAudit, logger } = resolved
    return {
      ...{ cache, parameters, rest, links, readOnly, hideValues, secrets },
      isSecure: req.secure,
      origin: () => originOf(req, audit),
      audit: (event) => notifyAudit(onAudit, event, logger),
      now: Date.now(),
    }
  }

  return (req, res, next) => {
    const path = pathOf(req.url)
    const links = new Links(rootFrom(pathOf(req.originalUrl), path))
    setHeaders(res)
    leaveOutOfRequestLog(req, cache)
    serve(req, res, path, links)
      .catch((error: unknown) => responder.sendError(req, res, error, { links, isStaff: false }))
      .catch(next)
  }
}

/** Serves a handler below a path, as `app.use` does. */
export function routerAt(path: string, handler: RequestHandler): RequestHandler {
  return Router().use(path, handler)
}

/** The dashboard must not change what it shows: its own requests are not logged, nor added to those of another cache. */
function leaveOutOfRequestLog(req: Request, cache: KeyedCache): void {
  internalsOf(cache).leaveOut()
  const { cache: around } = req as { cache?: unknown }
  if (isCache(around)) internalsOf(around).leaveOut()
}

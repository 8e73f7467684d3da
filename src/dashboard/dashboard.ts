import { type Request, type RequestHandler, type Response, Router } from 'express'
import { internalsOf, KeyedCache } from '../cache.js'
import { pathOf } from '../local-path.js'
import { admit } from './access.js'
import { readAssets } from './assets.js'
import { originOf, tell } from './audit.js'
import { formOf } from './body.js'
import { Links, rootFrom } from './links.js'
import type { ResolvedDashboard } from './options.js'
import type { Answer, Page, PageRequest, StreamedPage } from './page-request.js'
import { Parameters, queryOf } from './parameters.js'
import { problemJson, problemPage } from './problem.js'
import { Refusal } from './refusal.js'
import {
  sendAsset,
  sendDownload,
  sendHtml,
  sendJson,
  sendRedirect,
  sendSeeOther,
  sendStream,
  setHeaders,
} from './responding.js'
import { route } from './routes.js'
import { requireSameOrigin } from './same-origin.js'
import { nextTurn } from './turns.js'
import { createRender, viewsFolder } from './views.js'

/**
 * The handler behind `dashboard()`: it answers every request that it gets.
 * @throws ConfigurationError where the views are not found
 */
export function serveDashboard(cache: KeyedCache, resolved: ResolvedDashboard): RequestHandler {
  const views = viewsFolder(resolved.views)
  const assets = readAssets(views)
  const render = createRender(views)
  const site: Site = {
    prefix: cache.keyPrefix,
    get store() {
      return cache.storeDescription
    },
    processes: internalsOf(cache).isShared ? 'all processes' : 'this process',
    readOnly: resolved.readOnly,
  }

  async function serve(req: Request, res: Response, path: string, links: Links): Promise<void> {
    const asset = assets.get(path)
    if (asset && (req.method === 'GET' || req.method === 'HEAD')) return sendAsset(req, res, asset)

    const admission = await admit(req, resolved)
    if (!admission.admitted) {
      if (isForPrograms(path)) throw new Refusal(401, 'This is for staff. Sign in first.')
      return sendRedirect(res, admission.login)
    }
    await answer(req, res, path, links).catch((error: unknown) => fail(req, res, error, links, site))
  }

  async function answer(req: Request, res: Response, path: string, links: Links): Promise<void> {
    const { handler, rest } = route(req.method, path, resolved.readOnly)
    await nextTurn()
    const fields = req.method === 'POST' ? await changeOf(req, res, resolved) : queryOf(req.url)
    await send(req, res, await handler(visitOf(req, new Parameters(fields), rest, links)), links)
  }

  async function send(req: Request, res: Response, answer: Answer, links: Links): Promise<void> {
    if ('pieces' in answer) return sendDownload(req, res, answer)
    if ('location' in answer) return sendSeeOther(res, answer)
    if ('json' in answer) return sendJson(req, res, answer)
    if ('parts' in answer) return sendStream(req, res, (signal) => rendered(answer, links, signal))
    const csrf = resolved.csrf && { field: resolved.csrf.field, token: await resolved.csrf.token(req) }
    await sendPage(req, res, answer, links, { site, csrf })
  }

  async function sendPage(
    req: Request,
    res: Response,
    page: Page,
    links: Links,
    more: object,
  ): Promise<void> {
    const { title, data, view, live = false, status = 200 } = page
    await nextTurn()
    sendHtml(req, res, status, await render(view, { title, view, live, links, ...more, ...data }))
  }

  async function* rendered({ parts, view, title }: StreamedPage, links: Links, signal: AbortSignal) {
    for await (const part of parts(signal)) {
      yield await render(part.view, { title, view, links, site, ...part.data })
    }
  }

  function visitOf(req: Request, parameters: Parameters, rest: string, links: Links): PageRequest {
    const { readOnly, hideValues, secrets, audit, onAudit, logger } = resolved
    return {
      ...{ cache, parameters, rest, links, readOnly, hideValues, secrets },
      isSecure: req.secure,
      origin: () => originOf(req, audit),
      audit: (event) => tell(onAudit, event, logger),
      now: Date.now(),
    }
  }

  /** Without `site` the page tells a stranger nothing, not even which store there is. */
  async function fail(req: Request, res: Response, error: unknown, links: Links, site?: Site): Promise<void> {
    // Whoever asked has gone.
    if (res.destroyed) return
    if (!(error instanceof Refusal))
      internalsOf(cache).logger.warn(`keyedcache: the dashboard failed. ${describeError(error)}`)
    if (res.headersSent) {
      res.destroy()
      return
    }
    if (error instanceof Refusal && error.allow !== undefined) res.setHeader('Allow', error.allow)
    if (error instanceof Refusal && error.retryAfter !== undefined)
      res.setHeader('Retry-After', error.retryAfter)
    if (error instanceof Refusal && error.status === 401)
      res.setHeader('WWW-Authenticate', 'Session realm="keyedcache"')
    if (isForPrograms(pathOf(req.url))) return sendJson(req, res, problemJson(error))
    await sendPage(req, res, problemPage(error), links, { site })
  }

  return (req, res, next) => {
    const path = pathOf(req.url)
    const links = new Links(rootFrom(pathOf(req.originalUrl), path))
    setHeaders(res)
    leaveOut(req, cache)
    serve(req, res, path, links)
      .catch((error: unknown) => fail(req, res, error, links))
      .catch(next)
  }
}

/** Serves a handler below a path, as `app.use` does. */
export function routerAt(path: string, handler: RequestHandler): RequestHandler {
  return Router().use(path, handler)
}

/** What every page of the dashboard tells. */
interface Site {
  readonly prefix: string
  readonly store: string
  /** Whose entries these are, for people: those of all processes or of this one. */
  readonly processes: string
  readonly readOnly: boolean
}

/** The fields of a change, once it is sure that our own page sent them. */
async function changeOf(req: Request, res: Response, { origins, csrf }: ResolvedDashboard) {
  requireSameOrigin(req, origins)
  const fields = await formOf(req, res)
  if (csrf && (await csrf.verify(req)) !== true) {
    throw new Refusal(
      403,
      'The change was refused: its token is missing or out of date.',
      'Nothing was changed. Load the form again and send it from there.',
    )
  }
  return Object.entries(fields)
}

/** Looking changes nothing of what is looked at, where the application has had to do with the request before. */
function leaveOut(req: Request, cache: KeyedCache): void {
  internalsOf(cache).leaveOut()
  const { cache: around } = req as { cache?: unknown }
  if (around instanceof KeyedCache) internalsOf(around).leaveOut()
}

/** Whether data is asked for, not a page. */
function isForPrograms(path: string): boolean {
  return path.startsWith('/api/')
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

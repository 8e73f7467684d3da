import type { Request, Response } from 'express'
import { internalsOf, type KeyedCache } from '../cache.js'
import { CacheNotRespondingError } from '../errors.js'
import { LimitedWarnings } from '../limited-warnings.js'
import { pathOf } from '../local-path.js'
import type { HandlerResult, Page, StreamedPage } from './handler-result.js'
import { HttpError } from './http/http-error.js'
import type { Links } from './http/links.js'
import { problemJson, problemPage } from './http/problem.js'
import { sendDownload, sendHtml, sendJson, sendSeeOther, sendStream } from './http/responses.js'
import type { ResolvedDashboard } from './resolved-options.js'
import { waitForSlice } from './scheduling/time-slices.js'
import type { Render } from './views.js'

/** Facts about the cache that every page for staff shows. */
interface Site {
  readonly prefix: string
  readonly store: string
  /** The processes whose entries the pages show. */
  readonly processes: string
  readonly readOnly: boolean
}

/** Sends the results of handlers, and errors. */
export class Responder {
  readonly #cache: KeyedCache
  readonly #render: Render
  readonly #resolved: ResolvedDashboard
  readonly #processes: string
  readonly #storeWarnings = new LimitedWarnings((message) => this.#warn(message))

  constructor(cache: KeyedCache, render: Render, resolved: ResolvedDashboard) {
    this.#cache = cache
    this.#render = render
    this.#resolved = resolved
    this.#processes = internalsOf(cache).isShared ? 'all processes' : 'this process'
  }

  /** Sends the result of a handler. */
  async send(req: Request, res: Response, result: HandlerResult, links: Links): Promise<void> {
    if ('pieces' in result) return sendDownload(req, res, result)
    if ('location' in result) return sendSeeOther(res, result)
    if ('json' in result) return sendJson(req, res, result)
    if ('parts' in result) return sendStream(req, res, (signal) => this.#rendered(result, links, signal))
    const { csrf } = this.#resolved
    const token = csrf && { field: csrf.field, token: await csrf.token(req) }
    await this.#sendPage(req, res, result, links, { site: this.#site, csrf: token })
  }

  /** Sends an error. A page for a stranger shows nothing of the cache, not even its store. */
  async sendError(
    req: Request,
    res: Response,
    error: unknown,
    { links, isStaff }: { readonly links: Links; readonly isStaff: boolean },
  ): Promise<void> {
    // The client has left.
    if (res.destroyed) return
    this.#log(error)
    if (res.headersSent) {
      res.destroy()
      return
    }
    if (error instanceof HttpError) setHeadersOf(error, res)
    if (isApiPath(pathOf(req.url))) return sendJson(req, res, problemJson(error))
    const site = isStaff ? this.#site : undefined
    await this.#sendPage(req, res, problemPage(error), links, { site })
  }

  /** Logs an error that is no answer of the dashboard. While the store fails each request makes the same one. */
  #log(error: unknown): void {
    if (error instanceof HttpError) return
    if (error instanceof CacheNotRespondingError) {
      this.#storeWarnings.log(() => `keyedcache: the store failed in a dashboard request. ${error.message}`)
    } else {
      this.#warn(`keyedcache: a dashboard request failed: ${describeError(error)}`)
    }
  }

  #warn(message: string): void {
    internalsOf(this.#cache).logger.warn(message)
  }

  async #sendPage(req: Request, res: Response, page: Page, links: Links, more: object): Promise<void> {
    const { title, data, view, live = false, status = 200 } = page
    await waitForSlice()
    sendHtml(req, res, status, await this.#render(view, { title, view, live, links, ...more, ...data }))
  }

  async *#rendered({ parts, view, title }: StreamedPage, links: Links, signal: AbortSignal) {
    for await (const part of parts(signal)) {
      yield await this.#render(part.view, { title, view, links, site: this.#site, ...part.data })
    }
  }

  /** Made for each page: the description of the store may change. */
  get #site(): Site {
    const { keyPrefix: prefix, storeDescription: store } = this.#cache
    return { prefix, store, processes: this.#processes, readOnly: this.#resolved.readOnly }
  }
}

/** Whether a path is one of the JSON API. */
export function isApiPath(path: string): boolean {
  return path.startsWith('/api/')
}

function setHeadersOf({ status, allow, retryAfter }: HttpError, res: Response): void {
  if (allow !== undefined) res.setHeader('Allow', allow)
  if (retryAfter !== undefined) res.setHeader('Retry-After', retryAfter)
  if (status === 401) res.setHeader('WWW-Authenticate', 'Session realm="keyedcache"')
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

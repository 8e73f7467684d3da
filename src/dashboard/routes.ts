import type { HandlerResult } from './handler-result.js'
import { HttpError } from './http/http-error.js'
import type { PageRequest } from './page-request.js'
import { processesJson, statsJson } from './pages/api.js'
import { bypassForm, bypassNow } from './pages/bypass.js'
import { clearForm, clearNow } from './pages/clear.js'
import { deleteForm, deleteNow } from './pages/delete.js'
import { download } from './pages/download.js'
import { eventsJson, eventsPage } from './pages/events.js'
import { keyJson, keyPage } from './pages/key.js'
import { keysJson, keysPage } from './pages/keys.js'
import { overview } from './pages/overview/overview.js'
import { processesPage } from './pages/processes.js'
import { requestsJson, requestsPage } from './pages/requests.js'

type Handler = (request: PageRequest) => HandlerResult | Promise<HandlerResult>

export interface Route {
  readonly path: string
  readonly get: Handler
  readonly post?: Handler
  /** Closed where the dashboard is read-only. */
  readonly changes?: true
}

/** Every page there is. A path that ends in `/…` takes what follows it as a key. */
export const ROUTES: readonly Route[] = [
  { path: '/', get: overview },
  { path: '/api/stats', get: statsJson },
  { path: '/api/processes', get: processesJson },
  { path: '/api/events', get: eventsJson },
  { path: '/api/requests', get: requestsJson },
  { path: '/api/keys', get: keysJson },
  { path: '/api/key', get: keyJson },
  { path: '/processes', get: processesPage },
  { path: '/events', get: eventsPage },
  { path: '/requests', get: requestsPage },
  // Nothing is changed: allowed where the dashboard is read-only.
  { path: '/bypass', get: bypassForm, post: bypassNow },
  { path: '/keys', get: keysPage },
  { path: '/keys/…', get: keyPage },
  { path: '/key', get: keyPage },
  { path: '/download', get: download },
  { path: '/delete', get: deleteForm, post: deleteNow, changes: true },
  { path: '/clear', get: clearForm, post: clearNow, changes: true },
]

/**
 * The handler for a request, and what follows its route in the path.
 * @throws HttpError where there is none
 */
export function route(
  method: string,
  path: string,
  readOnly: boolean,
): { readonly handler: Handler; readonly rest: string } {
  const { found, rest } = find(path)
  if (found === undefined) throw new HttpError(404, 'There is no such page.')
  if (found.changes && readOnly) {
    throw new HttpError(403, 'This dashboard is read-only: nothing can be deleted here.')
  }
  const handler =
    method === 'GET' || method === 'HEAD' ? found.get : method === 'POST' ? found.post : undefined
  if (handler === undefined) {
    const allow = found.post ? 'GET, HEAD, POST' : 'GET, HEAD'
    throw new HttpError(
      405,
      `This page does not support the method ${method.slice(0, 20)}.`,
      undefined,
      allow,
    )
  }
  return { handler, rest }
}

function find(path: string): { readonly found: Route | undefined; readonly rest: string } {
  const exact = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  for (const candidate of ROUTES) {
    if (candidate.path === exact) return { found: candidate, rest: '' }
    const start = candidate.path.slice(0, -1)
    if (candidate.path.endsWith('/…') && path.startsWith(start))
      return { found: candidate, rest: decode(path.slice(start.length)) }
  }
  return { found: undefined, rest: '' }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new HttpError(400, 'Malformed address: invalid percent-encoding.')
  }
}

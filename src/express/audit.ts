import type { Request } from 'express'
import type { RequestOrigin } from '../tiers/request-scope.js'

/** Who asks for what: method and path, and what `req.user` is called, if someone is signed in. */
export function auditOf(req: Request): RequestOrigin {
  return {
    route: `${req.method} ${req.baseUrl}${req.path}`,
    user: userName((req as { user?: unknown }).user),
  }
}

export function routeOf(req: Request): string {
  return `${req.method} ${req.originalUrl.split('?', 1)[0]}`
}

function userName(user: unknown): string | undefined {
  if (typeof user !== 'object' || user === null) return undefined
  for (const property of ['username', 'email', 'id'] as const) {
    const name = (user as Record<string, unknown>)[property]
    if (typeof name === 'string' || typeof name === 'number' || typeof name === 'bigint') return String(name)
  }
  return undefined
}

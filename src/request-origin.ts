import type { RequestOrigin } from './tiers/request-scope.js'

/** The parts of an Express request that name its route. */
interface RoutedRequest {
  readonly method: string
  readonly baseUrl: string
  readonly path: string
  readonly originalUrl: string
}

/** Default of the option `audit`: method and path, and the `username`, `email` or `id` of `req.user`. */
export function defaultOrigin(req: RoutedRequest): RequestOrigin {
  const user = userOf(req)
  return {
    route: `${req.method} ${req.baseUrl}${req.path}`,
    user: nameOf(user?.username) ?? nameOf(user?.email) ?? nameOf(user?.id),
  }
}

/**
 * Returns the origin of a request by the option `audit`. Where `audit` throws, the origin says so: a broken hook must
 * not prevent an invalidation.
 */
export function originOf<Req extends RoutedRequest>(
  req: Req,
  audit: (req: Req) => RequestOrigin,
): RequestOrigin {
  try {
    const origin = audit(req)
    if (origin instanceof Promise) {
      void origin.catch(() => {})
      throw new TypeError('it returned a promise')
    }
    const { route, user } = origin
    return { route: nameOf(route), user: nameOf(user) }
  } catch (error) {
    return { route: routeOf(req), user: `unknown (audit failed: ${String(error)})` }
  }
}

/** Method and path of a request as it was sent, without its query. */
export function routeOf({ method, originalUrl }: RoutedRequest): string {
  return `${method} ${originalUrl.split('?', 1)[0]}`
}

/** The signed-in user of a request, as Passport and similar packages set it; `undefined` without one. */
export function userOf(req: object): Readonly<Record<string, unknown>> | undefined {
  const { user } = req as { user?: unknown }
  return typeof user === 'object' && user !== null ? (user as Record<string, unknown>) : undefined
}

function nameOf(given: unknown): string | undefined {
  return typeof given === 'string' || typeof given === 'number' || typeof given === 'bigint'
    ? String(given)
    : undefined
}

import type { Request } from 'express'
import { within } from '../../background.js'
import { isLocalPath } from '../../local-path.js'
import { HttpError } from '../http/http-error.js'
import type { ResolvedDashboard } from '../resolved-options.js'

/** Whether a request may see the dashboard; if not, the login page to redirect it to. */
export type StaffAccess = { readonly isGranted: true } | { readonly isGranted: false; readonly login: string }

/** Maximum duration of `isStaff`. */
const STAFF_CHECK_TIMEOUT_MS = 10_000

/**
 * Grants access to staff, and redirects requests without a user to the login page. Only `true` of `isStaff` grants access.
 * A signed-in user is shown what was found in its place; a stranger is not.
 * @throws HttpError for everyone else
 * @throws any error of `isStaff`
 */
export async function checkStaffAccess(
  req: Request,
  { isStaff, isOwnCheck, loginUrl, warnOnce }: ResolvedDashboard,
): Promise<StaffAccess> {
  const result: unknown = await within<unknown, never>(STAFF_CHECK_TIMEOUT_MS, isStaff(req), refuseLate)
  if (result === true) return { isGranted: true }
  if (isOwnCheck && typeof result !== 'boolean') warnOnce(`isStaff returned ${shown(result)}. ${ONLY_TRUE}`)
  const { user } = req as { user?: unknown }
  if (user) {
    const why = isOwnCheck ? reasonOfCheck(result) : reasonOfUser(user)
    throw new HttpError(403, `This page is for staff, and this account is not staff.${why}`, why && HINT)
  }
  if (loginUrl !== undefined) return { isGranted: false, login: withReturnPath(loginUrl, req) }
  throw new HttpError(401, 'This page is for staff. Sign in first.', hintFor(req, isOwnCheck))
}

const ONLY_TRUE = 'Only true, or a promise of true, gives access.'
const HINT =
  'To change this, load is_staff as a boolean, or set the dashboard option isStaff: (req) => req.user?.is_staff === 1.'

/** A sentence about what `isStaff` returned, unless that was a boolean. */
function reasonOfCheck(result: unknown): string {
  return typeof result === 'boolean' ? '' : ` The option isStaff returned ${shown(result)}. ${ONLY_TRUE}`
}

/** A sentence about `is_staff` of the user. Nothing else of the user is read. */
function reasonOfUser(user: unknown): string {
  if (typeof user !== 'object')
    return ` req.user is a ${typeof user}; it must be an object with is_staff === true.`
  const { is_staff: given } = user as { is_staff?: unknown }
  if (given === false) return ''
  if (given === undefined) return ' req.user has no is_staff; it must be true (is_staff === true).'
  return ` req.user.is_staff is ${shown(given)}; it must be true (is_staff === true).`
}

const MAX_SHOWN = 40

/** A value with its type. A long string is cut; an object is shown by its type only. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') {
    const cut = value.length > MAX_SHOWN ? '…' : ''
    return `the string ${JSON.stringify(value.slice(0, MAX_SHOWN).toWellFormed())}${cut}`
  }
  if (typeof value === 'number' || typeof value === 'boolean') return `the ${typeof value} ${value}`
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function refuseLate(): never {
  throw new Error('isStaff did not return within 10 seconds.')
}

function hintFor(req: Request, isOwnCheck: boolean): string | undefined {
  // The application's own check may need no req.user.
  if (isOwnCheck || (req as { user?: unknown }).user !== undefined) return undefined
  return 'If you are signed in: req.user was not set when the request reached this page. Mount the cache after the authentication.'
}

/** The login page, with the requested path as the parameter `next`. */
function withReturnPath(loginUrl: string, req: Request): string {
  const safe = req.method === 'GET' || req.method === 'HEAD'
  const candidates = safe ? [req.originalUrl, `${req.baseUrl}/`] : [`${req.baseUrl}/`]
  const back = candidates.find(isLocalPath) ?? '/'
  const [page, fragment] = loginUrl.split('#', 2) as [string, string | undefined]
  const separator = page.includes('?') ? '&' : '?'
  return `${page}${separator}next=${encodeURIComponent(back)}${fragment === undefined ? '' : `#${fragment}`}`
}

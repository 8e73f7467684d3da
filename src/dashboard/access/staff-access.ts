import type { Request } from 'express'
import { within } from '../../background.js'
import { isLocalPath } from '../../local-path.js'
import { HttpError } from '../http/http-error.js'
import type { ResolvedDashboard } from '../resolved-options.js'

/** Whether a request may see the dashboard; if not, the login page to redirect it to. */
export type StaffAccess = { readonly isGranted: true } | { readonly isGranted: false; readonly login: string }

/** Maximum duration of `isStaff`. */
const STAFF_CHECK_TIMEOUT_MS = 10_000

/** The result of `isStaff`; `undefined` where it failed. */
type Checked = { readonly result: unknown } | undefined

/**
 * Grants access to staff, and redirects requests without a user to the login page. Only `true` of `isStaff` grants access;
 * one that throws, or takes too long, counts as no, and is logged. A signed-in user is shown what was found in its place, a
 * stranger is not.
 * @throws HttpError for everyone else
 */
export async function checkStaffAccess(req: Request, resolved: ResolvedDashboard): Promise<StaffAccess> {
  const { isOwnCheck, loginUrl, warnOnce } = resolved
  const checked = await runStaffCheck(req, resolved)
  if (checked?.result === true) return { isGranted: true }
  if (isOwnCheck && checked && typeof checked.result !== 'boolean') {
    warnOnce(`isStaff returned ${shown(checked.result)}. ${ONLY_TRUE}`)
  }
  const { user } = req as { user?: unknown }
  if (user) {
    const why = isOwnCheck || !checked ? reasonOfCheck(checked) : reasonOfUser(user)
    throw new HttpError(
      403,
      `This page is for staff, and this account is not staff.${why}`,
      why && checked && HINT,
    )
  }
  if (loginUrl !== undefined) return { isGranted: false, login: withReturnPath(loginUrl, req) }
  throw new HttpError(401, 'This page is for staff. Sign in first.', hintFor(req, isOwnCheck))
}

async function runStaffCheck(req: Request, { isStaff, staffWarnings }: ResolvedDashboard): Promise<Checked> {
  try {
    return { result: await within<unknown, never>(STAFF_CHECK_TIMEOUT_MS, isStaff(req), refuseLate) }
  } catch (error) {
    staffWarnings.log(
      () => `keyedcache: the dashboard: isStaff failed, which counts as not staff. ${describeError(error)}`,
    )
    return undefined
  }
}

function describeError(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : shown(error)
  } catch {
    return 'The error cannot be read.'
  }
}

const FAILED = 'The option isStaff failed: the application log has the error.'
const ONLY_TRUE = 'Only true, or a promise of true, gives access.'
const HINT =
  'To change this, load is_staff as a boolean, or set the dashboard option isStaff: (req) => req.user?.is_staff === 1.'

/** A sentence about what `isStaff` returned, unless that was a boolean, or about its failure. */
function reasonOfCheck(checked: Checked): string {
  if (!checked) return ` ${FAILED}`
  const { result } = checked
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
  return typeOf(value)
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
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

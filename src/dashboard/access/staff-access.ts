import type { Request } from 'express'
import { within } from '../../background.js'
import { isLocalPath } from '../../local-path.js'
import { HttpError } from '../http/http-error.js'
import type { ResolvedDashboard } from '../resolved-options.js'

/** What becomes of someone at the door. */
export type StaffAccess = { readonly admitted: true } | { readonly admitted: false; readonly login: string }

/** A check that takes longer than this has failed. */
const PATIENCE_MS = 10_000

/**
 * Lets staff in, sends those who are not signed in to the login page, and
 * refuses everyone else. Only `true` lets a request in. A signed-in user reads what was found instead; a stranger does not.
 * @throws Refusal, and whatever `isStaff` throws: then nobody gets in
 */
export async function checkStaffAccess(
  req: Request,
  { isStaff, isOwnCheck, loginUrl, warnOnce }: ResolvedDashboard,
): Promise<StaffAccess> {
  const answer: unknown = await within<unknown, never>(PATIENCE_MS, isStaff(req), refuseLate)
  if (answer === true) return { admitted: true }
  if (isOwnCheck && typeof answer !== 'boolean') warnOnce(`isStaff returned ${shown(answer)}. ${ONLY_TRUE}`)
  const { user } = req as { user?: unknown }
  if (user) {
    const why = isOwnCheck ? whyOfCheck(answer) : whyOfUser(user)
    throw new HttpError(403, `This page is for staff, and this account is not staff.${why}`, why && HINT)
  }
  if (loginUrl !== undefined) return { admitted: false, login: withWayBack(loginUrl, req) }
  throw new HttpError(401, 'This page is for staff. Sign in first.', hintFor(req))
}

const ONLY_TRUE = 'Only true, or a promise of true, gives access.'
const HINT =
  'To change this, load is_staff as a boolean, or set the dashboard option isStaff: (req) => req.user?.is_staff === 1.'

/** What the application's own check answered, where that is neither yes nor no. */
function whyOfCheck(answer: unknown): string {
  return typeof answer === 'boolean' ? '' : ` The option isStaff returned ${shown(answer)}. ${ONLY_TRUE}`
}

/** What the user has in the place of `true`. Nothing else of the user is looked at. */
function whyOfUser(user: unknown): string {
  if (typeof user !== 'object')
    return ` req.user is a ${typeof user}; it must be an object with is_staff === true.`
  const { is_staff: given } = user as { is_staff?: unknown }
  if (given === false) return ''
  if (given === undefined) return ' req.user has no is_staff; it must be true (is_staff === true).'
  return ` req.user.is_staff is ${shown(given)}; it must be true (is_staff === true).`
}

const MAX_SHOWN = 40

/** A value with its type: short ones as they are written, of all others the type alone. */
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

function hintFor(req: Request): string | undefined {
  if ((req as { user?: unknown }).user !== undefined) return undefined
  return 'If you are signed in: req.user was not set when the request reached this page. Mount the cache after the authentication.'
}

function withWayBack(loginUrl: string, req: Request): string {
  const safe = req.method === 'GET' || req.method === 'HEAD'
  const candidates = safe ? [req.originalUrl, `${req.baseUrl}/`] : [`${req.baseUrl}/`]
  const back = candidates.find(isLocalPath) ?? '/'
  const [page, fragment] = loginUrl.split('#', 2) as [string, string | undefined]
  const joint = page.includes('?') ? '&' : '?'
  return `${page}${joint}next=${encodeURIComponent(back)}${fragment === undefined ? '' : `#${fragment}`}`
}

import type { Request } from 'express'
import { isLocalPath } from '../local-path.js'
import type { ResolvedDashboard } from './options.js'
import { Refusal } from './refusal.js'

/** What becomes of someone at the door. */
export type Admission = { readonly admitted: true } | { readonly admitted: false; readonly login: string }

/**
 * Lets staff in, sends those who are not signed in to the login page, and
 * refuses everyone else.
 * @throws Refusal, and whatever `isStaff` throws: then nobody gets in
 */
export async function admit(req: Request, { isStaff, loginUrl }: ResolvedDashboard): Promise<Admission> {
  if ((await isStaff(req)) === true) return { admitted: true }
  if ((req as { user?: unknown }).user) {
    throw new Refusal(403, 'This page is for staff, and you are signed in as someone else.')
  }
  if (loginUrl !== undefined) return { admitted: false, login: withWayBack(loginUrl, req) }
  throw new Refusal(401, 'This page is for staff. Sign in first.', hintFor(req))
}

function hintFor(req: Request): string | undefined {
  if ((req as { user?: unknown }).user !== undefined) return undefined
  return 'If you are signed in: nothing has set req.user when this page was reached. Mount the cache after your authentication, so that it knows who asks.'
}

function withWayBack(loginUrl: string, req: Request): string {
  const safe = req.method === 'GET' || req.method === 'HEAD'
  const candidates = safe ? [req.originalUrl, `${req.baseUrl}/`] : [`${req.baseUrl}/`]
  const back = candidates.find(isLocalPath) ?? '/'
  const [page, fragment] = loginUrl.split('#', 2) as [string, string | undefined]
  const joint = page.includes('?') ? '&' : '?'
  return `${page}${joint}next=${encodeURIComponent(back)}${fragment === undefined ? '' : `#${fragment}`}`
}

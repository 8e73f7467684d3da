import type { Request, Response } from 'express'
import { within } from '../background.js'
import { bypassTokens, expiredBypassCookie } from '../bypass/cookie.js'
import { isPlausibleToken, isTokenFor } from '../bypass/token.js'
import { internalsOf, type KeyedCache } from '../cache.js'
import { pathOf } from '../local-path.js'
import { addHeaders } from './outgoing-headers.js'
import { passesStaffCheck, type StaffCheck } from './staff-check.js'

/** Whether a request may bypass the cache. */
export interface BypassDecision {
  readonly isGranted: boolean
  /** Whether it was made by staff; `undefined` where that was not checked. */
  readonly isStaff?: boolean
}

/** Maximum duration of `isStaff` for a bypass. After it the request is served with the cache. */
const STAFF_CHECK_TIMEOUT_MS = 2_000

/** Returns the bypass tokens of a request, and makes the response delete the cookie: a token is good for one request. */
export function consumeBypassTokens(req: Request, res: Response): string[] {
  const tokens = bypassTokens(req.headers.cookie)
  if (tokens.length > 0) {
    const expired = expiredBypassCookie(pathOf(req.originalUrl), req.secure)
    addHeaders(res, () => [['Set-Cookie', expired]])
  }
  return tokens
}

/** Grants a bypass to staff with a token that was signed for the requested path. Never rejects. */
export async function decideBypass(
  cache: KeyedCache,
  req: Request,
  tokens: readonly string[],
  isStaff: StaffCheck,
): Promise<BypassDecision> {
  const now = Date.now()
  const plausible = tokens.filter((token) => isPlausibleToken(token, now))
  if (plausible.length === 0) return { isGranted: false }
  // Checked first: only staff may cause a read of the signing key in the store.
  if (!(await within(STAFF_CHECK_TIMEOUT_MS, passesStaffCheck(isStaff, req), () => false)))
    return { isGranted: false, isStaff: false }
  const sign = (text: string) => internalsOf(cache).sign(text)
  const path = pathOf(req.originalUrl)
  const checks = await Promise.all(plausible.map((token) => isTokenFor(sign, path, token, now))).catch(
    (): boolean[] => [],
  )
  return { isGranted: checks.includes(true), isStaff: true }
}

import type { Request, Response } from 'express'
import { within } from '../background.js'
import { bypassTokens, noBypassCookie } from '../bypass/cookie.js'
import { isTokenFor, mayBeToken } from '../bypass/token.js'
import { internalsOf, type KeyedCache } from '../cache.js'
import { pathOf } from '../local-path.js'
import { addHeaders } from './outgoing-headers.js'
import { isOfStaff, type StaffCheck } from './staff-check.js'

/** What came of a wish to do without the cache. */
export interface BypassDecision {
  readonly isGranted: boolean
  /** Whether it is one of staff, where that had to be asked. */
  readonly isStaff?: boolean
}

/** Who asks for so long whether it is one of staff gets the page as everybody does. */
const PATIENCE_MS = 2_000

/** What a request brings that wants to do without the cache. It is good for this one request, whatever comes of it. */
export function takeTokens(req: Request, res: Response): string[] {
  const tokens = bypassTokens(req.headers.cookie)
  if (tokens.length > 0) {
    const forgotten = noBypassCookie(pathOf(req.originalUrl), req.secure)
    addHeaders(res, () => [['Set-Cookie', forgotten]])
  }
  return tokens
}

/** Whether it may: it is one of staff, and brings what was signed for this path. Never rejects. */
export async function judgeBypass(
  cache: KeyedCache,
  req: Request,
  tokens: readonly string[],
  isStaff: StaffCheck,
): Promise<BypassDecision> {
  const now = Date.now()
  const likely = tokens.filter((token) => mayBeToken(token, now))
  if (likely.length === 0) return { isGranted: false }
  // First: nobody else makes the store be asked for the key.
  if (!(await within(PATIENCE_MS, isOfStaff(isStaff, req), () => false)))
    return { isGranted: false, isStaff: false }
  const sign = (text: string) => internalsOf(cache).sign(text)
  const path = pathOf(req.originalUrl)
  const checks = await Promise.all(likely.map((token) => isTokenFor(sign, path, token, now))).catch(
    (): boolean[] => [],
  )
  return { isGranted: checks.includes(true), isStaff: true }
}

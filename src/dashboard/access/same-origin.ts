import type { Request } from 'express'
import { HttpError } from '../http/http-error.js'

const HINT = 'Nothing was changed. Open the dashboard and submit its form.'

/**
 * Lets a change through only when it comes from a page of this origin, or of
 * one that the application named. Browsers set both headers themselves. Without
 * them the change is refused.
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 * @throws HttpError with the reason
 */
export function requireSameOrigin(req: Request, origins: ReadonlySet<string>): void {
  const site = req.headers['sec-fetch-site']
  if (site !== undefined) {
    if (site === 'same-origin') return
    throw refused('it does not come from a page of this site (Sec-Fetch-Site is not same-origin)')
  }
  const { origin } = req.headers
  if (origin === undefined) throw refused('its origin is unknown (no Origin header)')
  if (origin === 'null') throw refused('its origin is hidden (Origin is null)')
  const given = normalized(origin)
  const own = ownOrigin(req)
  if (given !== undefined && (given === own || origins.has(given))) return
  throw refused(
    `its origin (${origin.slice(0, 100)}) is not the origin of this page (${own ?? 'unknown'})`,
    'Behind a proxy, set “trust proxy” in Express, or add the origin to the dashboard option “origins”.',
  )
}

function refused(why: string, more?: string): HttpError {
  return new HttpError(403, `The change was refused: ${why}.`, more === undefined ? HINT : `${HINT} ${more}`)
}

/** This page's origin as the browser sees it, also through a proxy that the application trusts. */
function ownOrigin(req: Request): string | undefined {
  const trusts = req.app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean
  const forwarded = req.get('x-forwarded-host')?.split(',', 1)[0]?.trim()
  const host = forwarded && trusts(req.socket.remoteAddress, 0) ? forwarded : req.get('host')
  return host === undefined ? undefined : normalized(`${req.protocol}://${host}`)
}

/** Without a default port, in lower case; `undefined` for anything that is not just an origin. */
function normalized(origin: string): string | undefined {
  if (!/^https?:\/\/[^\s/?#@\\]+$/i.test(origin) || !URL.canParse(origin)) return undefined
  return new URL(origin).origin
}

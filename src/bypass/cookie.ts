const NAME = 'keyedcache-bypass'

/** Lifetime of the cookie, in seconds: enough for a browser to follow a redirect. */
const MAX_AGE_S = 30

/** Maximum length of the path. Browsers ignore a longer attribute (RFC 6265bis §5.6), and the cookie would be for another path. */
export const MAX_COOKIE_PATH = 1_024

/** Maximum number of tokens that are checked, so that a forged `Cookie` header costs little. */
const MAX_TOKENS = 4

/** `Set-Cookie` value that gives a browser a token for one path. */
export function bypassCookie(path: string, token: string, isSecure: boolean): string {
  return cookie(path, token, MAX_AGE_S, isSecure)
}

/** `Set-Cookie` value that makes a browser delete the token. */
export function expiredBypassCookie(path: string, isSecure: boolean): string {
  return cookie(path, '', 0, isSecure)
}

/** Tokens in a `Cookie` header. */
export function bypassTokens(header: string | undefined): string[] {
  // Almost no request has one, so this must be cheap.
  if (!header?.includes(`${NAME}=`)) return []
  const start = `${NAME}=`
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(start))
    .slice(0, MAX_TOKENS)
    .map((pair) => pair.slice(start.length))
}

/** `Path` of the cookie. A semicolon would end the attribute, so it is the folder before the first one. */
export function cookiePath(path: string): string {
  const end = path.indexOf(';')
  return end === -1 ? path : path.slice(0, path.lastIndexOf('/', end) + 1)
}

function cookie(path: string, value: string, maxAge: number, isSecure: boolean): string {
  const attributes = `Path=${cookiePath(path)}; Max-Age=${maxAge}; HttpOnly; SameSite=Strict`
  return `${NAME}=${value}; ${attributes}${isSecure ? '; Secure' : ''}`
}

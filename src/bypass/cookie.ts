const NAME = 'keyedcache-bypass'

/** Long enough for a browser to follow a redirect. */
const MAX_AGE_S = 30

/** A browser leaves out an attribute of more (RFC 6265bis §5.6), and the cookie would be for another path. */
export const MAX_COOKIE_PATH = 1_024

/** More cookies of the name than a browser has for one path are somebody's game. */
const MAX_TOKENS = 4

/** Given to a browser, for the requests to this path alone. */
export function bypassCookie(path: string, token: string, isSecure: boolean): string {
  return cookie(path, token, MAX_AGE_S, isSecure)
}

/** Makes the browser forget it. */
export function noBypassCookie(path: string, isSecure: boolean): string {
  return cookie(path, '', 0, isSecure)
}

/** What the browser has sent under the name. */
export function bypassTokens(header: string | undefined): string[] {
  // Nearly no request has one.
  if (!header?.includes(`${NAME}=`)) return []
  const start = `${NAME}=`
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(start))
    .slice(0, MAX_TOKENS)
    .map((pair) => pair.slice(start.length))
}

/** The path for which the browser keeps it. A semicolon would end it, so then it is the folder before. */
export function cookiePath(path: string): string {
  const end = path.indexOf(';')
  return end === -1 ? path : path.slice(0, path.lastIndexOf('/', end) + 1)
}

function cookie(path: string, value: string, maxAge: number, isSecure: boolean): string {
  const attributes = `Path=${cookiePath(path)}; Max-Age=${maxAge}; HttpOnly; SameSite=Strict`
  return `${NAME}=${value}; ${attributes}${isSecure ? '; Secure' : ''}`
}

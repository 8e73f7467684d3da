import { bypassCookie, cookiePath, MAX_COOKIE_PATH } from '../../bypass/cookie.js'
import { bypassToken } from '../../bypass/token.js'
import { internalsOf } from '../../cache.js'
import { localPathOf, pathOf } from '../../local-path.js'
import type { Page, SeeOther } from '../handler-result.js'
import { MAX_PATH } from '../http/parameters.js'
import type { PageRequest } from '../page-request.js'

/** The form for the path of a page. */
export function bypassForm({ parameters }: PageRequest): Page {
  return formPage(parameters.text('path'))
}

/** Redirects to the page, with a cookie that makes this one request bypass the cache. */
export async function bypassNow({ cache, parameters, isSecure, now }: PageRequest): Promise<Page | SeeOther> {
  const given = parameters.text('path')
  const location = localPathOf(given)
  if (location === undefined) return { ...formPage(given, NOT_HERE), status: 400 }
  const path = pathOf(location)
  if (cookiePath(path).length > MAX_COOKIE_PATH) return { ...formPage(given, TOO_LONG), status: 400 }
  const token = await bypassToken((text) => internalsOf(cache).sign(text), path, now)
  return { location, cookie: bypassCookie(path, token, isSecure) }
}

const NOT_HERE = 'Enter a path on this site, such as /products/123. It must begin with one slash.'
const TOO_LONG = `The path is too long for a cookie (maximum: ${MAX_COOKIE_PATH} characters without the query).`

function formPage(path: string, error?: string): Page {
  return {
    view: 'bypass',
    title: 'View a page without the cache',
    data: { path, maxLength: MAX_PATH, error },
  }
}

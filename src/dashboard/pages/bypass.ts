import { bypassCookie, cookiePath, MAX_COOKIE_PATH } from '../../bypass/cookie.js'
import { bypassToken } from '../../bypass/token.js'
import { internalsOf } from '../../cache.js'
import { localPathOf, pathOf } from '../../local-path.js'
import type { Page, PageRequest, SeeOther } from '../page-request.js'
import { MAX_PATH } from '../parameters.js'

/** Asks which page is to be seen without the cache. */
export function bypassForm({ parameters }: PageRequest): Page {
  return formPage(parameters.text('path'))
}

/** Leads there, with a cookie that lets this one request do without the cache. */
export async function bypassNow({ cache, parameters, isSecure, now }: PageRequest): Promise<Page | SeeOther> {
  const given = parameters.text('path')
  const location = localPathOf(given)
  if (location === undefined) return { ...formPage(given, NOT_HERE), status: 400 }
  const path = pathOf(location)
  if (cookiePath(path).length > MAX_COOKIE_PATH) return { ...formPage(given, TOO_LONG), status: 400 }
  const token = await bypassToken((text) => internalsOf(cache).sign(text), path, now)
  return { location, cookie: bypassCookie(path, token, isSecure) }
}

const NOT_HERE = 'Give a path on this site, such as /products/123: it begins with one slash.'
const TOO_LONG = `No browser keeps a cookie for such a long path: ${MAX_COOKIE_PATH} characters are the most, without the query.`

function formPage(path: string, error?: string): Page {
  return { view: 'bypass', title: 'See a page without the cache', data: { path, longest: MAX_PATH, error } }
}

import { ConfigurationError } from '../errors.js'

const DEFAULT = '/cache'
const MAX_LENGTH = 200

/** What every server, proxy and version of Express takes for itself, and for nothing else. */
const PATH = /^(?:\/[\w~@.-]+)+$/

/**
 * The path under which the middleware serves the dashboard: with a slash before it, and none behind.
 * @throws ConfigurationError that says what to write
 */
export function mountPath(given: unknown = DEFAULT): string {
  if (typeof given !== 'string')
    throw wrong(typeof given === 'object' ? 'no text' : `the ${typeof given} ${String(given)}`)
  const path = (given.startsWith('/') ? given : `/${given}`).replace(/(?<=[^/])\/$/, '')
  const said = JSON.stringify(given.slice(0, MAX_LENGTH).toWellFormed())
  if (path === '/') {
    throw wrong(
      said,
      'For a whole application write dashboard: false, and app.use(handler.dashboard()) in an application of its own.',
    )
  }
  if (/[:*{}()[\]+?!]/.test(path) && !/[#?]|^\/\w+:\//.test(path)) {
    throw wrong(
      said,
      `It has parameters or wildcards: write dashboard: false, and app.use(${said}, handler.dashboard()) behind the middleware.`,
    )
  }
  const isPath = PATH.test(path) && path.length <= MAX_LENGTH && !/\/\.{1,2}(\/|$)/.test(path)
  if (isPath) return path
  throw wrong(said)
}

function wrong(
  found: string,
  more = 'It may hold letters, digits, "-", "_", ".", "~" and "@" between single slashes.',
) {
  return new ConfigurationError(
    `The dashboard's path is ${found}. Write a path like '/cache' or '/admin/cache'. ${more}`,
  )
}

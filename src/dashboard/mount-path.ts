import { ConfigurationError } from '../errors.js'

const DEFAULT = '/cache'
const MAX_LENGTH = 200

/** Paths that every server, proxy and version of Express takes literally. */
const PATH = /^(?:\/[\w~@.-]+)+$/

/**
 * Returns the path at which the middleware serves the dashboard: with a leading slash, without a trailing one.
 * @throws ConfigurationError for anything but a plain path, with what to write
 */
export function mountPath(given: unknown = DEFAULT): string {
  if (typeof given !== 'string')
    throw wrong(typeof given === 'object' ? 'no string' : `the ${typeof given} ${String(given)}`)
  const path = (given.startsWith('/') ? given : `/${given}`).replace(/(?<=[^/])\/$/, '')
  const said = JSON.stringify(given.slice(0, MAX_LENGTH).toWellFormed())
  if (path === '/') {
    throw wrong(
      said,
      'To use a whole application for it, write dashboard: false here, and app.use(handler.dashboard()) there.',
    )
  }
  if (/[:*{}()[\]+?!]/.test(path) && !/[#?]|^\/\w+:\//.test(path)) {
    throw wrong(
      said,
      `A path with parameters or wildcards is mounted by hand: write dashboard: false, and app.use(${said}, handler.dashboard()) after the middleware.`,
    )
  }
  const isPath = PATH.test(path) && path.length <= MAX_LENGTH && !/\/\.{1,2}(\/|$)/.test(path)
  if (isPath) return path
  throw wrong(said)
}

function wrong(
  found: string,
  more = 'It may contain letters, digits, "-", "_", ".", "~" and "@" between single slashes.',
) {
  return new ConfigurationError(
    `The dashboard's path is ${found}. Write a path like '/cache' or '/admin/cache'. ${more}`,
  )
}

import type { ServerResponse } from 'node:http'

export type Header = readonly [name: string, value: string]

/**
 * Adds headers to a response at the moment that its headers are sent. `headers` is called once, then. Headers that the
 * application sets itself stay, and the added values follow theirs. All ways to send headers lead to `writeHead`;
 * decision 0017 says why this is not on-headers.
 */
export function addHeaders(res: ServerResponse, headers: () => readonly Header[]): void {
  const writeHead = res.writeHead as (this: ServerResponse, ...args: unknown[]) => ServerResponse
  let isCalled = false
  res.writeHead = function addingHeaders(this: ServerResponse, ...args: unknown[]) {
    if (isCalled) return writeHead.apply(this, args)
    isCalled = true
    return writeHead.apply(this, withHeaders(this, args, headers))
  } as typeof res.writeHead
}

/** The arguments of `writeHead` with the added headers: each in the argument that names it already, else set on `res`. */
function withHeaders(res: ServerResponse, args: unknown[], headers: () => readonly Header[]): unknown[] {
  try {
    // `writeHead(status, headers)` or `writeHead(status, reason, headers)`; the reason may be undefined.
    const at = args[2] == null && typeof args[1] !== 'string' ? 1 : 2
    const added = [...args]
    for (const header of headers()) added[at] = addHeader(res, added[at], header)
    return added[at] === undefined ? args : added
  } catch {
    // No response may fail because of these headers.
    return args
  }
}

/**
 * Adds one header, and returns the headers argument of `writeHead`. A header in that argument replaces what is set on
 * the response, so a header that is in it already is continued there.
 */
function addHeader(res: ServerResponse, given: unknown, [name, value]: Header): unknown {
  const isName = (other: unknown) => String(other).toLowerCase() === name.toLowerCase()
  if (Array.isArray(given)) {
    // Pairs, or names and values in turn.
    if (Array.isArray(given[0])) return [...given, [name, value]]
    const found = given.findLastIndex((other, index) => index % 2 === 0 && isName(other))
    // Some versions of Node send only the last of two entries of one name.
    if (found !== -1) return given.with(found + 1, [given[found + 1], value].flat())
    if (!res.hasHeader(name)) return [...given, name, value]
  } else if (typeof given === 'object' && given !== null) {
    const found = Object.entries(given).find(([other]) => isName(other))
    if (found) return { ...given, [found[0]]: [found[1], value].flat() }
  }
  res.appendHeader(name, value)
  return given
}

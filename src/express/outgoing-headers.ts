import type { ServerResponse } from 'node:http'

export type Header = readonly [name: string, value: string]

/**
 * Adds headers in the moment in which they are sent, whoever sends them: `writeHead` is what all ways lead to. What
 * the application has set itself stays, and these come after it.
 */
export function addHeaders(res: ServerResponse, headers: () => readonly Header[]): void {
  const send = res.writeHead as (this: ServerResponse, ...args: unknown[]) => ServerResponse
  let isDone = false
  res.writeHead = function writeHead(this: ServerResponse, ...args: unknown[]) {
    if (isDone) return send.apply(this, args)
    isDone = true
    return send.apply(this, withHeaders(this, args, headers))
  } as typeof res.writeHead
}

/** The arguments of `writeHead` with what must stand among them; the rest is set on the response. */
function withHeaders(res: ServerResponse, args: unknown[], headers: () => readonly Header[]): unknown[] {
  try {
    // `writeHead(status, headers)`, `writeHead(status, reason, headers)`
    const at = args[2] == null && typeof args[1] !== 'string' ? 1 : 2
    const given = [...args]
    for (const header of headers()) given[at] = place(res, given[at], header)
    return given[at] === undefined ? args : given
  } catch {
    // Nobody's response fails for them.
    return args
  }
}

/** What is given to `writeHead` replaces what was set before, so a header that stands in it is continued there. */
function place(res: ServerResponse, given: unknown, [name, value]: Header): unknown {
  const isName = (other: unknown) => String(other).toLowerCase() === name.toLowerCase()
  if (Array.isArray(given)) {
    // Pairs, or names and values in turn.
    if (Array.isArray(given[0])) return [...given, [name, value]]
    const found = given.findLastIndex((other, index) => index % 2 === 0 && isName(other))
    // A second time the name would replace the first, in some versions of Node.
    if (found !== -1) return given.with(found + 1, [given[found + 1], value].flat())
    if (!res.hasHeader(name)) return [...given, name, value]
  } else if (typeof given === 'object' && given !== null) {
    const found = Object.entries(given).find(([other]) => isName(other))
    if (found) return { ...given, [found[0]]: [found[1], value].flat() }
  }
  res.appendHeader(name, value)
  return given
}

/** A path on this host. `//host` and `/\host` are none: browsers go elsewhere with them. */
export function isLocalPath(url: string): boolean {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(url)
}

/** Where a browser on this host goes with a path that someone has typed or copied; `undefined` for what is none. */
export function localPathOf(text: string): string | undefined {
  if (/^\/\/|[\p{Cc}\\]/u.test(text) || !text.startsWith('/')) return undefined
  const { pathname, search } = new URL(text, 'http://localhost')
  // Of `/.//host` is left `//host`.
  return isLocalPath(pathname + search) ? pathname + search : undefined
}

/** The path of a request's URL as it was sent, undecoded; without the origin that a proxy's request may begin with. */
export function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] || '/'
}

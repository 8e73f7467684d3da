/** Whether a URL is a path on this host. Browsers take `//host` and `/\host` for another host. */
export function isLocalPath(url: string): boolean {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(url)
}

/** Returns a typed or copied path as a browser requests it; `undefined` for anything but a path on this host. */
export function localPathOf(text: string): string | undefined {
  if (/^\/\/|[\p{Cc}\\]/u.test(text) || !text.startsWith('/')) return undefined
  const { pathname, search } = new URL(text, 'http://localhost')
  // `/.//host` becomes `//host`.
  return isLocalPath(pathname + search) ? pathname + search : undefined
}

/** Path of a request's URL as it was sent: not decoded, and without the origin that a proxy's request may begin with. */
export function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] || '/'
}

/**
 * Returns a path of this shop to open after signing in, or `/` for anything that leads elsewhere: `?next=` comes from the
 * address, so anyone may have written it.
 */
export function localPath(wanted) {
  const base = 'http://shop.invalid'
  if (typeof wanted !== 'string' || !wanted.startsWith('/') || !URL.canParse(wanted, base)) return '/'
  const { origin, pathname, search, hash } = new URL(wanted, base)
  // A browser reads `//evil.example` as another site, and `/.//evil.example` becomes that.
  if (origin !== base || pathname.startsWith('//')) return '/'
  return pathname + search + hash
}

import type { CacheKey } from '../../../key/cache-key.js'
import type { PageRequest } from '../../page-request.js'

/** The breadcrumbs of a key, one for each segment. */
export function crumbsOf(key: CacheKey | undefined, { links }: PageRequest) {
  if (key === undefined) return []
  const texts = [...key.ancestors, key.text]
  return key.segments.map((segment, depth) => ({ segment, href: links.keys({ under: texts[depth] }) }))
}

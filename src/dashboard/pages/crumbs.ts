import type { CacheKey } from '../../key/cache-key.js'
import type { PageRequest } from '../page-request.js'

/** The way down to a key that was asked for, a step for each of its segments. */
export function crumbsOf(key: CacheKey | undefined, { links }: PageRequest) {
  if (key === undefined) return []
  const texts = [...key.ancestors, key.text]
  return key.segments.map((segment, depth) => ({ segment, href: links.keys({ under: texts[depth] }) }))
}

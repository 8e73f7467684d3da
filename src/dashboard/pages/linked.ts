import type { ShownKey } from '../masking/mask-key.js'
import type { PageRequest } from '../page-request.js'

/** A key in a list leads to its page; where a part of it is masked, to what lies above that. */
export function linked({ text, key, under }: ShownKey, { links }: Pick<PageRequest, 'links'>) {
  if (key) return { text, href: links.key(key.text) }
  return { text, href: under === undefined ? undefined : links.keys({ under }) }
}

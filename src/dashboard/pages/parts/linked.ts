import type { MaskedKey } from '../../masking/mask-key.js'
import type { PageRequest } from '../../page-request.js'

/** A key with the link to its page; a masked key links to the keys above its masked part. */
export function linked({ text, key, under }: MaskedKey, { links }: Pick<PageRequest, 'links'>) {
  if (key) return { text, href: links.key(key.text) }
  return { text, href: under === undefined ? undefined : links.keys({ under }) }
}

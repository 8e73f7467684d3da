import { InvalidKeyError } from '../../errors.js'
import { CacheKey } from '../../key/cache-key.js'
import { escapeText, unescapeText } from '../../key/escape.js'
import { maskText } from './mask-text.js'
import { MASKED, type SecretNames } from './secret-names.js'

const SEPARATOR = '::'

/** Replaces masks in a search: neither a query nor a key contains it. */
const UNFINDABLE = '\0'

/** A key with its secrets masked, for every list of keys. */
export interface MaskedKey {
  readonly text: string
  /** The key itself; `undefined` where a part of it is masked, or where the text is no key. */
  readonly key?: CacheKey
  /** Text of the key above the first masked part. */
  readonly under?: string
  /** The masked text without escapes. */
  readonly unescaped: string
}

/**
 * Masks the parts of a key after a part that is the name of a secret, as in `session::5e1f…`, and secrets within a part,
 * as in `page::/x?token=…`.
 */
export function maskKey(given: CacheKey | string, secrets: SecretNames): MaskedKey {
  const key = typeof given === 'string' ? keyOf(given) : given
  const text = typeof given === 'string' ? given : given.text
  const segments = text.split(SEPARATOR)
  const parts = key ? key.parts.map(String) : segments
  const written: string[] = []
  const plain: string[] = []
  let masked = -1
  for (const [at, segment] of segments.entries()) {
    const part = readable(segment, parts[at] as string)
    const shown = maskText(part, secrets)
    written.push(shown === part ? segment : shown.split(MASKED).map(escapeText).join(MASKED))
    plain.push(shown === part ? (parts[at] as string) : shown)
    if (shown !== part && masked === -1) masked = at
    if (at === segments.length - 1 || !secrets.hasUnder(parts[at - 1], part)) continue
    written.push(MASKED)
    plain.push(MASKED)
    if (masked === -1) masked = at + 1
    break
  }
  if (masked === -1) return { text, unescaped: parts.join(SEPARATOR), ...(key && { key }) }
  return {
    text: written.join(SEPARATOR),
    unescaped: plain.join(SEPARATOR),
    ...(masked > 0 && { under: segments.slice(0, masked).join(SEPARATOR) }),
  }
}

/** Whether the shown part of a key contains a text that is in lower case. */
export function containsText({ text, unescaped }: MaskedKey, wanted: string): boolean {
  return [text, unescaped].some((shown) =>
    shown.replaceAll(MASKED, UNFINDABLE).toLowerCase().includes(wanted),
  )
}

/** Whether the shown part of a key contains a text. Masks a key only where it contains the text, since masking costs most. */
export function matchesText(key: CacheKey, wanted: string, secrets: SecretNames): boolean {
  return hasText(key, wanted) && containsText(maskKey(key, secrets), wanted)
}

/** Whether a key contains a text, escaped or not. */
function hasText(key: CacheKey, wanted: string): boolean {
  return (
    key.text.toLowerCase().includes(wanted) ||
    (key.text.includes('%') && key.parts.map(String).join(SEPARATOR).toLowerCase().includes(wanted))
  )
}

/** A segment without escapes, also where the segment was shortened to a digest. */
function readable(segment: string, part: string): string {
  return segment === part && segment.includes('%') ? unescapeText(segment) : part
}

/** Parses a key; `undefined` for a text that cannot be one, such as the beginning of a key. */
function keyOf(text: string): CacheKey | undefined {
  try {
    return CacheKey.from(text)
  } catch (error) {
    if (error instanceof InvalidKeyError) return undefined
    throw error
  }
}

import { InvalidKeyError } from '../../errors.js'
import { CacheKey } from '../../key/cache-key.js'
import { escapeText, unescapeText } from '../../key/escape.js'
import { maskText } from './mask-text.js'
import { MASKED, type SecretNames } from './secret-names.js'

const SEPARATOR = '::'

/** Stands for a mask in a search: no query can hold it, and no key does. */
const UNFINDABLE = '\0'

/** A key's text as staff may see it where it is not asked for by itself. */
export interface MaskedKey {
  readonly text: string
  /** The key itself, where all of it is shown. */
  readonly key?: CacheKey
  /** What stands before the first part that is masked. */
  readonly under?: string
  /** The same text as it reads, unescaped. */
  readonly unescaped: string
}

/**
 * What follows a part that looks like a secret's name, as in `session::5e1f…`, is masked; and within a part what is
 * masked in any text, as in `page::/x?token=…`.
 */
export function maskKey(asked: CacheKey | string, secrets: SecretNames): MaskedKey {
  const key = typeof asked === 'string' ? keyOf(asked) : asked
  const text = typeof asked === 'string' ? asked : asked.text
  const segments = text.split(SEPARATOR)
  const parts = key ? key.parts.map(String) : segments
  const written: string[] = []
  const reads: string[] = []
  let masked = -1
  for (const [at, segment] of segments.entries()) {
    const part = readable(segment, parts[at] as string)
    const shown = maskText(part, secrets)
    written.push(shown === part ? segment : shown.split(MASKED).map(escapeText).join(MASKED))
    reads.push(shown === part ? (parts[at] as string) : shown)
    if (shown !== part && masked === -1) masked = at
    if (at === segments.length - 1 || !secrets.hasUnder(parts[at - 1], part)) continue
    written.push(MASKED)
    reads.push(MASKED)
    if (masked === -1) masked = at + 1
    break
  }
  if (masked === -1) return { text, unescaped: parts.join(SEPARATOR), ...(key && { key }) }
  return {
    text: written.join(SEPARATOR),
    unescaped: reads.join(SEPARATOR),
    ...(masked > 0 && { under: segments.slice(0, masked).join(SEPARATOR) }),
  }
}

/** Whether a text that is looked for, in lower case, stands in what is shown of a key: never in what is masked. */
export function containsText({ text, unescaped }: MaskedKey, wanted: string): boolean {
  return [text, unescaped].some((shown) =>
    shown.replaceAll(MASKED, UNFINDABLE).toLowerCase().includes(wanted),
  )
}

/** The same of one key among many: masks cost most, so they are asked for only where the text stands. */
export function matchesText(key: CacheKey, wanted: string, secrets: SecretNames): boolean {
  return stands(key, wanted) && containsText(maskKey(key, secrets), wanted)
}

/** As it is written, or as it reads: which are the same where nothing is escaped. */
function stands(key: CacheKey, wanted: string): boolean {
  return (
    key.text.toLowerCase().includes(wanted) ||
    (key.text.includes('%') && key.parts.map(String).join(SEPARATOR).toLowerCase().includes(wanted))
  )
}

/** What a segment says, also where it was shortened: its beginning can be read then. */
function readable(segment: string, part: string): string {
  return segment === part && segment.includes('%') ? unescapeText(segment) : part
}

/** Nothing for what cannot be a key: the beginning of one, or a text of somebody else's. */
function keyOf(text: string): CacheKey | undefined {
  try {
    return CacheKey.from(text)
  } catch (error) {
    if (error instanceof InvalidKeyError) return undefined
    throw error
  }
}

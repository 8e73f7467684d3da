import { InvalidKeyError } from '../errors.js'
import { CacheKey } from '../key/cache-key.js'
import { MASKED, type SecretNames } from './secrets.js'

const SEPARATOR = '::'

/** A key's text as staff may see it where it is not asked for by itself. */
export interface ShownKey {
  readonly text: string
  /** The key itself, where all of it is shown. */
  readonly key?: CacheKey
  /** What stands before the first part that is masked. */
  readonly under?: string
}

/** What follows a part that looks like a secret's name, as in `session::5e1f…`, is masked. */
export function maskKey(asked: CacheKey | string, secrets: SecretNames): ShownKey {
  const key = typeof asked === 'string' ? keyOf(asked) : asked
  const text = typeof asked === 'string' ? asked : asked.text
  const names = key ? key.parts.map(String) : text.split(SEPARATOR)
  const secret = names.findIndex((name) => secrets.has(name))
  if (secret === -1 || secret === names.length - 1) return key ? { text, key } : { text }
  const under = text
    .split(SEPARATOR)
    .slice(0, secret + 1)
    .join(SEPARATOR)
  return { text: under + SEPARATOR + MASKED, under }
}

/** Whether a text that is looked for, in lower case, stands in what is shown of a key: never in what is masked. */
export function contains({ text, key, under }: ShownKey, wanted: string): boolean {
  const visible = key ?? (under === undefined ? undefined : keyOf(under))
  return visible ? reads(visible, wanted) : (under ?? text).toLowerCase().includes(wanted)
}

/** The same of one key among many: masks cost most, so they are asked for only where the text stands. */
export function showsText(key: CacheKey, wanted: string, secrets: SecretNames): boolean {
  return reads(key, wanted) && contains(maskKey(key, secrets), wanted)
}

/** As it is written, or as it reads: which are the same where nothing is escaped. */
function reads(key: CacheKey, wanted: string): boolean {
  return (
    key.text.toLowerCase().includes(wanted) ||
    (key.text.includes('%') && key.parts.map(String).join(SEPARATOR).toLowerCase().includes(wanted))
  )
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

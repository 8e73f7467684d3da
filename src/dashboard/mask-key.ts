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
export function maskKey(text: string, secrets: SecretNames): ShownKey {
  const key = keyOf(text)
  const names = key ? key.parts.map(String) : text.split(SEPARATOR)
  const secret = names.findIndex((name) => secrets.has(name))
  if (secret === -1 || secret === names.length - 1) return key ? { text, key } : { text }
  const under = text
    .split(SEPARATOR)
    .slice(0, secret + 1)
    .join(SEPARATOR)
  return { text: under + SEPARATOR + MASKED, under }
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

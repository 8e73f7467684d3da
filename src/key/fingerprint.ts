import { createHash } from 'node:crypto'

/** Number of characters of a fingerprint: 132 bits in base64url, so no two will be equal by chance. */
export const FINGERPRINT_LENGTH = 22

/** Number of characters that are encoded at one time: a long text must not be copied as a whole. */
const PIECE = 2 ** 16

/**
 * The first 132 bits of SHA-256 in base64url. A string is hashed as UTF-16, because UTF-8 would
 * make all lone surrogates the same.
 */
export function fingerprint(content: string | Uint8Array): string {
  const hash = createHash('sha256')
  if (typeof content !== 'string') hash.update(content)
  else if (content.length <= PIECE) hash.update(content, 'utf16le')
  else
    for (let at = 0; at < content.length; at += PIECE) hash.update(content.slice(at, at + PIECE), 'utf16le')
  return hash.digest('base64url').slice(0, FINGERPRINT_LENGTH)
}

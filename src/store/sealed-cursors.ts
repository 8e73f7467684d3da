import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { CacheNotRespondingError } from '../errors.js'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Cursors that hold the name at which a listing goes on, readable by who made
 * them alone: they stand in URLs, and so in logs, where a name may be a secret.
 */
export class SealedCursors {
  readonly #secret = randomBytes(32)

  seal(name: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#secret, nonce)
    const sealed = [cipher.update(name, 'utf8'), cipher.final()]
    return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]).toString('base64url')
  }

  /** @throws CacheNotRespondingError for one of somebody else's, as a Redis does */
  open(cursor: string): string {
    try {
      const bytes = Buffer.from(cursor, 'base64url')
      const decipher = createDecipheriv(CIPHER, this.#secret, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const name = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8')
      return name + decipher.final('utf8')
    } catch (cause) {
      throw new CacheNotRespondingError('There is no such cursor of a listing.', { cause })
    }
  }
}

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { CacheNotRespondingError } from '../errors.js'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Cursors of a listing that contain the name at which it continues, encrypted: cursors are part of URLs, and so of logs,
 * where a name may be a secret.
 */
export class EncryptedCursors {
  readonly #secret = randomBytes(32)

  encrypt(name: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#secret, nonce)
    const encrypted = [cipher.update(name, 'utf8'), cipher.final()]
    return Buffer.concat([nonce, cipher.getAuthTag(), ...encrypted]).toString('base64url')
  }

  /** @throws CacheNotRespondingError for a cursor that this instance has not made, as Redis has it */
  decrypt(cursor: string): string {
    try {
      const bytes = Buffer.from(cursor, 'base64url')
      const decipher = createDecipheriv(CIPHER, this.#secret, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const name = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8')
      return name + decipher.final('utf8')
    } catch (cause) {
      throw new CacheNotRespondingError('The cursor of the listing is not valid.', { cause })
    }
  }
}

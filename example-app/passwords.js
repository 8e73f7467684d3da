import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const LENGTH = 32
/** OWASP's parameters for scrypt. */
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 }

export function hashPassword(password) {
  const salt = randomBytes(16)
  return { salt, hash: scryptSync(password, salt, LENGTH, COST) }
}

/** Takes as long for an unknown user, so that the time does not reveal which users exist. */
export async function isPasswordOf(user, password) {
  const salt = user?.password_salt ?? Buffer.alloc(16)
  const hash = await promisify(scrypt)(password, salt, LENGTH, COST)
  return user !== undefined && timingSafeEqual(hash, user.password_hash)
}

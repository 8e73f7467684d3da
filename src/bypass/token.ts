import { randomBytes, timingSafeEqual } from 'node:crypto'

/** Signs a text with the key that all processes of a cache share. */
export type Sign = (text: string) => Promise<Buffer>

/** Lifetime of a token. The cookie expires after half of it, so clocks of two servers may differ by the other half. */
const LIFE_MS = 60_000

/** `expiry.nonce.signature`: milliseconds since the epoch, 96 random bits, and the signature of both and of the path. */
const TOKEN = /^(\d{13})\.([\w-]{16})\.[\w-]{43}$/

/** Makes a token with which staff can request a path once without the cache. */
export async function bypassToken(sign: Sign, path: string, now: number): Promise<string> {
  return signed(sign, path, `${now + LIFE_MS}.${randomBytes(12).toString('base64url')}`)
}

/** Whether a token has the right form and has not expired. Its signature is not checked. */
export function isPlausibleToken(token: string, now: number): boolean {
  const expires = Number(TOKEN.exec(token)?.[1])
  return now < expires && expires <= now + 2 * LIFE_MS
}

/** Whether a token was signed for a path, and has not expired. */
export async function isTokenFor(sign: Sign, path: string, token: string, now: number): Promise<boolean> {
  if (!isPlausibleToken(token, now)) return false
  const expected = await signed(sign, path, token.slice(0, token.lastIndexOf('.')))
  return timingSafeEqual(Buffer.from(expected), Buffer.from(token))
}

async function signed(sign: Sign, path: string, content: string): Promise<string> {
  const signature = await sign(`bypass ${content} ${path}`)
  return `${content}.${signature.toString('base64url')}`
}

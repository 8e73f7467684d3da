import { randomBytes, timingSafeEqual } from 'node:crypto'

/** Signs for all processes of a cache. */
export type Sign = (text: string) => Promise<Buffer>

/** The browser forgets the cookie after half of it; the clocks of two servers may differ by the other half. */
const LIFE_MS = 60_000

/** When it expires, in milliseconds since the epoch; what is random; what signs both, and the path. */
const TOKEN = /^(\d{13})\.([\w-]{16})\.[\w-]{43}$/

/** A token with which staff get this path once without the cache. */
export async function bypassToken(sign: Sign, path: string, now: number): Promise<string> {
  return signed(sign, path, `${now + LIFE_MS}.${randomBytes(12).toString('base64url')}`)
}

/** Whether it may be one that is good still: what can be told without the key. */
export function mayBeToken(token: string, now: number): boolean {
  const expires = Number(TOKEN.exec(token)?.[1])
  return now < expires && expires <= now + 2 * LIFE_MS
}

/** Whether it was made for this path, and is good still. */
export async function isTokenFor(sign: Sign, path: string, token: string, now: number): Promise<boolean> {
  if (!mayBeToken(token, now)) return false
  const expected = await signed(sign, path, token.slice(0, token.lastIndexOf('.')))
  return timingSafeEqual(Buffer.from(expected), Buffer.from(token))
}

async function signed(sign: Sign, path: string, content: string): Promise<string> {
  const signature = await sign(`bypass ${content} ${path}`)
  return `${content}.${signature.toString('base64url')}`
}

import { isUtf8 } from 'node:buffer'
import { MASKED } from '../secret-names.js'
import type { Steps, TextScan } from './scan.js'

/** Beginnings of everything that is known by its shape. */
const BEGINNING =
  /gh[opusr]_|github_pat_|glpat-|sk-|[srp]k_(?:live|test)_|whsec_|xox[abeoprs]-|npm_|A[KS]IA|AIza|ya29\.|SG\.|ey[JA-K]|ew[o0]|W3s|WyJ|-----BEGIN |bearer[ \t]|negotiate[ \t]|apikey[ \t]|basic[ \t]/iy

/** Keys and tokens that are known by their beginning, whatever their name. */
const KNOWN =
  /gh[opusr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,255}|sk-[\w-]{20,255}|[srp]k_(?:live|test)_\w{10,255}|whsec_\w{16,255}|xox[abeoprs]-[\w-]{10,255}|npm_\w{30,255}|A[KS]IA[A-Z0-9]{16}|AIza[\w-]{30,255}|ya29\.[\w-]{20,255}|SG\.[\w-]{16,255}\.[\w-]{16,255}/y

/** A JSON Web Token: two parts that are JSON in base64url, and a third (RFC 7519). */
const JWT = /ey[JA-K][\w-]{6,4000}\.[\w-]{2}/y
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/y
const SCHEME = /(?:bearer|negotiate|apikey)[ \t]{1,100}/iy
const BASIC = /basic[ \t]{1,100}/iy
const BASE64_JSON = /ey[JA]|ew[o0]|W3s|WyJ/y

const IN_TOKEN = /[\w.-]/
const IN_BASE64 = /[\w+/=-]/
const IN_CREDENTIALS = /[^\s"'`\\,;<>]/

/** Minimum length of an encoded text that could hold a secret. */
const MIN_ENCODED = 12
/** Maximum length of an encoded text that is decoded. A longer one is masked. */
const MAX_ENCODED = 1_000_000

/** Whether something with the shape of a secret may begin here. */
export function isShapeLikely(text: string, at: number): boolean {
  BEGINNING.lastIndex = at
  return BEGINNING.test(text)
}

/** Masks what has the shape of a secret and begins at a position. Returns its end, or -1 where there is none. */
export function* maskShape({ text, edits, inner }: TextScan, at: number): Steps<number> {
  const mask = (start: number, end: number) => {
    edits.push({ start, end, by: MASKED })
    return end
  }
  const known = matched(KNOWN, text, at)
  if (known !== undefined) return mask(at, known)
  const token = matched(JWT, text, at)
  if (token !== undefined) return mask(at, runEnd(text, token, IN_TOKEN))
  if (text.startsWith('-----BEGIN ', at)) {
    const head = matched(PRIVATE_KEY, text, at)
    return head === undefined ? -1 : mask(head, endOfKey(text, head))
  }
  const scheme = matched(SCHEME, text, at)
  if (scheme !== undefined) {
    const end = runEnd(text, scheme, IN_CREDENTIALS)
    return end === scheme ? -1 : mask(scheme, end)
  }
  const basic = matched(BASIC, text, at)
  if (basic !== undefined) {
    const end = runEnd(text, basic, IN_BASE64)
    const isPair = end - basic > MAX_ENCODED || Buffer.from(text.slice(basic, end), 'base64').includes(':')
    return isPair ? mask(basic, end) : -1
  }
  if (matched(BASE64_JSON, text, at) === undefined) return -1
  const end = runEnd(text, at, IN_BASE64)
  if (end - at > MAX_ENCODED) return mask(at, end)
  if (end - at < MIN_ENCODED) return end
  const bytes = Buffer.from(text.slice(at, end), 'base64')
  // At the end of the text it may be cut within a character.
  const decoded = isUtf8(bytes) || end === text.length ? bytes.toString() : ''
  return (yield* inner(decoded)) === decoded ? end : mask(at, end)
}

function endOfKey(text: string, from: number): number {
  const end = text.indexOf('-----END', from)
  return end === -1 ? text.length : end
}

function matched(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

function runEnd(text: string, from: number, characters: RegExp): number {
  let end = from
  while (end < text.length && characters.test(text.charAt(end))) end++
  return end
}

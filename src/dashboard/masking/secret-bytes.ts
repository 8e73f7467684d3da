import { maskedText } from './mask-text.js'
import type { SecretNames } from './secret-names.js'

/** Bytes that are looked through at one time, and how far they reach into those before: a name and a value meet there. */
const WINDOW = 65_536
const OVERLAP = 1_024

/** A readable text among other bytes, at least this long. */
const READABLE = /[^\p{Cc}\ufffd]{6,}/gu

/**
 * Whether bytes hold a secret in the clear: JSON, a form, a key; as UTF-8 or UTF-16.
 * Each `yield` is a place to let others have their turn.
 */
export function* bytesContainSecret(
  bytes: Uint8Array,
  secrets: SecretNames,
): Generator<string, boolean, undefined> {
  for (let start = 0; start < bytes.length; start += WINDOW - OVERLAP) {
    yield ''
    const window = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(WINDOW, bytes.length - start))
    if (yield* isMasked(window.toString(), secrets)) return true
    // In UTF-16, every second byte of ASCII is zero.
    if (window.includes(0) && (yield* isMasked(window.toString('utf16le'), secrets))) return true
  }
  return false
}

/** The same of numbers that may be the bytes of a text. One that cannot be, and none is. */
export function* numbersContainSecret(
  numbers: ArrayLike<number | bigint>,
  secrets: SecretNames,
): Generator<string, boolean, undefined> {
  const window = Buffer.alloc(WINDOW)
  for (let start = 0; start < numbers.length; start += WINDOW - OVERLAP) {
    yield ''
    const length = Math.min(WINDOW, numbers.length - start)
    for (let at = 0; at < length; at++) {
      const code = Number(numbers[start + at])
      if (!(code >= 0 && code <= 0xff) || code % 1 !== 0) return false
      window[at] = code
    }
    if (yield* isMasked(window.toString('utf8', 0, length), secrets)) return true
  }
  return false
}

function* isMasked(text: string, secrets: SecretNames): Generator<string, boolean, undefined> {
  const readable = text.match(READABLE)?.join('\n') ?? ''
  let at = 0
  for (const piece of maskedText(readable, secrets)) {
    if (piece === '') yield ''
    else if (readable.startsWith(piece, at)) at += piece.length
    else return true
  }
  return false
}

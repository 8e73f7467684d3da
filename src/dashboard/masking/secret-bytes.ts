import { maskedText } from './mask-text.js'
import type { SecretNames } from './secret-names.js'

/** Number of bytes that are searched at a time. They overlap, so that a name and its value are seen together. */
const WINDOW = 65_536
const OVERLAP = 1_024

/** A readable text among other bytes, of a minimum length. */
const READABLE = /[^\p{Cc}\ufffd]{6,}/gu

/**
 * Whether bytes contain a readable secret (JSON, a form, a key), as UTF-8 or UTF-16. Each `yield` is a place to let other
 * work have its turn.
 */
export function* bytesContainSecret(
  bytes: Uint8Array,
  secrets: SecretNames,
): Generator<string, boolean, undefined> {
  for (let start = 0; start < bytes.length; start += WINDOW - OVERLAP) {
    yield ''
    const window = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(WINDOW, bytes.length - start))
    if (yield* isMasked(window.toString(), secrets)) return true
    // ASCII in UTF-16 has zeros in between.
    if (window.includes(0) && (yield* isMasked(window.toString('utf16le'), secrets))) return true
  }
  return false
}

/** Whether numbers are the bytes of a text that contains a secret. `false` if any of them is not a byte. */
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

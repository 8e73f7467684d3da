import { isUtf8 } from 'node:buffer'
import type { SecretNames } from '../secrets.js'
import { maskedText } from './text.js'

/**
 * Whether bytes hold a secret in the clear: JSON, a form, a key. As UTF-8 or Latin 1, and as UTF-16.
 * Each `yield` is a place to let others have their turn.
 */
export function* holdsSecret(bytes: Uint8Array, secrets: SecretNames): Generator<string, boolean, undefined> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (yield* isMasked(buffer.toString(isUtf8(buffer) ? 'utf8' : 'latin1'), secrets)) return true
  // Every second byte of ASCII in UTF-16 is zero.
  return buffer.includes(0) && (yield* isMasked(buffer.toString('utf16le'), secrets))
}

/** The same of numbers that may be the codes of characters. */
export function* spellsSecret(
  numbers: ArrayLike<number | bigint>,
  secrets: SecretNames,
): Generator<string, boolean, undefined> {
  let text = ''
  for (let at = 0; at < numbers.length; at++) {
    const code = Number(numbers[at])
    text += Number.isInteger(code) && code >= 0 && code <= 0xffff ? String.fromCharCode(code) : '\n'
    if (at % 10_000 === 9_999) yield ''
  }
  return yield* isMasked(text, secrets)
}

function* isMasked(text: string, secrets: SecretNames): Generator<string, boolean, undefined> {
  let at = 0
  for (const piece of maskedText(text, secrets)) {
    if (piece === '') yield ''
    else if (text.startsWith(piece, at)) at += piece.length
    else return true
  }
  return false
}

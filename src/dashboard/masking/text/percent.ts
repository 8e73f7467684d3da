import { MASKED } from '../secret-names.js'

const PERCENT = 0x25

/** Percent-decodes a text. What is no escape stays as it is. */
export function percentDecoded(text: string): string {
  const bytes = Buffer.from(text)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    const [high, low] = byte === PERCENT ? [digitOf(bytes[at + 1]), digitOf(bytes[at + 2])] : [-1, -1]
    if (high === -1 || low === -1) bytes[length++] = byte
    else {
      bytes[length++] = high * 16 + low
      at += 2
    }
  }
  return bytes.toString('utf8', 0, length)
}

function digitOf(code = 0): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Percent-encodes a masked text again, except its masks. */
export function percentEncoded(text: string, keepsSlashes: boolean): string {
  const encoded = text
    .split(MASKED)
    .map((part) => encodeURIComponent(part.toWellFormed()))
    .join(MASKED)
  return keepsSlashes ? encoded.replaceAll('%2F', '/') : encoded
}

/** Whether an escape begins at a `%`. */
export function isEscape(text: string, at: number): boolean {
  return digitOf(text.charCodeAt(at + 1)) !== -1 && digitOf(text.charCodeAt(at + 2)) !== -1
}

const NOT_ENCODED = /[^\w.~!*'()+/@$%-]/g
const IS_ENCODED = /[\w.~!*'()+/@$%-]/

/** Range of the percent-encoded word around a position, from `floor` at the earliest. */
export function encodedWord(
  text: string,
  at: number,
  floor: number,
): { readonly start: number; readonly end: number } {
  let start = at
  while (start > floor && IS_ENCODED.test(text.charAt(start - 1))) start--
  NOT_ENCODED.lastIndex = at
  return { start, end: NOT_ENCODED.exec(text)?.index ?? text.length }
}

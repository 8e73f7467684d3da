import { BLANK } from './blank.js'
import type { Cursor } from './cursor.js'
import { lastWord, quotedName } from './names.js'
import { backslashesBefore, closingQuote, endOfQuoted } from './quoted.js'

/** A quotation mark after one of these opens a text. */
const BEFORE_OPENING = /[\s{[(,:=<>|&?;/+]/

/** Opens or closes a quoted text. Masks one that follows the name of a secret: `password "x"`. */
export function passQuote(cursor: Cursor, mark: string, at: number): void {
  const { text, open } = cursor
  const level = Math.min(backslashesBefore(text, at), at - cursor.floor)
  if (open?.mark === mark) {
    if (level > open.level) return
    cursor.closed = { start: open.start, end: at - level }
    cursor.open = undefined
    return
  }
  const before = text.charAt(at - level - 1)
  if (before !== '' && !BEFORE_OPENING.test(before)) return
  const name = before === ' ' ? (quotedName(cursor, at - level) ?? lastWord(cursor, at - level - 1)) : ''
  if (name !== '' && cursor.scan.secrets.has(name)) {
    const end = endOfQuoted(text, at - level)
    if (end !== undefined && closingQuote(text, at + 1, mark, level) !== -1) {
      cursor.mask(at - level, end)
      return
    }
  }
  if (open !== undefined) return
  cursor.open = { mark, level, start: at + 1 }
  cursor.nameStart = at + 1
}

/** Masks a quoted value after a quoted name and a comma: `['token', 'x']`. */
export function passComma(cursor: Cursor, at: number): void {
  const { text } = cursor
  const name = quotedName(cursor, at)
  if (name === undefined || name.length > 200 || !cursor.scan.secrets.has(name)) return
  let start = at + 1
  while (BLANK.test(text.charAt(start))) start++
  const end = endOfQuoted(text, start)
  if (end !== undefined && end > start) cursor.mask(start, end)
}

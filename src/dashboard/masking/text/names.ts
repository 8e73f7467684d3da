import { NAME_FIELD, VALUE_FIELD } from '../name-value-fields.js'
import { BLANK } from './blank.js'
import type { Cursor } from './cursor.js'
import { maskUserinfo, slashesEnd } from './paths.js'
import { percentDecoded } from './percent.js'
import type { Steps } from './scan.js'
import { type Assignment, valueRange } from './value-range.js'

const NOT_SIGN = /[^:=：＝]/g

/** Characters allowed between a quoted name and its sign. */
const CLOSERS = /^[\\"'`\s\])]*$/

/** Maximum number of delimiters and blanks between a name and its sign. */
const MAX_GAP = 8

/** Maximum length of a name that is looked at. */
const MAX_NAME = 20_000

/** Reads the name before a sign. Returns steps that mask the value, where it is the name of a secret. */
export function passSign(cursor: Cursor, at: number): Steps<void> | undefined {
  const { text, scan } = cursor
  NOT_SIGN.lastIndex = at + 1
  let end = NOT_SIGN.exec(text)?.index ?? text.length
  const isArrow = text[end - 1] === '=' && text[end] === '>'
  const isEqual = !isArrow && ('=＝'.includes(text.charAt(end - 1)) || '=＝'.includes(text.charAt(at)))
  if (isArrow) end++
  // An address: the scheme before its slashes is no name.
  if (!isEqual && slashesEnd(text, end) !== -1) {
    cursor.at = end
    return undefined
  }
  const quoted = quotedName(cursor, at)
  const name = quoted ?? plainName(cursor, at, isEqual)
  const isSecret =
    (name !== '' && scan.secrets.hasUnder(cursor.holder, name)) ||
    (cursor.expectsValue && VALUE_FIELD.test(name))
  cursor.at = cursor.nameStart = end
  cursor.closed = undefined
  if (isSecret) {
    return maskValue(cursor, { name: at, end, isEqual, isQuoted: quoted !== undefined, within: cursor.open })
  }
  passName(cursor, name, end)
  return undefined
}

function* maskValue(cursor: Cursor, assignment: Assignment): Steps<void> {
  const { start, end } = yield* valueRange(cursor.scan, assignment)
  cursor.holder = undefined
  cursor.expectsValue = false
  if (end > start) cursor.mask(start, end)
}

/** Passes a name that is not the name of a secret: it may hold names, or its value may be the name of a secret. */
function passName(cursor: Cursor, name: string, end: number): void {
  const { text, scan } = cursor
  const next = text[end] === ' ' ? end + 1 : end
  const isHolder = cursor.open !== undefined || next >= text.length || '{\n'.includes(text.charAt(next))
  cursor.holder = isHolder && name !== '' ? name : undefined
  if (NAME_FIELD.test(name)) cursor.expectsValue = scan.secrets.has(shortValue(text, end))
  maskUserinfo(cursor, end)
}

/** The quoted text that was closed right before a position, decoded; `undefined` where none was. */
export function quotedName({ closed, text }: Cursor, at: number): string | undefined {
  if (closed === undefined || at - closed.end > 100 || closed.start > closed.end) return undefined
  if (!CLOSERS.test(text.slice(closed.end, at))) return undefined
  return decodedName(text.slice(closed.start, closed.end))
}

/** The last words before a sign: `api key: x`, `the password is: x`, and of `a=1 token=x` the last. */
function plainName({ text, nameStart, lastRun, scan }: Cursor, at: number, isEqual: boolean): string {
  const own = text.slice(Math.max(nameStart, at - MAX_NAME), at)
  const { start, end } = lastRun
  const run =
    at - end <= MAX_GAP && own.trim() === '' ? text.slice(Math.max(start, end - MAX_NAME), end) : own
  if (!BLANK.test(run)) return decodedName(run)
  const words = run.trim().split(/\s+/)
  if (!isEqual || BLANK.test(text.charAt(at - 1))) return decodedName(words.slice(-4).join(' '))
  const [before, last = ''] = [words.at(-2), words.at(-1)]
  return before !== undefined && scan.secrets.hasUnder(before, last)
    ? decodedName(`${before} ${last}`)
    : decodedName(last)
}

/** The word that ends at a position; empty where none does. */
export function lastWord({ text, nameStart }: Cursor, end: number): string {
  return /[\p{L}_-]{1,40}$/u.exec(text.slice(Math.max(nameStart, end - 41), end))?.[0] ?? ''
}

/** The value after a sign or a tag, where it is short enough to be a name: `name="password"`. */
export function shortValue(text: string, start: number): string {
  return /^\s*\\*["'`]?([^"'`\\\s<>]{1,100})/.exec(text.slice(start, start + 200))?.[1] ?? ''
}

/** A name without the escapes of JSON and of addresses. */
function decodedName(name: string): string {
  let decoded = name
  for (let round = 0; round < 3 && decoded.includes('%'); round++) decoded = percentDecoded(decoded)
  return decoded.includes('\\')
    ? decoded.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/gi, (_, four, two) =>
        String.fromCharCode(Number.parseInt(four ?? two, 16)),
      )
    : decoded
}

import { CLOSING, closingBracket, OPENING } from './brackets.js'
import { endOfBlock, endOfLine } from './lines.js'
import { closes, endOfQuoted, type Quote } from './quoted.js'
import { STEP, type Steps, type TextScan } from './scan.js'

/** The name of a secret and the sign after it, as in `password=x`. */
export interface Assignment {
  /** Position in the line of the name. */
  readonly name: number
  /** Position after the sign. */
  readonly end: number
  /** Whether the sign is `=`, not `:`. */
  readonly isEqual: boolean
  /** Whether the name stands in quotes, as in JSON. */
  readonly isQuoted: boolean
  /** The quoted text around it. */
  readonly within: Quote | undefined
}

/**
 * Returns the range of an assigned value, by the notation of the assignment. In doubt the value ends with its line and
 * the lines that are indented below it.
 */
export function* valueRange(
  scan: TextScan,
  assignment: Assignment,
): Steps<{ readonly start: number; readonly end: number }> {
  const { text } = scan
  let start = assignment.end
  while (text[start] === ' ' || text[start] === '\t') start++
  const end = yield* endOf(scan, assignment, start)
  return { start, end }
}

function* endOf(scan: TextScan, assignment: Assignment, start: number): Steps<number> {
  const { text } = scan
  const first = text.charAt(start)
  if (first === '\n' || first === '\r') {
    if (assignment.isEqual) return start
    const next = skipBlank(text, start)
    // JSON may break its lines anywhere.
    return assignment.isQuoted
      ? yield* endOf(scan, assignment, next)
      : endOfBlock(text, assignment.name, start)
  }
  const quoted = endOfQuoted(text, start, assignment.within)
  if (quoted === start) return start
  if (quoted !== undefined) return yield* endOfGlued(scan, assignment, quoted)
  if (OPENING.includes(first) && first !== '') {
    return yield* endOfGlued(scan, assignment, yield* closingBracket(scan, start))
  }
  if (assignment.isQuoted) {
    const scalar = endOfScalar(text, start)
    if (scalar !== undefined) return scalar
  }
  if (assignment.isEqual) return yield* endOfWord(text, start, assignment.within)
  const line = endOfLine(text, start, assignment.within)
  return text[line] === '\n' || text[line] === '\r' ? endOfBlock(text, assignment.name, line) : line
}

/**
 * End of what is glued to a quoted value, or to a value in brackets: `password="",x` in a query, `password: 'a' x` in a
 * header. Quotes mean nothing in it.
 */
function* endOfGlued(
  { text }: TextScan,
  { isEqual, isQuoted, within }: Assignment,
  start: number,
): Steps<number> {
  // Without a blank, what follows a comma may be another name only where names are written like this one.
  const signs = isEqual ? '=' : isQuoted ? ':' : ''
  let stepEnds = start + STEP
  for (let at = start; at < text.length; at++) {
    if (at >= stepEnds) {
      yield
      stepEnds = at + STEP
    }
    const character = text.charAt(at)
    const next = text.charAt(at + 1)
    if (character === '\n' || character === '\r' || closes(text, at, within)) return at
    if (character === '\\' && /[nrt\\"'`]/.test(next)) return at
    if (character === '&' && isEqual && isNamed(text, at + 1, '=')) return at
    if (
      (character === ',' || character === ';') &&
      (next === '' || /\s/.test(next) || isNamed(text, at + 1, signs))
    )
      return at
    if (CLOSING.includes(character) && (next === '' || /[\s,;)}\]>.:\\"'`]/.test(next))) return at
    if (/\s/.test(character)) {
      if (isEqual) return at
      const after = skipBlank(text, at)
      if (
        after === text.length ||
        /[,;)}\]#<]/.test(text.charAt(after)) ||
        /[\r\n]/.test(text.slice(at, after))
      )
        return at
      at = after - 1
    }
  }
  return text.length
}

const SCALAR = /(?:-?\d[\d.eE+-]*|true|false|null)(?=\s*(?:[}\]]|,\s*["'{[]|$))/y

function endOfScalar(text: string, start: number): number | undefined {
  SCALAR.lastIndex = start
  return SCALAR.test(text) ? SCALAR.lastIndex : undefined
}

/** End of an unquoted value, before what looks like the next assignment: `password=ab,c d; user=anna`. */
function* endOfWord(text: string, start: number, within: Quote | undefined): Steps<number> {
  let stepEnds = start + STEP
  for (let at = start; at < text.length; ) {
    if (at >= stepEnds) {
      yield
      stepEnds = at + STEP
    }
    const character = text.charAt(at)
    if (character === '\n' || character === '\r' || closes(text, at, within)) return at
    if (character === '&' && isNamed(text, at + (text.startsWith('&amp;', at) ? 5 : 1), '=')) return at
    if (/[\s,;]/.test(character)) {
      const isBlank = !/[,;]/.test(character)
      let next = isBlank ? at : at + 1
      while (next < text.length && /[^\S\r\n]/.test(text.charAt(next))) next++
      if (next > at + (isBlank ? 0 : 1) && isNamed(text, next, isBlank ? '=' : '=:')) return at
      at = Math.max(next, at + 1)
    } else at++
  }
  return text.length
}

const NAME = /["'\\]{0,8}[^\s=:&,;"'\\]{1,200}["'\\]{0,8}/y

/** Whether a name begins at a position, and one of these signs follows it. */
function isNamed(text: string, at: number, signs: string): boolean {
  NAME.lastIndex = at
  if (!NAME.test(text)) return false
  const sign = text.charAt(NAME.lastIndex)
  return sign !== '' && signs.includes(sign)
}

function skipBlank(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text.charAt(at))) at++
  return at
}

import { closingQuote } from './quoted.js'
import { type Scan, STEP, type Steps } from './text-scan.js'

/** A quoted text that is not closed yet. */
export interface Quote {
  readonly mark: string
  readonly level: number
  readonly start: number
}

/** What stands between a name and its value. */
export interface Joint {
  /** Where the name begins, about. */
  readonly name: number
  /** Behind the signs. */
  readonly end: number
  /** `password=x`, not `password: x`. */
  readonly isEqual: boolean
  /** The name stands in quotes, as in JSON. */
  readonly isQuoted: boolean
  readonly within: Quote | undefined
}

const OPENING = '{[('
const CLOSING = '}])'

/**
 * The beginning and the end of the value behind a joint, by the syntax at hand. In doubt it ends with its line, and
 * what is indented below belongs to it.
 */
export function* valueRange(
  scan: Scan,
  joint: Joint,
): Steps<{ readonly start: number; readonly end: number }> {
  const { text } = scan
  let start = joint.end
  while (text[start] === ' ' || text[start] === '\t') start++
  const end = yield* endOf(scan, joint, start)
  return { start, end }
}

function* endOf(scan: Scan, joint: Joint, start: number): Steps<number> {
  const { text } = scan
  const first = text.charAt(start)
  if (first === '\n' || first === '\r') {
    if (joint.isEqual) return start
    const next = skipBlank(text, start)
    // JSON may break its lines anywhere.
    return joint.isQuoted ? yield* endOf(scan, joint, next) : endOfBlock(text, joint.name, start)
  }
  const quoted = endOfQuoted(text, start, joint.within)
  if (quoted === start) return start
  if (quoted !== undefined) return yield* endOfGlued(scan, joint, quoted)
  if (OPENING.includes(first) && first !== '') {
    return yield* endOfGlued(scan, joint, yield* closingBracket(scan, start))
  }
  if (joint.isQuoted) {
    const scalar = endOfScalar(text, start)
    if (scalar !== undefined) return scalar
  }
  if (joint.isEqual) return yield* endOfWord(text, start, joint.within)
  const line = endOfLine(text, start, joint.within)
  return text[line] === '\n' || text[line] === '\r' ? endOfBlock(text, joint.name, line) : line
}

/**
 * Behind what is glued to a quoted value, or to one in brackets: `password="",x` in a query, `password: 'a' x` in a
 * header. Its quotes mean nothing there.
 */
function* endOfGlued({ text }: Scan, { isEqual, isQuoted, within }: Joint, start: number): Steps<number> {
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

/** Behind the mark that closes a quoted value, and what is glued to it; nothing where none is opened. */
export function endOfQuoted(text: string, start: number, within?: Quote): number | undefined {
  let at = start
  while (text[at] === '\\') at++
  const mark = text.charAt(at)
  if (mark !== '"' && mark !== "'" && mark !== '`') return undefined
  const level = at - start
  if (within?.mark === mark && level <= within.level) return start
  let end = closingQuote(text, at + 1, mark, level)
  // Two marks are one that belongs to the text, as in SQL.
  while (end !== -1 && text[end + 1] === mark) end = closingQuote(text, end + 2, mark, level)
  if (end === -1) return text.length
  let glued = end + 1
  while (glued < text.length && !/[\s,;&)}\]><:\\"'`]/.test(text.charAt(glued))) glued++
  return glued
}

const SCALAR = /(?:-?\d[\d.eE+-]*|true|false|null)(?=\s*(?:[}\]]|,\s*["'{[]|$))/y

function endOfScalar(text: string, start: number): number | undefined {
  SCALAR.lastIndex = start
  return SCALAR.test(text) ? SCALAR.lastIndex : undefined
}

/** Behind the bracket that closes the one at `start`; at the end of the text where none does. */
export function* closingBracket({ text }: Scan, start: number): Steps<number> {
  let depth = 0
  let stepEnds = start + STEP
  for (let at = start; at < text.length; at++) {
    if (at >= stepEnds) {
      yield
      stepEnds = at + STEP
    }
    const character = text.charAt(at)
    if (OPENING.includes(character)) depth++
    else if (CLOSING.includes(character)) {
      depth--
      if (depth === 0) return at + 1
    } else if (character === '"' || (character === "'" && !/\w/.test(text.charAt(at - 1)))) {
      let level = 0
      while (text[at - 1 - level] === '\\' && at - 1 - level > start) level++
      const end = closingQuote(text, at + 1, character, level)
      if (end === -1) return text.length
      at = end
    }
  }
  return text.length
}

/** `password=ab,c d; user=anna`: up to what looks like the next name with a value. */
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

/** Whether a name begins here, with one of these signs behind it. */
function isNamed(text: string, at: number, signs: string): boolean {
  NAME.lastIndex = at
  if (!NAME.test(text)) return false
  const sign = text.charAt(NAME.lastIndex)
  return sign !== '' && signs.includes(sign)
}

function endOfLine(text: string, start: number, within: Quote | undefined): number {
  const rest = text.indexOf('\n', start)
  let end = rest === -1 ? text.length : rest
  if (within !== undefined) {
    const quote = closingQuote(text.slice(0, end), start, within.mark, within.level)
    if (quote !== -1) end = quote - within.level
  }
  return end
}

/** Whether a quoted text that has begun before ends here. */
function closes(text: string, at: number, within: Quote | undefined): boolean {
  if (within === undefined) return false
  let mark = at
  while (text[mark] === '\\' && mark - at <= within.level) mark++
  const level = mark - at
  return text[mark] === within.mark && level <= within.level
}

function skipBlank(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text.charAt(at))) at++
  return at
}

/** Behind the lines that are indented more than the one in which the name stands: headers and YAML go on there. */
function endOfBlock(text: string, name: number, lineEnd: number): number {
  const indent = indentOf(text, text.lastIndexOf('\n', Math.max(0, name - 1)) + 1)
  let end = lineEnd
  for (;;) {
    let line = end
    while (text[line] === '\r' || text[line] === '\n') line++
    if (line === end || line === text.length) return end
    const own = indentOf(text, line)
    const isItem = own === indent && text.startsWith('- ', line + own)
    if (own <= indent && !isItem) return end
    const next = text.indexOf('\n', line)
    end = next === -1 ? text.length : next
  }
}

function indentOf(text: string, line: number): number {
  let at = line
  while (text[at] === ' ' || text[at] === '\t') at++
  return at - line
}

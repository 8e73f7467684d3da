import { BLANK } from './blank.js'
import { Cursor } from './cursor.js'
import { maskJson } from './json.js'
import { isQuoteEntity, passEntities, passTag } from './markup.js'
import { passSign } from './names.js'
import { passSlash } from './paths.js'
import { encodedWord, isEscape, percentDecoded, percentEncoded } from './percent.js'
import { endOfQuoted } from './quoted.js'
import { passComma, passQuote } from './quotes.js'
import { STEP, type Steps, type TextScan } from './scan.js'
import { isShapeLikely, maskShape } from './shapes.js'

/** Kinds of characters: nothing of interest, part of a word, a word that may begin a token, a sign. */
const NOTHING = 0
const WORD = 1
const FIRST = 2
const SIGN = 3

const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/[abeghnrspwxyAWSNBP]/.test(character)) return FIRST
  if (/[\w$]/.test(character)) return WORD
  return /[[{}\n\r"'`:=,%<>/&;()?#|-]/.test(character) ? SIGN : NOTHING
})

/** The kind of a character code. A full-width colon or equals sign is a sign, too. */
function kindOf(code: number): number {
  if (code < 128) return KINDS[code] as number
  return code === 0xff1a || code === 0xff1d ? SIGN : WORD
}

/** Signs that end a name and mean nothing else. */
const DELIMITERS = '&;()?#|'

/** The blank line after the headers of a part of a form. */
const PART = /\r?\n\r?\n(?=[^\r\n])/y
const FLAG = /--?([A-Za-z][\w-]{0,100})[ \t]+(?!-)/y

/** Scans a text from its beginning to its end, once, and adds the secrets to `scan.edits`. */
export function* scanText(scan: TextScan): Steps<void> {
  const cursor = new Cursor(scan)
  const { text } = scan
  let stepEnds = STEP
  let isInWord = false
  while (cursor.at < text.length) {
    const { at } = cursor
    if (at >= stepEnds) {
      yield
      stepEnds = at + STEP
    }
    const kind = kindOf(text.charCodeAt(at))
    if (kind === SIGN) {
      isInWord = false
      const steps = pass(cursor, text.charAt(at), at)
      if (steps) yield* steps
    } else {
      if (kind === FIRST && !isInWord && isShapeLikely(text, at)) {
        const end = yield* maskShape(scan, at)
        if (end !== -1) cursor.goOnAt(end)
      }
      isInWord = kind !== NOTHING
    }
    if (cursor.at === at) cursor.at++
  }
}

/** Passes one sign; returns steps where that takes some. */
function pass(cursor: Cursor, sign: string, at: number): Steps<void> | undefined {
  const { text } = cursor
  if (DELIMITERS.includes(sign)) {
    cursor.endName(at)
    return sign === '&' && isQuoteEntity(text, at) ? passEntities(cursor, at) : undefined
  }
  switch (sign) {
    case '[':
      return passBracket(cursor, at)
    case '{':
      cursor.nameStart = at + 1
      return passBracket(cursor, at)
    case '\n':
    case '\r':
      cursor.open = undefined
      cursor.endName(at)
      if (cursor.expectsValue) maskFormPart(cursor, at)
      return undefined
    case '"':
    case "'":
    case '`':
      passQuote(cursor, sign, at)
      return undefined
    case ',':
      passComma(cursor, at)
      cursor.endName(at)
      return undefined
    case '%':
      return isEscape(text, at) ? passEncodedWord(cursor, at) : undefined
    case '<':
      passTag(cursor, at)
      cursor.endName(at)
      return undefined
    case '/':
      passSlash(cursor, at)
      return undefined
    case '-':
      return text[at + 1] === '-' && text[at - 1] !== '-' ? passDashes(cursor, at) : undefined
    case '}':
    case '>':
      cursor.expectsValue = false
      cursor.endName(at)
      return undefined
    default:
      return passSign(cursor, at)
  }
}

function passBracket(cursor: Cursor, at: number): Steps<void> | undefined {
  const { text } = cursor
  const next = /\S/.exec(text.slice(at + 1, at + 100))?.[0]
  const isJson = next === undefined || (text[at] === '{' ? '"}'.includes(next) : /[[{"\]\d\-tfn]/.test(next))
  return isJson ? passJson(cursor, at) : undefined
}

function* passJson(cursor: Cursor, at: number): Steps<void> {
  const end = yield* maskJson(cursor.scan, at)
  if (end <= at + 1) return
  cursor.goOnAt(end)
  // `["name"]` may be a name itself.
  if (end - at < 200 && /^\["[^"]*"\]$/.test(cursor.text.slice(at, end)))
    cursor.closed = { start: at + 2, end: end - 2 }
}

/** Masks the body of a part of a form (RFC 7578) whose header has named a secret. */
function maskFormPart(cursor: Cursor, at: number): void {
  const { text } = cursor
  PART.lastIndex = at
  if (!PART.test(text)) return
  const start = PART.lastIndex
  const next = text.indexOf('\n--', start)
  cursor.expectsValue = false
  cursor.mask(start, next === -1 ? text.length : next)
}

/** Masks a percent-encoded word by its decoded text. */
function* passEncodedWord(cursor: Cursor, at: number): Steps<void> {
  const { text, scan } = cursor
  const { start, end } = encodedWord(text, at, cursor.floor)
  const word = text.slice(start, end)
  if (word.length > STEP) yield
  const decoded = percentDecoded(word.replaceAll('+', ' '))
  if (word.length > STEP) yield
  const masked = yield* scan.inner(decoded)
  cursor.floor = cursor.at = end
  if (masked !== decoded) scan.edits.push({ start, end, by: percentEncoded(masked, word.includes('/')) })
}

/** Masks the value of a flag, `--password x`, and a private key. */
function* passDashes(cursor: Cursor, at: number): Steps<void> {
  const { text, scan } = cursor
  const shape = isShapeLikely(text, at) ? yield* maskShape(scan, at) : -1
  if (shape !== -1) {
    cursor.goOnAt(shape)
    return
  }
  FLAG.lastIndex = at
  const [flag, name] = FLAG.exec(text) ?? []
  if (flag === undefined || name === undefined || !scan.secrets.has(name)) return
  const start = at + flag.length
  const quoted = endOfQuoted(text, start)
  const stop = text.slice(start).search(BLANK)
  cursor.mask(start, quoted ?? (stop === -1 ? text.length : start + stop))
}

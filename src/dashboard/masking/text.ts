import { MASKED, type SecretNames } from '../secrets.js'
import { type Edit, edited, merged } from './edits.js'
import { maskJson, NAMED, NAMING } from './json.js'
import { encodedWord, isEscape, percentDecoded, percentEncoded } from './percent.js'
import { backslashesBefore, closingQuote } from './quoted.js'
import { type Scan, STEP, type Steps } from './scan.js'
import { isShapeLikely, maskShape, userinfoEnd } from './shapes.js'
import { endOfQuoted, type Joint, type Quote, valueRange } from './value-end.js'

/** Texts within texts within texts: what is deeper is left out where it could be another one. */
const MAX_DEPTH = 6

/** A plain word of this length has no shape that is looked for, and names nothing. */
const PLAIN = /^[\w-]{0,15}$/

/**
 * A text with what looks secret in it masked: the values of secret names, however they are written there (JSON,
 * forms, queries, cookies, headers, XML, YAML, paths, command lines), and what has the shape of a key or a token.
 */
export function maskText(text: string, secrets: SecretNames): string {
  const steps = maskedText(text, secrets)
  let masked = ''
  for (const piece of steps) masked += piece
  return masked
}

/**
 * The same in pieces; an empty one is a place to let others have their turn. Its time is linear in the text's length.
 * @param length number of characters of the text to return, masked by looking at all of it
 */
export function* maskedText(
  text: string,
  secrets: SecretNames,
  length?: number,
): Generator<string, void, undefined> {
  const steps = editsOf(text, secrets, 0)
  let step = steps.next()
  for (; !step.done; step = steps.next()) yield ''
  yield* edited(text, step.value, length)
}

function* editsOf(text: string, secrets: SecretNames, depth: number): Steps<readonly Edit[]> {
  if (PLAIN.test(text)) return []
  if (depth > MAX_DEPTH) return /[=:%"'/<]/.test(text) ? [{ start: 0, end: text.length, by: MASKED }] : []
  const edits: Edit[] = []
  const inner = function* (within: string): Steps<string> {
    const found = yield* editsOf(within, secrets, depth + 1)
    return found.length === 0 ? within : [...edited(within, found)].join('')
  }
  yield* new TextScan({ text, secrets, edits, inner }).run()
  return merged(edits)
}

/** Quotation marks as HTML writes them, the single ones in groups. */
const ENTITIES = /&(?:quot|#0{0,4}34|#x0{0,4}22|(apos)|(#0{0,4}39)|(#x0{0,4}27));/gi
const ENTITY = new RegExp(ENTITIES.source, 'iy')

const BLANK = /\s/
const NOT_SIGN = /[^:=：＝]/g
/** A quotation mark behind one of these opens a text. */
const BEFORE_OPENING = /[\s{[(,:=<>|&?;/+]/
/** Between a quoted name and the sign behind it. */
const CLOSERS = /^[\\"'`\s\])]*$/
/** Maximum number of delimiters and blanks between a name and its sign. */
const MAX_GAP = 8
/** Maximum length of user information before an `@`, and of attempts to find it before one `@`. */
const [MAX_SIGNED_IN, MAX_IN_VAIN] = [1_024, 32]
/** What ends a name, and means nothing more. */
const DELIMITERS = '&;()?#|'

/** What a character is at the beginning of: nothing, a word that may have a shape, or a sign. */
const [NOTHING, WORD, FIRST, SIGN] = [0, 1, 2, 3]
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/[abeghnrspwxyAWSNBP]/.test(character)) return FIRST
  if (/[\w$]/.test(character)) return WORD
  return /[[{}\n\r"'`:=,%<>/&;()?#|-]/.test(character) ? SIGN : NOTHING
})

function kindOf(code: number): number {
  if (code < 128) return KINDS[code] as number
  return code === 0xff1a || code === 0xff1d ? SIGN : WORD
}

/** The end of the headers of such a part. */
const PART = /\r?\n\r?\n(?=[^\r\n])/y
const TAG = /<([A-Za-z_][\w:.-]{0,100})(?:\s[^<>]{0,2000})?>/y
const ATTRIBUTE = /\s([\w:-]{1,40})=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g
const FLAG = /--?([A-Za-z][\w-]{0,100})[ \t]+(?!-)/y
const AUTHORITY = /[^\s/"'<>@&=;,?]{1,256}@[\w.-]{1,256}:\d/y

/** Steps of a path that are pages and no secrets, such as the login below `/auth`. */
const PAGES =
  /^(log(in|out|off)|sign(in|up|out|-in|-up|-out)|register|callback|refresh|reset|forgot|forgotten|new|edit|create|update|delete|verify|confirm|change|list|index|me|settings|v\d+)$/i

/** Looks through a text from its beginning to its end, once. */
class TextScan {
  readonly #scan: Scan
  readonly #text: string
  #at = 0
  /** Where the name may begin that a sign would end. */
  #name = 0
  /** The last run that a delimiter has ended: of `(token) = x` it is the name. */
  #lastRun = { start: 0, end: 0 }
  /** What has been dealt with: nothing is taken back from here. */
  #floor = 0
  /** The quoted text that is open, and the last one that was closed. */
  #open: Quote | undefined
  #closed: { readonly start: number; readonly end: number } | undefined
  /** The name that holds what follows, as in `api: { key }`. */
  #holder: string | undefined
  /** A `name` was that of a secret: the next `value` is one. */
  #awaitsValue = false
  /** The same of XML: `<name>token</name><value>x</value>`. */
  #awaitsElement = false
  /** Where the next `@` is, and how often it was looked at in vain. */
  #nextAt = -1
  #inVain = 0

  constructor(scan: Scan) {
    this.#scan = scan
    this.#text = scan.text
  }

  *run(): Steps<void> {
    const text = this.#text
    let stepEnds = STEP
    let isInWord = false
    while (this.#at < text.length) {
      const at = this.#at
      if (at >= stepEnds) {
        yield
        stepEnds = at + STEP
      }
      const kind = kindOf(text.charCodeAt(at))
      if (kind === SIGN) {
        isInWord = false
        const steps = this.#sign(text.charAt(at), at)
        if (steps) yield* steps
        if (this.#at === at) this.#at++
      } else {
        if (kind === FIRST && !isInWord && isShapeLikely(text, at)) {
          const end = yield* maskShape(this.#scan, at)
          if (end !== -1) this.#goOnAt(end)
        }
        isInWord = kind !== NOTHING
        if (this.#at === at) this.#at++
      }
    }
  }

  /** What a sign means; steps where that takes some. */
  #sign(character: string, at: number): Steps<void> | undefined {
    if (DELIMITERS.includes(character)) {
      this.#delimiter(at)
      ENTITY.lastIndex = at
      return character === '&' && ENTITY.test(this.#text) ? this.#entities(at) : undefined
    }
    switch (character) {
      case '[':
        return this.#bracket(at)
      case '{':
        this.#name = at + 1
        return this.#bracket(at)
      case '\n':
      case '\r':
        this.#open = undefined
        this.#delimiter(at)
        if (this.#awaitsValue) this.#formPart(at)
        return undefined
      case '"':
      case "'":
      case '`':
        this.#quote(character, at)
        return undefined
      case ',':
        this.#comma(at)
        this.#delimiter(at)
        return undefined
      case '%':
        return isEscape(this.#text, at) ? this.#percent(at) : undefined
      case '<':
        this.#tag(at)
        this.#delimiter(at)
        return undefined
      case '/':
        this.#slash(at)
        return undefined
      case '-':
        return this.#text.charCodeAt(at + 1) === DASH && this.#text.charCodeAt(at - 1) !== DASH
          ? this.#dash(at)
          : undefined
      case '}':
      case '>':
        this.#awaitsValue = false
        this.#delimiter(at)
        return undefined
      default: {
        const joint = this.#joint(at)
        return joint && this.#value(joint)
      }
    }
  }

  #delimiter(at: number): void {
    if (this.#at !== at) return
    if (at > this.#name) this.#lastRun = { start: this.#name, end: at }
    this.#name = at + 1
  }

  #mask(start: number, end: number): void {
    this.#scan.edits.push({ start, end, by: MASKED })
    this.#goOnAt(end)
  }

  #goOnAt(end: number): void {
    this.#at = this.#name = this.#floor = end
    this.#lastRun = { start: end, end }
    this.#closed = undefined
  }

  #bracket(at: number): Steps<void> | undefined {
    const next = /\S/.exec(this.#text.slice(at + 1, at + 100))?.[0]
    const isJson =
      next === undefined || (this.#text[at] === '{' ? '"}'.includes(next) : /[[{"\]\d\-tfn]/.test(next))
    return isJson ? this.#json(at) : undefined
  }

  *#json(at: number): Steps<void> {
    const end = yield* maskJson(this.#scan, at)
    if (end <= at + 1) return
    this.#goOnAt(end)
    // `["name"]` may be a name itself.
    if (end - at < 200 && /^\["[^"]*"\]$/.test(this.#text.slice(at, end)))
      this.#closed = { start: at + 2, end: end - 2 }
  }

  #quote(mark: string, at: number): void {
    const level = Math.min(backslashesBefore(this.#text, at), at - this.#floor)
    const open = this.#open
    if (open?.mark === mark) {
      if (level > open.level) return
      this.#closed = { start: open.start, end: at - level }
      this.#open = undefined
      return
    }
    const before = this.#text.charAt(at - level - 1)
    if (before !== '' && !BEFORE_OPENING.test(before)) return
    const name = before === ' ' ? (this.#quotedName(at - level) ?? this.#lastWord(at - level - 1)) : ''
    if (name !== '' && this.#scan.secrets.has(name)) {
      const end = endOfQuoted(this.#text, at - level)
      if (end !== undefined && closingQuote(this.#text, at + 1, mark, level) !== -1) {
        this.#mask(at - level, end)
        return
      }
    }
    if (open !== undefined) return
    this.#open = { mark, level, start: at + 1 }
    this.#name = at + 1
  }

  /** The word before a position, if it is one. */
  #lastWord(end: number): string {
    return /[\p{L}_-]{1,40}$/u.exec(this.#text.slice(Math.max(this.#name, end - 41), end))?.[0] ?? ''
  }

  /** A name with a sign behind it; where it is that of a secret, what to look for. */
  #joint(at: number): Joint | undefined {
    const text = this.#text
    NOT_SIGN.lastIndex = at + 1
    let end = NOT_SIGN.exec(text)?.index ?? text.length
    const isArrow = text[end - 1] === '=' && text[end] === '>'
    const isEqual = !isArrow && ('=＝'.includes(text.charAt(end - 1)) || '=＝'.includes(text.charAt(at)))
    if (isArrow) end++
    // An address: what comes before its slashes is no name.
    if (!isEqual && slashesEnd(text, end) !== -1) {
      this.#at = end
      return undefined
    }
    const quoted = this.#quotedName(at)
    const name = quoted ?? this.#plainName(at, isEqual)
    const isSecret =
      (name !== '' && this.#scan.secrets.hasUnder(this.#holder, name)) ||
      (this.#awaitsValue && NAMED.test(name))
    this.#at = this.#name = end
    this.#closed = undefined
    if (isSecret) return { name: at, end, isEqual, isQuoted: quoted !== undefined, within: this.#open }
    this.#passed(name, end)
    return undefined
  }

  *#value(joint: Joint): Steps<void> {
    const { start, end } = yield* valueRange(this.#scan, joint)
    this.#holder = undefined
    this.#awaitsValue = false
    if (end > start) this.#mask(start, end)
  }

  /** A name that is not that of a secret: what it may be to what follows. */
  #passed(name: string, end: number): void {
    const next = this.#text[end] === ' ' ? end + 1 : end
    const isHolder =
      this.#open !== undefined || next >= this.#text.length || '{\n'.includes(this.#text.charAt(next))
    this.#holder = isHolder && name !== '' ? name : undefined
    if (NAMING.test(name)) this.#awaitsValue = this.#scan.secrets.has(this.#shortValue(end))
    this.#maskSignedIn(end)
  }

  /** What a quoted name says, where one has just been closed. */
  #quotedName(at: number): string | undefined {
    const closed = this.#closed
    if (closed === undefined || at - closed.end > 100 || closed.start > closed.end) return undefined
    if (!CLOSERS.test(this.#text.slice(closed.end, at))) return undefined
    return unescaped(this.#text.slice(closed.start, closed.end))
  }

  /** The last words before a sign: `api key: x`, `the password is: x`, and of `a=1 token=x` the last. */
  #plainName(at: number, isEqual: boolean): string {
    const text = this.#text
    const own = text.slice(Math.max(this.#name, at - 20_000), at)
    const { start, end } = this.#lastRun
    const run =
      at - end <= MAX_GAP && own.trim() === '' ? text.slice(Math.max(start, end - 20_000), end) : own
    const blank = run.search(BLANK)
    if (blank === -1) return unescaped(run)
    const words = run.trim().split(/\s+/)
    if (!isEqual || BLANK.test(text.charAt(at - 1))) return unescaped(words.slice(-4).join(' '))
    const [before, last = ''] = [words.at(-2), words.at(-1)]
    return before !== undefined && this.#scan.secrets.hasUnder(before, last)
      ? unescaped(`${before} ${last}`)
      : unescaped(last)
  }

  /** `name="password"`: what it names. */
  #shortValue(start: number): string {
    return /^\s*\\*["'`]?([^"'`\\\s<>]{1,100})/.exec(this.#text.slice(start, start + 200))?.[1] ?? ''
  }

  /** `user:password@host:6379`, where no scheme says what it is. */
  #maskSignedIn(start: number): void {
    if (this.#farFromAt(start) > MAX_SIGNED_IN) return
    AUTHORITY.lastIndex = start
    if (AUTHORITY.test(this.#text)) this.#mask(start, this.#nextAt)
  }

  /** Distance to the next `@`, without which there is no user information. After too many attempts it is infinite. */
  #farFromAt(start: number): number {
    if (this.#nextAt < start) {
      const next = this.#text.indexOf('@', start)
      this.#nextAt = next === -1 ? Number.POSITIVE_INFINITY : next
      this.#inVain = 0
    }
    const distance = this.#nextAt - start
    if (distance <= MAX_SIGNED_IN) this.#inVain++
    return this.#inVain > MAX_IN_VAIN ? Number.POSITIVE_INFINITY : distance
  }

  /** A quoted name and a quoted value with a comma between them: `['token', 'x']`. */
  #comma(at: number): void {
    const name = this.#quotedName(at)
    if (name === undefined || name.length > 200 || !this.#scan.secrets.has(name)) return
    let start = at + 1
    while (BLANK.test(this.#text.charAt(start))) start++
    const end = endOfQuoted(this.#text, start)
    if (end !== undefined && end > start) this.#mask(start, end)
  }

  /** The body of a part of a form (RFC 7578), whose header has named a secret. */
  #formPart(at: number): void {
    PART.lastIndex = at
    if (!PART.test(this.#text)) return
    const start = PART.lastIndex
    const next = this.#text.indexOf('\n--', start)
    this.#awaitsValue = false
    this.#mask(start, next === -1 ? this.#text.length : next)
  }

  /** A percent-encoded word: it is looked through as what it says. */
  *#percent(at: number): Steps<void> {
    const { start, end } = encodedWord(this.#text, at, this.#floor)
    const word = this.#text.slice(start, end)
    if (word.length > STEP) yield
    const said = percentDecoded(word.replaceAll('+', ' '))
    if (word.length > STEP) yield
    const masked = yield* this.#scan.inner(said)
    this.#floor = this.#at = end
    if (masked === said) return
    this.#scan.edits.push({ start, end, by: percentEncoded(masked, word.includes('/')) })
  }

  /** A part in which quotation marks are entities, up to the next ones that are not: it is looked through as HTML reads it. */
  *#entities(at: number): Steps<void> {
    const text = this.#text
    const start = Math.max(this.#floor, text.lastIndexOf('"', at) + 1)
    const next = text.indexOf('"', at)
    const end = next === -1 ? text.length : next
    const said = text
      .slice(start, end)
      .replace(ENTITIES, (_, ...codes) => (codes.slice(0, 3).some(Boolean) ? "'" : '"'))
    const masked = yield* this.#scan.inner(said)
    this.#floor = this.#at = end
    if (masked !== said) this.#scan.edits.push({ start, end, by: masked })
  }

  /** `<password>x</password>` */
  #tag(at: number): void {
    TAG.lastIndex = at
    const [tag, name] = TAG.exec(this.#text) ?? []
    if (tag === undefined || name === undefined) return
    this.#maskAttribute(tag, at)
    const start = at + tag.length
    const isSecret = this.#scan.secrets.has(name) || this.#awaitsElement
    const isNaming = NAMING.test(name)
    this.#awaitsElement = isNaming && this.#scan.secrets.has(this.#shortValue(start))
    if (!isSecret || isNaming || tag.endsWith('/>')) return
    const close = this.#text.indexOf(`</${name}`, start)
    const line = close === -1 ? this.#text.indexOf('\n', start) : close
    const end = line === -1 ? this.#text.length : line
    if (end > start) this.#mask(start, end)
  }

  /** `<input value="x" name="password">`, in whatever order. */
  #maskAttribute(tag: string, at: number): void {
    const names = [...tag.matchAll(ATTRIBUTE)].filter(([, name = '']) => NAMING.test(name))
    if (!names.some(([, , one, other, bare]) => this.#scan.secrets.has(one ?? other ?? bare ?? ''))) return
    for (const { 0: attribute, 1: name = '', index } of tag.matchAll(ATTRIBUTE)) {
      const end = at + index + attribute.length
      if (NAMED.test(name))
        this.#scan.edits.push({ start: end - attribute.length + attribute.indexOf('=') + 1, end, by: MASKED })
    }
  }

  /** `/token/x`: what follows a secret's name in a path. And `//user:password@host`. */
  #slash(at: number): void {
    const text = this.#text
    const start = slashesEnd(text, at)
    if (start !== -1) {
      const end = this.#farFromAt(start) > MAX_SIGNED_IN ? -1 : userinfoEnd(text, start, MAX_SIGNED_IN)
      if (end !== -1) this.#mask(start, end)
      // A host is no step of a path.
      else this.#at = this.#name = start
      return
    }
    const from = Math.max(this.#name, at - 10_050)
    const isStep = from === 0 || (text[from - 1] === '/' && text[from - 2] !== '/')
    const step = text.slice(from, at)
    const holder = this.#holder
    this.#name = at + 1
    if (!isStep || step === '' || BLANK.test(step)) {
      this.#holder = undefined
      return
    }
    const name = percentDecoded(step)
    if (!this.#scan.secrets.hasUnder(holder, name)) {
      this.#holder = name
      return
    }
    this.#holder = undefined
    this.#maskSteps(at + 1)
  }

  #maskSteps(start: number): void {
    const rest = this.#text.slice(start)
    const stop = rest.search(/[\s?#&"'`<>,;|\\]/)
    const path = stop === -1 ? rest : rest.slice(0, stop)
    let at = start
    for (const step of path.split('/')) {
      if (step !== '' && !PAGES.test(step)) {
        this.#mask(at, start + path.length)
        return
      }
      at += step.length + 1
    }
    this.#at = this.#name = start + path.length
  }

  /** `--password x`, and a private key. */
  *#dash(at: number): Steps<void> {
    const text = this.#text
    const shape = isShapeLikely(text, at) ? yield* maskShape(this.#scan, at) : -1
    if (shape !== -1) {
      this.#goOnAt(shape)
      return
    }
    FLAG.lastIndex = at
    const [flag, name] = FLAG.exec(text) ?? []
    if (flag === undefined || name === undefined || !this.#scan.secrets.has(name)) return
    const start = at + flag.length
    const quoted = endOfQuoted(text, start)
    const stop = text.slice(start).search(BLANK)
    this.#mask(start, quoted ?? (stop === -1 ? text.length : start + stop))
  }
}

const DASH = 0x2d

const TWO_SLASHES = /\\{0,16}\/\\{0,16}\//y

/** Behind two slashes, which some JSON texts escape; -1 where there are none. */
function slashesEnd(text: string, at: number): number {
  TWO_SLASHES.lastIndex = at
  return TWO_SLASHES.test(text) ? TWO_SLASHES.lastIndex : -1
}

/** A name as it reads: its escapes, of JSON and of addresses, decoded. */
function unescaped(name: string): string {
  let read = name
  for (let round = 0; round < 3 && read.includes('%'); round++) read = percentDecoded(read)
  return read.includes('\\')
    ? read.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/gi, (_, four, two) =>
        String.fromCharCode(Number.parseInt(four ?? two, 16)),
      )
    : read
}

import { NAME_FIELD, VALUE_FIELD } from '../name-value-fields.js'
import { MASKED } from '../secret-names.js'
import { closingBracket } from './brackets.js'
import { closingQuote } from './quoted.js'
import { STEP, type Steps, type TextScan } from './scan.js'

/** Maximum depth of objects and arrays. A deeper one is masked. */
const MAX_DEPTH = 200

/** An object or an array that is not closed yet. */
interface JsonFrame {
  readonly isObject: boolean
  readonly begin: number
  /** The name of the member that holds it. */
  readonly name: string | undefined
  /** Of an object: name of the member that is being read. */
  member: string | undefined
  /** Number of members or elements that were read. */
  count: number
  /** Of an object with a `name` and a `value`: whether the name is the name of a secret, and ranges of the values. */
  namesSecret: boolean
  readonly values: JsonRange[]
  /** Of an array: whether the last element is the name of a secret, at a place where a pair may begin. */
  isPair: boolean
  /** Elements after such names. */
  readonly pairs: JsonRange[]
}

interface JsonRange {
  readonly start: number
  readonly end: number
}

const SCALAR = /-?\d[\d.eE+-]*|true|false|null/y

/**
 * Masks the secrets in JSON that begins at a position: members by their names, pairs of a name and a value, and secrets
 * within strings. Returns the position after it, or where it stops to be JSON.
 */
export function* maskJson(scan: TextScan, start: number): Steps<number> {
  const frames: JsonFrame[] = []
  const end = yield* read(scan, start, frames)
  // The JSON may be cut off before the names that its values belong to.
  for (const frame of frames) maskNamed(scan, frame, true)
  return end
}

function* read(scan: TextScan, start: number, frames: JsonFrame[]): Steps<number> {
  const { text, secrets, edits } = scan
  let at = start
  let stepEnds = start + STEP
  for (;;) {
    if (at >= stepEnds) {
      yield
      stepEnds = at + STEP
    }
    const frame = frames.at(-1)
    // A value, a name, or the bracket that closes the innermost object or array.
    at = skipBlank(text, at)
    const character = text[at]
    if (frame !== undefined && character === (frame.isObject ? '}' : ']')) {
      frames.pop()
      maskNamed(scan, frame, false)
      at = valued(frames.at(-1), frame.begin, at + 1)
    } else {
      let isSecret = false
      if (frame?.isObject) {
        const close = character === '"' ? closingQuote(text, at + 1, '"', 0) : -1
        const colon = close === -1 ? -1 : skipBlank(text, close + 1)
        if (colon === -1 || text[colon] !== ':') return at
        frame.member = decoded(text.slice(at + 1, close))
        isSecret = secrets.hasUnder(frame.name, frame.member)
        at = skipBlank(text, colon + 1)
      }
      const first = text[at]
      if (first === '{' || first === '[') {
        if (isSecret || frames.length === MAX_DEPTH) {
          const end = yield* closingBracket(scan, at)
          edits.push({ start: at, end, by: MASKED })
          at = valued(frame, at, end)
        } else {
          frames.push(opened(first === '{', at, frame?.isObject ? frame.member : frame?.name))
          at++
          continue
        }
      } else if (first === '"') {
        const close = closingQuote(text, at + 1, '"', 0)
        if (close === -1 && !isSecret) return at
        const end = close === -1 ? text.length : close + 1
        if (isSecret) edits.push({ start: at, end, by: MASKED })
        else yield* maskString(scan, at, end, frame)
        at = valued(frame, at, end)
      } else {
        SCALAR.lastIndex = at
        const end = SCALAR.test(text) ? SCALAR.lastIndex : -1
        if (isSecret && (end === -1 || !/^\s*[,}\]]/.test(text.slice(end, end + 100)))) {
          const line = text.indexOf('\n', at)
          edits.push({ start: at, end: line === -1 ? text.length : line, by: MASKED })
          return line === -1 ? text.length : line
        }
        if (end === -1) return at
        if (isSecret) edits.push({ start: at, end, by: MASKED })
        at = valued(frame, at, end)
      }
    }
    if (frames.length === 0) return at
    at = skipBlank(text, at)
    const open = frames.at(-1) as JsonFrame
    if (text[at] === ',') at++
    else if (text[at] !== (open.isObject ? '}' : ']')) return at
  }
}

function opened(isObject: boolean, begin: number, name: string | undefined): JsonFrame {
  return {
    isObject,
    begin,
    name,
    member: undefined,
    count: 0,
    namesSecret: false,
    values: [],
    isPair: false,
    pairs: [],
  }
}

/** Notes the end of a value in its object or array. Returns that end. */
function valued(frame: JsonFrame | undefined, start: number, end: number): number {
  if (frame === undefined) return end
  if (frame.isObject) {
    if (VALUE_FIELD.test(frame.member ?? '')) frame.values.push({ start, end })
  } else {
    if (frame.isPair && frame.count % 2 === 1) frame.pairs.push({ start, end })
    if (frame.count % 2 === 1) frame.isPair = false
  }
  frame.count++
  return end
}

/** Masks the secrets within a string, which may also be the name of what follows. */
function* maskString(
  { text, secrets, edits, inner }: TextScan,
  start: number,
  end: number,
  frame: JsonFrame | undefined,
): Steps<void> {
  const string = decoded(text.slice(start + 1, end - 1))
  if (frame?.isObject && NAME_FIELD.test(frame.member ?? '')) frame.namesSecret ||= secrets.has(string)
  if (frame !== undefined && !frame.isObject && frame.count % 2 === 0) frame.isPair = secrets.has(string)
  const masked = yield* inner(string)
  if (masked !== string) edits.push({ start, end, by: JSON.stringify(masked) })
}

function maskNamed(
  { edits }: TextScan,
  { isObject, namesSecret, values, pairs, count }: JsonFrame,
  isCut: boolean,
): void {
  const hidden = isObject ? (namesSecret || isCut ? values : []) : count % 2 === 0 || isCut ? pairs : []
  for (const { start, end } of hidden) edits.push({ start, end, by: MASKED })
}

function decoded(literal: string): string {
  if (!literal.includes('\\')) return literal
  try {
    return JSON.parse(`"${literal}"`) as string
  } catch {
    return literal
  }
}

function skipBlank(text: string, from: number): number {
  let at = from
  for (; ; at++) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
  }
}

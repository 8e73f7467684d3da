import { types } from 'node:util'
import {
  type Beginning,
  CutBigInt,
  CutBytes,
  type Cuts,
  CutText,
  isCutValue,
  NO_CUTS,
  type UNREAD,
} from '../codec/beginning/cut.js'
import { maskedText } from './masking/mask-text.js'
import { type EmptySlots, type Member, membersOf } from './masking/members.js'
import { bytesContainSecret, numbersContainSecret } from './masking/secret-bytes.js'
import { MASKED, type SecretNames } from './masking/secret-names.js'
import { secretObjects } from './masking/secret-objects.js'

/** A value's inner levels beyond this are not shown: people do not read them. */
const MAX_DEPTH = 200
const PIECE = 8_192
const INDENT = '  '

/**
 * Number of characters at the end of a cut text, and of bytes of a cut view, that are read but not shown: a secret there
 * might be recognised only by its end.
 */
const MARGIN = 8_192

/** A bigint of more bits is shown in hexadecimal: to make it decimal takes a time that grows with their square. */
const MAX_DECIMAL_BITS = 16_384

// Controls, invisible and direction-changing characters would make text look like what it is not.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu

export interface ValueTextOptions {
  /** Maximum number of characters of one text, name or number, and of a view's elements. */
  readonly longest?: number
}

/**
 * A value as text for people, in pieces: the whole of a large one is never in memory. An empty piece is a
 * place to let others have their turn. Values under names that look secret are left out, wherever they lie and
 * however they are written. What occurs twice is written once: neither cycles nor a structure that is folded into
 * itself make it endless.
 */
export function valueText(value: unknown, secrets: SecretNames, options?: ValueTextOptions): Pieces {
  return beginningText({ value, cuts: NO_CUTS }, secrets, options)
}

/**
 * The text of the beginning of a value: the beginning of the text of the whole value, up to the first cut. The sizes of cut
 * Maps and Sets are left out. Values that a name after the cut might make secret are masked.
 */
export function* beginningText(
  { value, cuts }: Pick<Beginning, 'value' | 'cuts'>,
  secrets: SecretNames,
  { longest = Number.POSITIVE_INFINITY }: ValueTextOptions = {},
): Pieces {
  const walk = secretObjects(value, secrets, cuts)
  let step = walk.next()
  for (; !step.done; step = walk.next()) yield ''
  if (step.value === undefined) yield `${MASKED}: too many objects to check for secrets`
  else yield* new ValueWriter(secrets, step.value, cuts, longest).write(value)
}

type Pieces = Generator<string, void, undefined>

/** A part that is not written yet: a text, a value, or the rest of a container. */
type Task =
  | { readonly text: string }
  | { readonly value: unknown; readonly holder: string | undefined; readonly depth: number }
  | Rest

interface Rest {
  readonly container: object
  readonly members: Iterator<Member | EmptySlots, void>
  readonly close: string
  readonly depth: number
  isEmpty: boolean
}

class ValueWriter {
  readonly #secrets: SecretNames
  readonly #secretObjects: ReadonlySet<object>
  readonly #cuts: Cuts
  readonly #longest: number
  readonly #seen = new Set<object>()
  /** The next one last. */
  readonly #tasks: Task[] = []

  constructor(secrets: SecretNames, secretObjects: ReadonlySet<object>, cuts: Cuts, longest: number) {
    this.#secrets = secrets
    this.#secretObjects = secretObjects
    this.#cuts = cuts
    this.#longest = longest
  }

  *write(value: unknown): Pieces {
    this.#tasks.push({ value, holder: undefined, depth: 0 })
    let text = ''
    let steps = 0
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) {
      if ('text' in task) text += task.text
      else if ('members' in task) text += this.#member(task)
      else {
        const { value: written, holder, depth } = task
        const short = this.#short(written)
        if (short !== undefined) text += short
        else if (isCutValue(written)) {
          yield text
          text = ''
          yield* this.#cut(written)
          this.#tasks.length = 0
        } else if (isContainer(written)) {
          const isSpelled =
            Array.isArray(written) &&
            areCodes(written) &&
            (yield* numbersContainSecret(written, this.#secrets))
          text += isSpelled ? MASKED : this.#container(written, holder, depth)
        } else {
          yield text
          text = ''
          yield* this.#long(written)
        }
      }
      if (text.length >= PIECE || ++steps % 1_000 === 0) {
        yield text
        text = ''
      }
    }
    yield text
  }

  /** The text of a value that is written at once; `undefined` for other values. */
  #short(value: unknown): string | undefined {
    if (typeof value === 'bigint') return isLarge(value) ? undefined : `${value}n`
    if (typeof value === 'string') return undefined
    if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
    if (this.#secretObjects.has(value)) return MASKED
    if (this.#seen.has(value)) return '[the same as above]'
    this.#seen.add(value)
    if (types.isDate(value)) return `Date ${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()}`
    return undefined
  }

  #container(container: object, holder: string | undefined, depth: number): string {
    if (depth > MAX_DEPTH) return '[…]'
    const members = membersOf(container, holder, this.#secrets, { cuts: this.#cuts })
    const [open, close] = bracketsOf(container, this.#cuts)
    this.#tasks.push({
      container,
      members: members as Iterator<Member | EmptySlots, void>,
      close,
      depth,
      isEmpty: true,
    })
    return open
  }

  /** The next member of a container, or its end. */
  #member(task: Rest): string {
    const { members, close, depth } = task
    const { value: member } = members.next()
    if (!member && this.#cuts.containers.has(task.container)) {
      this.#tasks.length = 0
      return ''
    }
    if (!member) return task.isEmpty ? close : `,\n${INDENT.repeat(depth)}${close}`
    const joint = task.isEmpty ? '' : ','
    task.isEmpty = false
    this.#tasks.push(task)
    const line = `${joint}\n${INDENT.repeat(depth + 1)}`
    if ('emptySlots' in member) return `${line}[${member.emptySlots} empty]`
    const { label, name, value, isSecret } = member
    const short = isSecret ? MASKED : this.#primitive(value)
    if (short === undefined) this.#tasks.push({ value, holder: name, depth: depth + 1 })
    if (label === undefined) return line + (short ?? '')
    if ('key' in label) {
      if (label.key instanceof CutText && label.key.text.length <= MARGIN && !types.isMap(task.container)) {
        // Nothing of a short name is shown that is cut, and its end decides whether it has quotation marks.
        this.#tasks.length = 0
        return ''
      }
      this.#tasks.push(
        { text: ` => ${short ?? ''}` },
        { value: label.key, holder: undefined, depth: depth + 1 },
      )
      return line
    }
    if (isPlainName(label.name)) return `${line}${label.name}: ${short ?? ''}`
    this.#tasks.push({ text: `: ${short ?? ''}` }, { value: label.name, holder: undefined, depth })
    return line
  }

  #primitive(value: unknown): string | undefined {
    return (typeof value === 'object' && value !== null) || typeof value === 'bigint'
      ? undefined
      : this.#short(value)
  }

  /** Writes a value that may be long, in pieces. */
  *#long(value: unknown): Pieces {
    if (typeof value === 'string') yield* this.#string(value)
    else if (typeof value === 'bigint') yield* this.#bigint(value)
    else if (types.isRegExp(value)) yield* this.#pattern(value)
    else if (ArrayBuffer.isView(value)) yield* this.#view(value)
    else yield* this.#bytes('ArrayBuffer', new Uint8Array(value as ArrayBuffer))
  }

  /** The beginning of a cut value. */
  *#cut(value: CutText | CutBytes | CutBigInt | typeof UNREAD): Pieces {
    if (value instanceof CutText) yield* this.#string(value.text, true)
    else if (value instanceof CutBigInt) yield* this.#hexadecimal(value)
    else if (value instanceof CutBytes) {
      const { head, size } = value
      yield* ArrayBuffer.isView(head)
        ? this.#view(head, size)
        : this.#bytes('ArrayBuffer', new Uint8Array(head), size)
    }
  }

  *#string(text: string, isCut = false): Pieces {
    yield '"'
    const isLong = text.length > this.#longest
    const known = text.slice(0, this.#longest)
    const length = isCut || isLong ? Math.max(0, known.length - MARGIN) : known.length
    yield* quoted(maskedText(known, this.#secrets, length))
    if (!isCut) yield isLong ? '…"' : '"'
  }

  *#pattern(pattern: RegExp): Pieces {
    yield 'RegExp '
    for (const piece of maskedText(String(pattern).slice(0, this.#longest), this.#secrets))
      yield visible(piece)
  }

  /** In hexadecimal digits, which are there already. */
  *#bigint(value: bigint): Pieces {
    const digits = (value < 0n ? -value : value).toString(16)
    const bits = digits.length * 4 - Math.clz32(Number.parseInt(digits.charAt(0), 16)) + 28
    yield* this.#hexadecimal({ isNegative: value < 0n, bits, digits })
    yield 'n'
  }

  *#hexadecimal({ isNegative, bits, digits }: CutBigInt): Pieces {
    yield `[a bigint of ${bits} bits] ${isNegative ? '-' : ''}0x`
    for (let at = 0; at < Math.min(digits.length, this.#longest); at += PIECE)
      yield digits.slice(at, at + PIECE)
  }

  /** The first elements of a view. With a larger `size` in bytes, the view is the beginning of a larger one. */
  *#view(view: ArrayBufferView, size = view.byteLength): Pieces {
    if (!types.isTypedArray(view) || types.isUint8Array(view)) {
      const name = Buffer.isBuffer(view) ? 'Buffer' : view.constructor.name
      yield* this.#bytes(name, new Uint8Array(view.buffer, view.byteOffset, view.byteLength), size)
      return
    }
    yield `${view.constructor.name}(${size / view.BYTES_PER_ELEMENT}) [`
    const shown = view.subarray(0, Math.min(view.length, this.#longest))
    const isSecret =
      (yield* bytesContainSecret(
        new Uint8Array(shown.buffer, shown.byteOffset, shown.byteLength),
        this.#secrets,
      )) || (yield* numbersContainSecret(shown, this.#secrets))
    const isCut = view.byteLength < size
    if (isSecret) yield MASKED
    else {
      const end = isCut ? Math.min(shown.length, view.length - MARGIN) : shown.length
      for (let start = 0; start < end; start += PIECE)
        yield `${start === 0 ? '' : ', '}${shown.subarray(start, Math.min(end, start + PIECE)).join(', ')}`
    }
    if (!isCut) yield ']'
  }

  *#bytes(name: string, bytes: Uint8Array, size = bytes.length): Pieces {
    yield `${name}(${size})`
    const shown = bytes.subarray(0, Math.min(bytes.length, this.#longest))
    if (yield* bytesContainSecret(shown, this.#secrets)) {
      yield ` ${MASKED}`
      return
    }
    const end = bytes.length < size ? Math.min(shown.length, bytes.length - MARGIN) : shown.length
    for (let start = 0; start < end; start += PIECE) {
      const part = shown.subarray(start, Math.min(end, start + PIECE))
      const hex = Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('hex')
      yield hex.replace(/../g, ' $&')
    }
  }
}

function* quoted(pieces: Pieces): Pieces {
  for (const piece of pieces) yield piece === '' ? '' : visible(JSON.stringify(piece).slice(1, -1))
}

function isContainer(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !types.isRegExp(value) &&
    !ArrayBuffer.isView(value) &&
    !types.isAnyArrayBuffer(value)
  )
}

/** Whether an array looks like the bytes of a text, as `Buffer` writes them in JSON. */
function areCodes(array: readonly unknown[]): array is number[] {
  return array.length >= 8 && typeof array[0] === 'number'
}

function bracketsOf(container: object, cuts: Cuts): readonly [open: string, close: string] {
  const size = (collection: { readonly size: number }) =>
    cuts.containers.has(container) ? '…' : collection.size
  if (types.isMap(container)) return [`Map(${size(container)}) {`, '}']
  if (types.isSet(container)) return [`Set(${size(container)}) {`, '}']
  return Array.isArray(container) ? ['[', ']'] : ['{', '}']
}

/** Whether it has more bits than are made decimal. This looks at the first of them alone. */
function isLarge(value: bigint): boolean {
  return BigInt.asIntN(MAX_DECIMAL_BITS, value) !== value
}

/** A name that stands without quotes, and is no secret itself. */
function isPlainName(name: string): boolean {
  return (
    name.length <= 80 &&
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) &&
    !/^(ey|gh|sk|xox|AI|AK)/.test(name)
  )
}

function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** The beginning of a text in pieces, and whether that is all of it. */
export async function truncated(
  pieces: Iterable<string>,
  limit: number,
  turn: () => Promise<void>,
): Promise<{ readonly text: string; readonly whole: boolean }> {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length > limit) {
      const end = /[\ud800-\udbff]/.test(text.charAt(limit - 1)) ? limit - 1 : limit
      return { text: text.slice(0, end), whole: false }
    }
    await turn()
  }
  return { text, whole: true }
}

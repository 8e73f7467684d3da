import { MASKED } from '../secret-names.js'
import type { Quote } from './quoted.js'
import type { TextScan } from './scan.js'

/** Maximum length of user information before an `@`. */
export const MAX_USERINFO = 1_024

/** Maximum number of attempts to find user information before the same `@`. */
const MAX_ATTEMPTS = 32

interface Range {
  readonly start: number
  readonly end: number
}

/** Position in a text that is scanned once, from its beginning to its end, and what the scan has passed. */
export class Cursor {
  readonly scan: TextScan
  readonly text: string
  at = 0
  /** Start of the name that the next sign would end. */
  nameStart = 0
  /** The last text that a delimiter has ended: in `(token) = x` it is the name. */
  lastRun: Range = { start: 0, end: 0 }
  /** End of what was masked or decoded. Nothing before it is scanned again. */
  floor = 0
  /** The quoted text that is open. */
  open: Quote | undefined
  /** The quoted text that was closed last. */
  closed: Range | undefined
  /** The name that holds what follows, as `api` in `api: { key }`. */
  holder: string | undefined
  /** Whether the next `value` is a secret, since a `name` was the name of one. */
  expectsValue = false
  /** Whether the next XML element is a secret: `<name>token</name><value>x</value>`. */
  expectsElement = false
  #nextAtSign = -1
  #attempts = 0

  constructor(scan: TextScan) {
    this.scan = scan
    this.text = scan.text
  }

  /** Masks a range, and goes on after it. */
  mask(start: number, end: number): void {
    this.scan.edits.push({ start, end, by: MASKED })
    this.goOnAt(end)
  }

  /** Goes on at a position, with nothing left of the names before it. */
  goOnAt(end: number): void {
    this.at = this.nameStart = this.floor = end
    this.lastRun = { start: end, end }
    this.closed = undefined
  }

  /** Ends a name at a delimiter, unless the delimiter was dealt with already. */
  endName(at: number): void {
    if (this.at !== at) return
    if (at > this.nameStart) this.lastRun = { start: this.nameStart, end: at }
    this.nameStart = at + 1
  }

  /**
   * Position of the next `@` where user information that starts here could end; -1 where it would be too long. After
   * many attempts before the same `@` it is -1, too, so that the time stays linear.
   */
  userinfoLimit(start: number): number {
    if (this.#nextAtSign < start) {
      const next = this.text.indexOf('@', start)
      this.#nextAtSign = next === -1 ? Number.POSITIVE_INFINITY : next
      this.#attempts = 0
    }
    if (this.#nextAtSign - start > MAX_USERINFO) return -1
    return ++this.#attempts > MAX_ATTEMPTS ? -1 : this.#nextAtSign
  }
}

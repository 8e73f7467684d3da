import { CacheNotRespondingError } from '../../errors.js'
import { notResponding } from './not-responding.js'
import type { Write } from './script-calls.js'
import { entryOf, isUnconditional, treeOf } from './write-scope.js'

/** Maximum number of names in each of two maps: the older one is dropped when the newer one is full. */
const MAX_NAMES = 4_096

/** The cause of the error of a write that did not run, and is not sent again since a later one has overtaken it. */
const OVERTAKEN = new Error('It did not run.')

export function overtakenError(): CacheNotRespondingError {
  return notResponding('a later write has overtaken this one', OVERTAKEN)
}

/** Whether a write failed because a later one has overtaken it. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof CacheNotRespondingError && error.cause === OVERTAKEN
}

/**
 * Numbers writes as they are sent, and keeps the number of the last one for each name. A write that must be sent again
 * is rejected where a later one covers its key, which it would undo.
 */
export class WriteOrder {
  readonly #maxNames: number
  #count = 0
  #recent = new Map<string, number>()
  #older = new Map<string, number>()
  /** Writes up to this number may be missing in both maps: one that is older counts as overtaken. */
  #dropped = 0
  #lastOfRecent = 0

  constructor(maxNames = MAX_NAMES) {
    this.#maxNames = maxNames
  }

  /** Records that a write is sent now. Returns false for one that was sent before and that a later write has overtaken. */
  admit(write: Write): boolean {
    if (write.number === undefined) write.number = ++this.#count
    else if (isUnconditional(write) && this.#isOvertaken(write.number, write.keys)) return false
    const entry = entryOf(write)
    const tree = treeOf(write)
    if (entry !== undefined) write.lastOfEntry = this.#record(entry, write.number)
    if (tree !== undefined) write.lastOfTree = this.#record(tree, write.number)
    return true
  }

  /** Removes the records of writes that were sent together and did not run. */
  undo(writes: readonly Write[]): void {
    // Last first, or earlier ones would count as overtaken by later ones that did not run either.
    for (const write of writes.toReversed()) {
      const entry = entryOf(write)
      const tree = treeOf(write)
      if (tree !== undefined) this.#restore(tree, write.number, write.lastOfTree)
      if (entry !== undefined) this.#restore(entry, write.number, write.lastOfEntry)
    }
  }

  #isOvertaken(number: number, names: readonly string[]): boolean {
    return number < this.#dropped || names.some((name) => (this.#last(name) ?? 0) > number)
  }

  #last(name: string): number | undefined {
    return this.#recent.get(name) ?? this.#older.get(name)
  }

  /** Returns the number that was recorded before. */
  #record(name: string, number: number): number | undefined {
    const last = this.#last(name)
    if (last !== undefined && last > number) return last
    this.#recent.set(name, number)
    if (this.#recent.size >= this.#maxNames) {
      this.#dropped = this.#lastOfRecent
      this.#lastOfRecent = this.#count
      this.#older = this.#recent
      this.#recent = new Map()
    }
    return last
  }

  #restore(name: string, number: number | undefined, last: number | undefined): void {
    const map = this.#recent.has(name) ? this.#recent : this.#older
    if (map.get(name) !== number) return
    if (last === undefined) map.delete(name)
    else map.set(name, last)
  }
}

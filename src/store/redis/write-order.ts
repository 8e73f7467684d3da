import type { Write } from './script-calls.js'
import { entryOf, isUnconditional, treeOf } from './write-scope.js'

/** Maximum number of names in each of two maps: the older one is dropped when the newer one is full. */
const MAX_NAMES = 4_096

/**
 * Numbers writes as they are sent, and remembers which was the last for each name. So a write that must be sent again
 * can be dropped where a later one covers its key: it would undo what its caller did afterwards.
 */
export class WriteOrder {
  readonly #maxNames: number
  #count = 0
  #recent = new Map<string, number>()
  #older = new Map<string, number>()
  /** Of writes up to this number nothing is known any more: one that is older counts as overtaken. */
  #forgotten = 0
  #lastOfRecent = 0

  constructor(maxNames = MAX_NAMES) {
    this.#maxNames = maxNames
  }

  /** Notes that a write is sent now. Returns false for one that was sent before and that a later write has overtaken. */
  admit(write: Write): boolean {
    if (write.number === undefined) write.number = ++this.#count
    else if (isUnconditional(write) && this.#isOvertaken(write.number, write.keys)) return false
    const entry = entryOf(write)
    const tree = treeOf(write)
    if (entry !== undefined) write.lastOfEntry = this.#note(entry, write.number)
    if (tree !== undefined) write.lastOfTree = this.#note(tree, write.number)
    return true
  }

  /** Takes back the notes of writes that were sent together and did not run. */
  undo(writes: readonly Write[]): void {
    // Last first, or those before would be taken for overtaken by those that did not run either.
    for (const write of writes.toReversed()) {
      const entry = entryOf(write)
      const tree = treeOf(write)
      if (tree !== undefined) this.#restore(tree, write.number, write.lastOfTree)
      if (entry !== undefined) this.#restore(entry, write.number, write.lastOfEntry)
    }
  }

  #isOvertaken(number: number, names: readonly string[]): boolean {
    return number < this.#forgotten || names.some((name) => (this.#last(name) ?? 0) > number)
  }

  #last(name: string): number | undefined {
    return this.#recent.get(name) ?? this.#older.get(name)
  }

  /** Returns what was noted before. */
  #note(name: string, number: number): number | undefined {
    const last = this.#last(name)
    if (last !== undefined && last > number) return last
    this.#recent.set(name, number)
    if (this.#recent.size >= this.#maxNames) {
      this.#forgotten = this.#lastOfRecent
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

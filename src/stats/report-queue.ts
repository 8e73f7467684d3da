/** Maximum number of items in one report; the oldest are dropped. */
const MAX_ITEMS = 200
/** Approximate maximum length of their JSON: a report is held in memory until the store has confirmed it. */
const MAX_LENGTH = 1_000_000

/** Items for the next report. */
export class ReportQueue<T> {
  readonly #onFirst: () => void
  #items: T[] = []
  #leftOut = 0

  /** `onFirst` is called when the queue stops being empty. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  add(item: T): void {
    if (this.isEmpty) this.#onFirst()
    if (this.#items.length >= MAX_ITEMS) {
      this.#items.shift()
      this.#leftOut++
    }
    this.#items.push(item)
  }

  /** Removes all items and returns the JSON of the newest that fit, oldest first, each mapped by `shape`. */
  take(shape: (item: T) => T = (item) => item): string[] {
    const texts: string[] = []
    let room = MAX_LENGTH
    for (const item of this.drain().items.toReversed()) {
      const text = JSON.stringify(shape(item))
      room -= text.length
      if (room < 0) break
      texts.push(text)
    }
    return texts.reverse()
  }

  /** Removes all items and returns them, oldest first, with the number of older ones that were dropped. */
  drain(): { readonly items: readonly T[]; readonly leftOut: number } {
    const drained = { items: this.#items, leftOut: this.#leftOut }
    this.#items = []
    this.#leftOut = 0
    return drained
  }
}

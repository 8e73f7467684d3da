/** So many things at most are told in one report: beyond that the oldest are left out. */
const MAX = 200
/** And so much text, about: what a server does not answer is held in memory, and sent again. */
const MAX_LENGTH = 1_000_000

/** What happened since the last report, to be told with the next. */
export class Outbox<T> {
  readonly #onFirst: () => void
  #items: T[] = []
  #leftOut = 0

  /** `onFirst` is called once there is something to tell. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  add(item: T): void {
    if (this.isEmpty) this.#onFirst()
    if (this.#items.length >= MAX) {
      this.#items.shift()
      this.#leftOut++
    }
    this.#items.push(item)
  }

  /** All of it as JSON, oldest first, as far as there is room for, each as `shape` gives it; nothing is left. */
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

  /** All of it, oldest first, and how many older ones were left out; nothing is left. */
  drain(): { readonly items: readonly T[]; readonly leftOut: number } {
    const drained = { items: this.#items, leftOut: this.#leftOut }
    this.#items = []
    this.#leftOut = 0
    return drained
  }
}

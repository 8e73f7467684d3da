/** So many things at most are told in one report: beyond that the oldest are left out. */
const MAX = 200

/** What happened since the last report, to be told with the next. */
export class Outbox<T> {
  readonly #onFirst: () => void
  #items: T[] = []

  /** `onFirst` is called once there is something to tell. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  add(item: T): void {
    if (this.isEmpty) this.#onFirst()
    if (this.#items.length >= MAX) this.#items.shift()
    this.#items.push(item)
  }

  /** All of it as JSON, oldest first; nothing is left. */
  take(): string[] {
    const items = this.#items.map((item) => JSON.stringify(item))
    this.#items = []
    return items
  }
}

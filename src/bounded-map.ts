/** A map of at most so many entries: beyond that, the one that was set the longest ago goes. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number

  constructor(max: number) {
    super()
    this.#max = max
  }

  override set(key: K, value: V): this {
    // At the end, also under an old key.
    this.delete(key)
    super.set(key, value)
    if (this.size <= this.#max) return this
    for (const oldest of this.keys()) {
      this.delete(oldest)
      break
    }
    return this
  }
}

/** A map with a maximum number of entries. Beyond it, the one that was set first is removed. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number

  constructor(max: number) {
    super()
    this.#max = max
  }

  override set(key: K, value: V): this {
    // A key that is set again moves to the end.
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

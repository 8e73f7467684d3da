const SIZE = 2 ** 20

/** The property names of one large value, by their hashes: a repeated name costs a reader nothing. */
export class Names {
  readonly #hashes = new Int32Array(SIZE)
  #count = 0

  /** Whether a name, the bytes from `start` to `end`, has not been seen before; remembers it. */
  isNew(bytes: Buffer, start: number, end: number): boolean {
    let hash = 0x811c9dc5
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
    // Zero is an empty place.
    if (hash === 0) hash = 1
    let place = (hash ^ (hash >>> 15)) & (SIZE - 1)
    for (; this.#hashes[place] !== 0; place = (place + 1) & (SIZE - 1)) {
      if (this.#hashes[place] === hash) return false
    }
    // Half full at most: what comes later is taken for new.
    if (this.#count < SIZE / 2) {
      this.#hashes[place] = hash
      this.#count++
    }
    return true
  }
}

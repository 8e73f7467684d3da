import type { CacheKey } from '../../../key/cache-key.js'

/** Minimum number of recorded changes at which those that nothing needs any more are removed. */
const MIN_PRUNED = 8_192

/** A soft expiry, by its place in the order of calls. */
interface Expiry {
  readonly number: number
}

/** A change of a key or of a tree. */
interface Cover extends Expiry {
  /** Settles when it was answered or has failed. */
  readonly by: Promise<unknown>
}

/** A plain write or a delete of this process that is not answered yet. */
export interface OpenChange {
  readonly key: CacheKey
  /** Its place in the order of calls. */
  readonly number: number
}

/**
 * The order of calls of this process, for changes that take several steps or are sent again. A later write, delete or `clear` that
 * covers the key of one ends it: nothing more of it may be sent, or it would undo the later one.
 *
 * No change looks at all others that are open: each looks up its own key and its ancestors.
 */
export class OwnOrder {
  #number = 0
  /** In the order of their calls. */
  readonly #open = new Set<OpenChange>()
  /** The last change of each key. */
  readonly #keys = new Map<string, Cover>()
  /** The last delete with children of each path; that of `''` is `clear`. */
  readonly #trees = new Map<string, Cover>()
  /** The last soft expiries of keys and of trees. */
  readonly #expiredKeys = new Map<string, Expiry>()
  readonly #expiredTrees = new Map<string, Expiry>()
  readonly #maps: readonly Map<string, Expiry>[] = [
    this.#keys,
    this.#trees,
    this.#expiredKeys,
    this.#expiredTrees,
  ]
  /** Number of recorded changes at which they are pruned next. */
  #pruneAt = MIN_PRUNED
  /** Plain writes whose values are not being sent yet. */
  readonly #preparing = new Map<OpenChange, Promise<unknown>>()

  begin(key: CacheKey): OpenChange {
    const change = { key, number: ++this.#number }
    this.#open.add(change)
    return change
  }

  end(change: OpenChange): void {
    this.#preparing.delete(change)
    this.#open.delete(change)
    if (this.#open.size === 0) for (const map of this.#maps) map.clear()
  }

  /** Records that `by` covers a key, with `children` everything below it too, without a key everything. */
  cover(key: CacheKey | undefined, children: boolean, by: Promise<unknown>, own?: OpenChange): void {
    if (this.#open.size === 0) return
    const cover = { number: own?.number ?? ++this.#number, by }
    if (key) this.#keys.set(key.text, cover)
    if (children) this.#trees.set(key?.text ?? '', cover)
    this.#prune()
  }

  /** Records that a soft expiry covers a key, with `children` everything below it too. */
  expire(key: CacheKey, children: boolean): void {
    if (this.#open.size === 0) return
    const expiry = { number: ++this.#number }
    this.#expiredKeys.set(key.text, expiry)
    if (children) this.#expiredTrees.set(key.text, expiry)
    this.#prune()
  }

  /** A later change that covers this one; `undefined` if there is none. */
  coverOf({ key, number }: OpenChange): Promise<unknown> | undefined {
    const isLater = (cover: Cover | undefined) => (cover && cover.number > number ? cover.by : undefined)
    const own = isLater(this.#keys.get(key.text))
    if (own !== undefined || this.#trees.size === 0) return own
    for (const path of ['', ...key.ancestors]) {
      const tree = isLater(this.#trees.get(path))
      if (tree !== undefined) return tree
    }
    return undefined
  }

  /** Whether a later change or soft expiry covers this one: what it writes would undo it. */
  isOver(change: OpenChange): boolean {
    const { key, number } = change
    if (this.coverOf(change) !== undefined) return true
    if (this.#expiredKeys.size === 0) return false
    const isLater = (expiry: Expiry | undefined) => expiry !== undefined && expiry.number > number
    if (isLater(this.#expiredKeys.get(key.text))) return true
    return key.ancestors.some((path) => isLater(this.#expiredTrees.get(path)))
  }

  /** Records that the value of a write is not being sent before `until` has settled. */
  prepare(change: OpenChange, until: Promise<unknown>): void {
    this.#preparing.set(change, until)
  }

  /**
   * Settles when the values of all earlier writes of a key are being sent, with `children` also of those below it; `undefined` if
   * they are already.
   */
  preparing(key: CacheKey, children = false): Promise<unknown> | undefined {
    if (this.#preparing.size === 0) return undefined
    const waiting: Promise<unknown>[] = []
    for (const [{ key: written }, until] of this.#preparing) {
      if (written.text === key.text || (children && written.isWithin(key))) waiting.push(until)
    }
    return waiting.length > 0 ? Promise.all(waiting) : undefined
  }

  /** Removes what is older than every open change. */
  #prune(): void {
    let size = 0
    for (const map of this.#maps) size += map.size
    if (size < this.#pruneAt) return
    const [oldest] = this.#open
    const first = oldest?.number ?? this.#number
    size = 0
    for (const map of this.#maps) {
      for (const [path, { number }] of map) if (number < first) map.delete(path)
      size += map.size
    }
    this.#pruneAt = Math.max(MIN_PRUNED, 2 * size)
  }
}

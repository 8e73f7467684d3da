import type { CacheKey } from '../../../key/cache-key.js'

/** A plain write or a delete of this process that is not answered yet. */
export interface OpenWrite {
  readonly key: CacheKey
  /** A later operation of this process that covers its key, and settles when that was answered or has failed. */
  coveredBy: Promise<unknown> | undefined
  /** Whether an own later soft expiry covers the key: what was written stays as stale as it is. */
  isExpired: boolean
  /** Settles when nothing keeps its value from being sent any longer; `undefined` if it was sent at once. */
  preparing: Promise<unknown> | undefined
}

/**
 * The plain writes of this process that take several steps. A later write, delete or `clear` of the same process that covers
 * the key of one ends it: nothing more of it may be sent, or it would undo the later one.
 */
export class OwnOrder {
  readonly #open = new Map<string, Set<OpenWrite>>()

  begin(key: CacheKey): OpenWrite {
    const write: OpenWrite = { key, coveredBy: undefined, isExpired: false, preparing: undefined }
    const writes = this.#open.get(key.text)
    if (writes) writes.add(write)
    else this.#open.set(key.text, new Set([write]))
    return write
  }

  /**
   * Settles when the values of all writes of a key are being sent, with `children` also of those below it; `undefined` if they
   * are already.
   */
  preparing(key: CacheKey, children = false): Promise<unknown> | undefined {
    if (this.#open.size === 0) return undefined
    const preparing = this.#covered(key, children).flatMap((write) => write.preparing ?? [])
    return preparing.length > 0 ? Promise.all(preparing) : undefined
  }

  /** Records that a soft expiry covers a key, with `children` everything below it too. */
  expire(key: CacheKey, children: boolean): void {
    if (this.#open.size === 0) return
    for (const write of this.#covered(key, children)) write.isExpired = true
  }

  end(write: OpenWrite): void {
    const { text } = write.key
    const writes = this.#open.get(text)
    writes?.delete(write)
    if (writes?.size === 0) this.#open.delete(text)
  }

  /** Records that `by` covers a key, with `children` everything below it too, without a key everything. */
  cover(key: CacheKey | undefined, children: boolean, by: Promise<unknown>, except?: OpenWrite): void {
    if (this.#open.size === 0) return
    for (const write of this.#covered(key, children)) if (write !== except) write.coveredBy = by
  }

  #covered(key: CacheKey | undefined, children: boolean): OpenWrite[] {
    if (key && !children) return [...(this.#open.get(key.text) ?? [])]
    const all = [...this.#open.values()].flatMap((writes) => [...writes])
    return key ? all.filter((write) => write.key.isWithin(key)) : all
  }
}

import { setImmediate as othersTurn } from 'node:timers/promises'
import { CacheKey } from '../key/cache-key.js'
import { EncryptedCursors } from './encrypted-cursors.js'
import { listedEntry } from './listed-entry.js'
import { isEntryName, type MemoryFrames } from './memory-frames.js'
import type { ListedEntry, ListOptions, ListPage } from './store.js'

/** Lists live entries of the embedded store in the order of their names. The cursor is the encrypted last name of a page. */
export class MemoryListing {
  readonly #frames: MemoryFrames
  readonly #cursors = new EncryptedCursors()

  constructor(frames: MemoryFrames) {
    this.#frames = frames
  }

  async page({ under, matches, cursor, scan }: ListOptions): Promise<ListPage> {
    const after = cursor === undefined ? undefined : this.#cursors.decrypt(cursor)
    // A caller that reads all pages does not keep all others waiting until then.
    await othersTurn()
    this.#frames.begin()
    const names = this.#namesAfter(after, scan + 1)
    const page = names.page.slice(0, scan)
    const last = names.page.length > scan ? page.at(-1) : undefined
    return {
      entries: page.flatMap((name) => this.#listed(CacheKey.from(name), under, matches) ?? []),
      cursor: last === undefined ? undefined : this.#cursors.encrypt(last),
      scanned: page.length,
      total: names.total,
    }
  }

  /** The first `count` names of entries after `after`, without sorting all of them; and the number of all entries. */
  #namesAfter(after: string | undefined, count: number): { readonly page: string[]; readonly total: number } {
    let page: string[] = []
    let total = 0
    let last: string | undefined
    const cut = () => {
      page = page.sort().slice(0, count)
      if (page.length === count) last = page.at(-1)
    }
    for (const name of this.#frames.names()) {
      if (!isEntryName(name)) continue
      total++
      if ((after !== undefined && name <= after) || (last !== undefined && name >= last)) continue
      page.push(name)
      if (page.length >= 2 * count) cut()
    }
    cut()
    return { page, total }
  }

  #listed(
    key: CacheKey,
    under: CacheKey | undefined,
    matches?: (key: CacheKey) => boolean,
  ): ListedEntry | undefined {
    if (under && !key.isWithin(under)) return undefined
    if (matches && !matches(key)) return undefined
    const frame = this.#frames.peek(key.text) ?? null
    return listedEntry(key, {
      frame,
      generations: this.#frames.peekAbove(key),
      bytes: frame?.length ?? 0,
      lifeMs: this.#frames.remainingMs(key.text),
      now: this.#frames.now,
    })
  }
}

import { BoundedMap } from '../bounded-map.js'
import type { CacheKey } from '../key/cache-key.js'
import { type KeyChange, treeNameOf } from '../store/key-history.js'

/** Maximum number of changes in one report; the oldest are dropped. */
const MAX_CHANGES = 1_000

/** The newest change of each key by this process, since its last report. */
export class KeyHistoryLog {
  readonly #onFirst: () => void
  #changes = new BoundedMap<string, KeyChange>(MAX_CHANGES)
  /** Changes in a report that the store has not confirmed. */
  #unconfirmed: ReadonlyMap<string, KeyChange> = new Map()

  /** `onFirst` is called when the log stops being empty. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  /** A write that began at `startedAt` stored a value that lives for `lifeMs`. */
  written(key: CacheKey, startedAt: number, lifeMs: number): void {
    this.#add(key.text, { kind: 'written', at: performance.now(), until: startedAt + lifeMs })
  }

  /** A value was not stored, because its key was invalidated after its data had been read. */
  fenced(key: CacheKey): void {
    const at = performance.now()
    // This process has stored another value, which is still live. That is why this one was refused: there was no
    // invalidation to record.
    const last = this.of(key.text)
    if (last?.kind === 'written' && last.until > at) return
    this.#add(key.text, { kind: 'fenced', at, until: at })
  }

  deleted(key: CacheKey, children: boolean): void {
    this.#deleted(key.text)
    if (children) this.#deleted(treeNameOf(key.text))
  }

  cleared(): void {
    this.#deleted(treeNameOf())
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0
  }

  /** The last change of a key or tree that other processes may not see yet. */
  of(name: string): KeyChange | undefined {
    return this.#changes.get(name) ?? this.#unconfirmed.get(name)
  }

  /** Removes all changes and returns them, oldest first; `of` finds them until they are confirmed. */
  take(): ReadonlyMap<string, KeyChange> {
    this.#unconfirmed = this.#changes
    this.#changes = new BoundedMap(MAX_CHANGES)
    return this.#unconfirmed
  }

  /** The store has confirmed what was taken last. */
  confirmed(): void {
    this.#unconfirmed = new Map()
  }

  #deleted(name: string): void {
    const at = performance.now()
    this.#add(name, { kind: 'deleted', at, until: at })
  }

  #add(name: string, change: KeyChange): void {
    if (this.isEmpty) this.#onFirst()
    this.#changes.set(name, change)
  }
}

import { BoundedMap } from '../bounded-map.js'
import type { CacheKey } from '../key/cache-key.js'
import { type Trace, treeOf } from '../store/traces.js'

/** So many are told in one report: of more, the last ones. */
const MAX = 1_000

/** What this process has made of keys since its last report: the newest of each. */
export class TraceLog {
  readonly #onFirst: () => void
  #traces = new BoundedMap<string, Trace>(MAX)
  /** Taken for a report that has not surely arrived. */
  #untold: ReadonlyMap<string, Trace> = new Map()

  /** `onFirst` is called once there is something to tell. */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  /** Stored at the earliest at `left`, to stand for `lifeMs`. */
  written(key: CacheKey, left: number, lifeMs: number): void {
    this.#add(key.text, { kind: 'written', at: performance.now(), until: left + lifeMs })
  }

  /** A value was not stored, since its key was invalidated after its data had been read. */
  fenced(key: CacheKey): void {
    const at = performance.now()
    // It was this process's own value that came in between: that stands.
    const last = this.of(key.text)
    if (last?.kind === 'written' && last.until > at) return
    this.#add(key.text, { kind: 'fenced', at, until: at })
  }

  deleted(key: CacheKey, children: boolean): void {
    this.#deleted(key.text)
    if (children) this.#deleted(treeOf(key.text))
  }

  cleared(): void {
    this.#deleted(treeOf())
  }

  get isEmpty(): boolean {
    return this.#traces.size === 0
  }

  /** What others may not know yet of a key or tree. */
  of(name: string): Trace | undefined {
    return this.#traces.get(name) ?? this.#untold.get(name)
  }

  /** All of it, oldest first, for a report: nothing is left to be told once that has arrived. */
  take(): ReadonlyMap<string, Trace> {
    this.#untold = this.#traces
    this.#traces = new BoundedMap(MAX)
    return this.#untold
  }

  /** What was taken has arrived. */
  told(): void {
    this.#untold = new Map()
  }

  #deleted(name: string): void {
    const at = performance.now()
    this.#add(name, { kind: 'deleted', at, until: at })
  }

  #add(name: string, trace: Trace): void {
    if (this.isEmpty) this.#onFirst()
    this.#traces.set(name, trace)
  }
}

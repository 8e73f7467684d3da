import { BoundedMap } from '../../../bounded-map.js'
import { IN_USE, IN_USE_AT, isGeneration, joinGenerations } from '../../../entry/generation.js'

/** Maximum number of generations that a process knows, and of parents of which it knows all. */
const MAX_KNOWN = 20_000

/** Minimum time for which a generation must outlive an entry below it: the server's clock is known only roughly. */
const MARGIN_MS = 1_000

interface Known {
  readonly bytes: Buffer
  /** Until when it lives at least, on the clock of its server. */
  readonly livesUntil: number
}

/** All generations above the children of one parent, as this process knows them. */
interface KnownAbove {
  /** The number of changes of what is known when this was made. */
  readonly changes: number
  /** All are in use; joined by `joinGenerations`. */
  readonly joined: Buffer
  readonly generations: readonly Known[]
}

/**
 * The generations that this process has read last, by name. New frames are made with them; no frame is ever judged by them,
 * since they may be out of date.
 */
export class KnownGenerations {
  readonly #known = new BoundedMap<string, Known>(MAX_KNOWN)
  readonly #above = new BoundedMap<string, KnownAbove>(MAX_KNOWN)
  /** Number of changes of what is known. */
  #changes = 0

  get(name: string): Buffer | undefined {
    return this.#known.get(name)?.bytes
  }

  /** All under these names, which are those above the children of `parent`; `undefined` unless all are known and in use. */
  above(parent: string, names: readonly string[]): KnownAbove | undefined {
    const known = this.#above.get(parent)
    if (known?.changes === this.#changes) return known
    const generations: Known[] = []
    for (const name of names) {
      const generation = this.#known.get(name)
      if (!generation || !isInUse(generation.bytes)) return undefined
      generations.push(generation)
    }
    const joined = joinGenerations(generations.map(({ bytes }) => bytes)) as Buffer
    const above = { changes: this.#changes, joined, generations }
    this.#above.set(parent, above)
    return above
  }

  /** Whether this generation is known to live until a moment on the clock of its server. */
  livesUntil(name: string, moment: number): boolean {
    return (this.#known.get(name)?.livesUntil ?? 0) >= moment + MARGIN_MS
  }

  /** Records what was read under a name. */
  learn(name: string, bytes: Buffer | null): void {
    const known = this.#known.get(name)
    if (known && bytes?.equals(known.bytes)) return
    if (!isGeneration(bytes)) {
      if (known && this.#known.delete(name)) this.#changes++
      return
    }
    const isSame = known !== undefined && bytes.compare(known.bytes, 0, IN_USE_AT, 0, IN_USE_AT) === 0
    this.#set(name, bytes, isSame ? known.livesUntil : 0)
  }

  /** Records a generation with the time until which it lives at least. */
  learnLife(name: string, bytes: Buffer, livesUntil: number): void {
    this.#set(name, bytes, livesUntil)
  }

  #set(name: string, bytes: Buffer, livesUntil: number): void {
    // A copy: a view would keep the whole reply in memory.
    this.#known.set(name, { bytes: Buffer.from(bytes), livesUntil })
    this.#changes++
  }
}

/** Whether something was written below a generation. */
export function isInUse(generation: Buffer): boolean {
  return generation[IN_USE_AT] === IN_USE
}

import { BoundedMap } from '../../../bounded-map.js'
import { IN_USE, IN_USE_AT, isGeneration } from '../../../entry/generation.js'

/** Maximum number of generations that a process knows. */
const MAX_KNOWN = 20_000

/** Minimum time for which a generation must outlive an entry below it: the server's clock is known only roughly. */
const MARGIN_MS = 1_000

interface Known {
  readonly bytes: Buffer
  /** Until when it lives at least, on the clock of its server. */
  readonly livesUntil: number
}

/**
 * The generations that this process has read last, by name. New frames are made with them; no frame is ever judged by them,
 * since they may be out of date.
 */
export class KnownGenerations {
  readonly #known = new BoundedMap<string, Known>(MAX_KNOWN)

  get(name: string): Buffer | undefined {
    return this.#known.get(name)?.bytes
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
      if (known) this.#known.delete(name)
      return
    }
    const isSame = known !== undefined && bytes.compare(known.bytes, 0, IN_USE_AT, 0, IN_USE_AT) === 0
    // A copy: a view would keep the whole reply in memory.
    this.#known.set(name, { bytes: Buffer.from(bytes), livesUntil: isSame ? known.livesUntil : 0 })
  }

  /** Records a generation with the time until which it lives at least. */
  learnLife(name: string, bytes: Buffer, livesUntil: number): void {
    this.#known.set(name, { bytes: Buffer.from(bytes), livesUntil })
  }
}

/** Whether something was written below a generation. */
export function isInUse(generation: Buffer): boolean {
  return generation[IN_USE_AT] === IN_USE
}

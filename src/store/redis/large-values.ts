import { BoundedMap } from '../../bounded-map.js'
import type { Command } from './command.js'
import { asNotResponding } from './not-responding.js'

/** Interval at which the size of a value that is too large is looked up again. */
const RECHECK_MS = 1_000

/** Maximum number of names. Few are expected. */
const MAX_NAMES = 10_000

/** Maximum number of bytes that one command fetches, as far as sizes are known. */
const MAX_FETCH_BYTES = 16 * 1024 * 1024

/** Stands for a value that is too large to be fetched: no frame, generation or lease begins like this. */
const TOO_LARGE = Buffer.from('too large')

type Send = (commands: readonly Command[]) => Promise<readonly unknown[]>

/**
 * Names whose value may be too large to be fetched, since another client of the same Redis can write anything there. One
 * such reply holds up all replies after it, so the sizes of these values are looked up before they are fetched.
 */
export class LargeValues {
  readonly #maxBytes: number
  /** The moment of `performance.now()` at which a value was last found too large; `undefined` while its size is unknown. */
  readonly #names = new BoundedMap<string, number | undefined>(MAX_NAMES)

  readonly #slotOf: (name: string) => number

  /** In a Cluster names of one slot are fetched together, elsewhere all names. */
  constructor(maxBytes: number, slotOf: (name: string) => number = () => 0) {
    this.#maxBytes = maxBytes
    this.#slotOf = slotOf
  }

  /** Adds names whose reply was too large, or did not come: fetched again, each would bring another such reply. */
  suspect(names: readonly string[]): void {
    for (const name of names) if (!this.#names.has(name)) this.#names.set(name, undefined)
  }

  /** Drops the sizes of these names, whose values may have changed. */
  forget(names: readonly string[]): void {
    if (this.#names.size === 0) return
    for (const name of names) if (this.#names.has(name)) this.#names.set(name, undefined)
  }

  /** Whether one of these names must not be fetched before its size is known. */
  mayBeAmong(names: readonly string[]): boolean {
    return this.#names.size > 0 && names.some((name) => this.#names.has(name))
  }

  /**
   * Fetches values. A suspected one is fetched only if its size is small enough.
   * @throws CacheNotRespondingError
   */
  async read(names: readonly string[], send: Send): Promise<(Buffer | null)[]> {
    const now = performance.now()
    const unknown = names.filter((name) => {
      const checkedAt = this.#names.get(name)
      return this.#names.has(name) && (checkedAt === undefined || now - checkedAt >= RECHECK_MS)
    })
    const sizes = new Map(unknown.map((name) => [name, 0]))
    if (unknown.length > 0) {
      const replies = await send(unknown.map((name): Command => ['STRLEN', name]))
      for (const [index, name] of unknown.entries()) {
        // An error means a foreign type, which costs nothing: MGET returns nil for it.
        const size = Number(replies[index]) || 0
        sizes.set(name, size)
        if (size > this.#maxBytes) this.#names.set(name, now)
      }
    }
    const fetched = names.filter((name) => {
      const size = sizes.get(name)
      return size === undefined ? !this.#names.has(name) : size <= this.#maxBytes
    })
    const values = new Map<string, Buffer | null>()
    for (const part of parts(fetched, sizes, this.#slotOf)) {
      const [reply] = await send([['MGET', ...part]])
      if (reply instanceof Error) throw asNotResponding(reply)
      for (const [index, name] of part.entries()) {
        values.set(name, (reply as (Buffer | null)[])[index] ?? null)
        this.#names.delete(name)
      }
    }
    return names.map((name) => (values.has(name) ? (values.get(name) ?? null) : TOO_LARGE))
  }
}

/** Splits names over several commands where their values are large together; a size that was not looked up counts as 0. */
function parts(
  names: readonly string[],
  sizes: ReadonlyMap<string, number>,
  slotOf: (name: string) => number,
): string[][] {
  const all: string[][] = []
  const open = new Map<number, { readonly part: string[]; bytes: number }>()
  for (const name of names) {
    const size = sizes.get(name) ?? 0
    const slot = slotOf(name)
    let last = open.get(slot)
    if (!last || last.bytes + size > MAX_FETCH_BYTES) {
      last = { part: [], bytes: 0 }
      open.set(slot, last)
      all.push(last.part)
    }
    last.part.push(name)
    last.bytes += size
  }
  return all
}

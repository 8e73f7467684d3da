/** What stood under some names at one moment, and the epoch in which later changes of it are told, if one was wanted. */
export type Shape<T> = (values: (Buffer | null)[], epoch: number | undefined) => T

/** A read that waits for its answer. */
interface Read {
  /** Where its names stand in the batch. */
  readonly positions: readonly number[]
  readonly resolve: (values: (Buffer | null)[], epoch: number | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Reads that travel together, each name once. */
export class ReadBatch {
  /** Whether the server is to tell of changes of what is read. */
  isTracked = false
  /** When its first read was asked for, by `performance.now()`. */
  readonly since = performance.now()
  readonly names: string[] = []
  readonly reads: Read[] = []
  /** What others may ask for too before it is sent, by its id. */
  readonly shared = new Map<string, Promise<unknown>>()
  readonly #positions = new Map<string, number>()

  add(name: string): number {
    let position = this.#positions.get(name)
    if (position === undefined) {
      position = this.names.push(name) - 1
      this.#positions.set(name, position)
    }
    return position
  }

  /** Settles each read, also where another one's answer is not what it can read. */
  answer(values: readonly (Buffer | null)[], epoch: number | undefined): void {
    for (const { positions, resolve, reject } of this.reads) {
      try {
        resolve(
          positions.map((position) => values[position] ?? null),
          epoch,
        )
      } catch (error) {
        reject(error)
      }
    }
  }

  fail(error: unknown): void {
    for (const { reject } of this.reads) reject(error)
  }
}

/** What stood under some names at one moment, and the epoch in which later changes of it are told, if one was wanted. */
export type Shape<T> = (values: (Buffer | null)[], epoch: number | undefined) => T

/** A read that waits for its answer. */
interface Read {
  /** Where its names stand in the batch. */
  readonly positions: readonly number[]
  readonly resolve: (values: (Buffer | null)[], epoch: number | undefined) => void
  readonly reject: (error: unknown) => void
}

/** The reads of one tick, each name once. */
export class ReadBatch {
  /** Whether the server is to tell of changes of what is read. */
  isTracked = false
  readonly names: string[] = []
  readonly reads: Read[] = []
  /** What others of this tick may ask for too, by its id. */
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

  answer(values: readonly (Buffer | null)[], epoch: number | undefined): void {
    for (const { positions, resolve } of this.reads) {
      resolve(
        positions.map((position) => values[position] ?? null),
        epoch,
      )
    }
  }

  fail(error: unknown): void {
    for (const { reject } of this.reads) reject(error)
  }
}

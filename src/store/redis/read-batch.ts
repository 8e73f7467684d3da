/**
 * Makes a caller's result of the values under its names, of the tracking epoch that covers them, if one does, and of
 * whether one command has read them all.
 */
export type ToResult<T> = (values: (Buffer | null)[], epoch: number | undefined, isOneMoment: boolean) => T

interface QueuedRead {
  /** Positions of its names in the batch. */
  readonly positions: readonly number[]
  readonly resolve: (values: (Buffer | null)[], epoch: number | undefined, isOneMoment: boolean) => void
  readonly reject: (error: unknown) => void
}

/** Reads that are sent as one command, which has each name once. */
export class ReadBatch {
  /** Whether the server is to report later changes of what is read. */
  isTracked = false
  /** When its first read was called, a moment of `performance.now()`. */
  readonly startedAt = performance.now()
  readonly names: string[] = []
  readonly reads: QueuedRead[] = []
  /** Results that further callers share until the batch is sent, by their ids. */
  readonly shared = new Map<string, Promise<unknown>>()
  readonly #positions = new Map<string, number>()

  /** Adds a name, unless it is there already. Returns its position. */
  add(name: string): number {
    let position = this.#positions.get(name)
    if (position === undefined) {
      position = this.names.push(name) - 1
      this.#positions.set(name, position)
    }
    return position
  }

  /**
   * Resolves every read. One whose result cannot be made, or for which an error was read, is rejected alone. Where several
   * commands have read the values, `commandOf` has the one of each.
   */
  answer(
    values: readonly (Buffer | null | Error)[],
    epoch: number | undefined,
    isOneMoment: boolean,
    commandOf?: readonly number[],
  ): void {
    for (const { positions, resolve, reject } of this.reads) {
      try {
        const own = positions.map((position) => values[position] ?? null)
        const failed = own.find((value) => value instanceof Error)
        if (failed !== undefined) throw failed
        const isOne = commandOf === undefined || isConstant(positions, commandOf)
        resolve(own as (Buffer | null)[], epoch, isOneMoment && isOne)
      } catch (error) {
        reject(error)
      }
    }
  }

  fail(error: unknown): void {
    for (const { reject } of this.reads) reject(error)
  }
}

function isConstant(positions: readonly number[], commandOf: readonly number[]): boolean {
  return positions.every((position) => commandOf[position] === commandOf[positions[0] as number])
}

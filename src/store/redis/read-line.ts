import { ReadBatch } from './read-batch.js'

/** Maximum number of names in one `MGET`: the server is never held for long. */
const MAX_NAMES = 512

/**
 * Maximum number of names that are under way: what comes faster than this process can take it in waits here, where no
 * deadline has begun.
 */
const MAX_UNDER_WAY = 2 * MAX_NAMES

/** Batches of reads that wait to be sent, and how many names are under way. */
export class ReadLine {
  /** Takes more reads until it is sent. */
  #open: ReadBatch | undefined
  readonly #full: ReadBatch[] = []
  #underWay = 0
  #isTurnOfOpen = true

  /** The batch that takes a read of so many names. */
  batchFor(names: number): ReadBatch {
    const open = this.#open
    if (open && open.names.length + names <= MAX_NAMES) return open
    if (open) this.#full.push(open)
    this.#open = new ReadBatch()
    return this.#open
  }

  /** The one that has taken the last read, and was not sent yet. */
  get open(): ReadBatch | undefined {
    return this.#open
  }

  /** The next that may be sent. Late comers take turns with those of a large batch, so none waits for all of it. */
  next(): ReadBatch | undefined {
    if (this.#underWay >= MAX_UNDER_WAY) return undefined
    const isOpensTurn = this.#full.length === 0 || this.#isTurnOfOpen
    this.#isTurnOfOpen = !isOpensTurn
    let batch = this.#full[0]
    if (isOpensTurn && this.#open) {
      batch = this.#open
      this.#open = undefined
    } else this.#full.shift()
    this.#underWay += batch?.names.length ?? 0
    return batch
  }

  /** A batch that was sent is answered, or has failed. */
  settled(batch: ReadBatch): void {
    this.#underWay -= batch.names.length
  }

  /** Takes those out that have been waiting since a moment, or longer. */
  takeOlderThan(moment: number): ReadBatch[] {
    const old: ReadBatch[] = []
    // Oldest first.
    while (this.#full[0] && this.#full[0].since <= moment) old.push(this.#full.shift() as ReadBatch)
    if (this.#open && this.#open.since <= moment) {
      old.push(this.#open)
      this.#open = undefined
    }
    return old
  }
}

import { ReadBatch } from './read-batch.js'

/** Maximum number of names in one `MGET`, so that a command never keeps the server busy for long. */
const MAX_NAMES = 512

/** Maximum number of names under way. Reads beyond it wait in the queue, where their deadline has not begun. */
const MAX_UNDER_WAY = 2 * MAX_NAMES

/** Batches of reads that wait to be sent. */
export class ReadQueue {
  /** Takes more reads until it is sent. */
  #open: ReadBatch | undefined
  readonly #full: ReadBatch[] = []
  #namesUnderWay = 0
  #isTurnOfOpen = true

  /** The batch that takes further reads. */
  get open(): ReadBatch | undefined {
    return this.#open
  }

  /** The batch for a read of `names` names. */
  batchFor(names: number): ReadBatch {
    const open = this.#open
    if (open && open.names.length + names <= MAX_NAMES) return open
    if (open) this.#full.push(open)
    this.#open = new ReadBatch()
    return this.#open
  }

  /** The next batch that may be sent. Full ones and the open one take turns, so that a late read waits for one of them. */
  next(): ReadBatch | undefined {
    if (this.#namesUnderWay >= MAX_UNDER_WAY) return undefined
    const takesOpen = this.#full.length === 0 || this.#isTurnOfOpen
    this.#isTurnOfOpen = !takesOpen
    let batch = this.#full[0]
    if (takesOpen && this.#open) {
      batch = this.#open
      this.#open = undefined
    } else this.#full.shift()
    this.#namesUnderWay += batch?.names.length ?? 0
    return batch
  }

  /** Records that a batch was answered, or has failed. */
  settled(batch: ReadBatch): void {
    this.#namesUnderWay -= batch.names.length
  }

  /** Takes out the batches that were started at `moment` or before. */
  takeOlderThan(moment: number): ReadBatch[] {
    const old: ReadBatch[] = []
    // Oldest first.
    while (this.#full[0] && this.#full[0].startedAt <= moment) old.push(this.#full.shift() as ReadBatch)
    if (this.#open && this.#open.startedAt <= moment) {
      old.push(this.#open)
      this.#open = undefined
    }
    return old
  }
}

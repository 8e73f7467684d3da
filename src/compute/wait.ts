/** Delays between two reads of a waiter. While lease events arrive, reading again is only a precaution. */
const POLL_MS = { first: 25, last: 500, withEvents: 1_000 }

/** After a lease has lapsed on this process's clock, this much later it has lapsed on the store's clock too. */
const LAPSE_MARGIN_MS = 5

/** The wait of one flight for the lease holders of its key. Each holder is waited for up to a limit. */
export class Wait {
  readonly #limitMs: number
  #holder: Buffer | undefined
  #endsAt = Number.POSITIVE_INFINITY
  #pollMs = POLL_MS.first
  #isWoken = false
  #isInVain = false
  #wake: (() => void) | undefined

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  get hasBegun(): boolean {
    return this.#holder !== undefined
  }

  /** Sets the token of the computation that is waited for; a new one starts the limit again. */
  setHolder(holder: Buffer): void {
    if (this.#holder?.equals(holder)) return
    // A copy: a view would keep the whole reply alive.
    this.#holder = Buffer.from(holder)
    this.#endsAt = performance.now() + this.#limitMs
  }

  get isOver(): boolean {
    return performance.now() >= this.#endsAt
  }

  /** Whether the holder has ended with a value that is not stored. */
  get isInVain(): boolean {
    return this.#isInVain
  }

  /** Ignores the events until now: the read that follows will show what they were about. */
  reset(): void {
    this.#isWoken = false
  }

  wake(isInVain = false): void {
    this.#isWoken = true
    this.#isInVain ||= isInVain
    this.#wake?.()
  }

  /** Waits for a lease event, or until it is time to read again without one. */
  async forEvent(areComing: boolean, lapsesInMs: number): Promise<void> {
    if (this.#isWoken) return
    const pollMs = areComing ? POLL_MS.withEvents : this.#pollMs
    this.#pollMs = Math.min(POLL_MS.last, this.#pollMs * 1.5)
    const ms = Math.min(pollMs, lapsesInMs + LAPSE_MARGIN_MS, this.#endsAt - performance.now())
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, ms))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

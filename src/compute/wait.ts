/** While news arrive, looking by itself is only a precaution. */
const POLL_MS = { first: 25, last: 500, withNews: 1_000 }
/** So long after a lease has lapsed it has surely lapsed on the store's clock too. */
const LAPSE_MARGIN_MS = 5

/** One attempt's waiting for others: at most so long for each. */
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

  /** It is this computation, by its token, that is waited for. */
  setHolder(holder: Buffer): void {
    if (this.#holder?.equals(holder)) return
    // A copy: a view would keep the whole reply alive.
    this.#holder = Buffer.from(holder)
    this.#endsAt = performance.now() + this.#limitMs
  }

  get isOver(): boolean {
    return performance.now() >= this.#endsAt
  }

  /** Whether what was waited for has ended with a value that is not stored. */
  get isInVain(): boolean {
    return this.#isInVain
  }

  /** News from now on count: what came before, the store will show. */
  reset(): void {
    this.#isWoken = false
  }

  wake(isInVain = false): void {
    this.#isWoken = true
    this.#isInVain ||= isInVain
    this.#wake?.()
  }

  /** Until news come, or it is time to look without. */
  async forEvent(areComing: boolean, lapsesInMs: number): Promise<void> {
    if (this.#isWoken) return
    const pollMs = areComing ? POLL_MS.withNews : this.#pollMs
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

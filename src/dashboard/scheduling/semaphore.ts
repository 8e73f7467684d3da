interface Waiter {
  readonly enter: () => void
}

/** Places for work that is bounded in number, and a bounded queue for them. First come, first served. */
export class Semaphore {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #waiting: Waiter[] = []
  #taken = 0

  constructor(most: number, mostWaiting: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
  }

  /** Whether there is no room, not even to wait. */
  get isFull(): boolean {
    return this.#taken >= this.#most && this.#waiting.length >= this.#mostWaiting
  }

  /** Whether a place is free at once. */
  get isFree(): boolean {
    return this.#taken < this.#most
  }

  /**
   * Waits for a place. Resolves to a function that gives the place back, once; to `undefined` where there is no room to
   * wait, or the signal came first.
   */
  async acquire(signal?: AbortSignal): Promise<(() => void) | undefined> {
    if (signal?.aborted || this.isFull) return undefined
    if (this.isFree) {
      this.#taken++
      return this.#leaving()
    }
    return new Promise((resolve) => {
      const waiter: Waiter = {
        enter: () => {
          signal?.removeEventListener('abort', give)
          resolve(this.#leaving())
        },
      }
      const give = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        resolve(undefined)
      }
      signal?.addEventListener('abort', give, { once: true })
      this.#waiting.push(waiter)
    })
  }

  #leaving(): () => void {
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      const next = this.#waiting.shift()
      // The place goes on to the next one.
      if (next) next.enter()
      else this.#taken--
    }
  }
}

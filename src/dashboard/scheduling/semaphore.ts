interface Waiter {
  readonly enter: () => void
}

/** Limits the number of concurrent tasks. Further ones wait in a bounded queue, in the order of their calls. */
export class Semaphore {
  readonly #permits: number
  readonly #maxWaiting: number
  readonly #waiting: Waiter[] = []
  #held = 0

  constructor(permits: number, maxWaiting: number) {
    this.#permits = permits
    this.#maxWaiting = maxWaiting
  }

  /** Whether the queue is full, so that `acquire` would return `undefined`. */
  get isFull(): boolean {
    return this.#held >= this.#permits && this.#waiting.length >= this.#maxWaiting
  }

  /** Whether `acquire` would not have to wait. */
  get isFree(): boolean {
    return this.#held < this.#permits
  }

  /**
   * Waits for a permit. Resolves to a function that releases it, or to `undefined` where the queue is full or the signal
   * is aborted first.
   */
  async acquire(signal?: AbortSignal): Promise<(() => void) | undefined> {
    if (signal?.aborted || this.isFull) return undefined
    if (this.isFree) {
      this.#held++
      return this.#release()
    }
    return new Promise((resolve) => {
      const waiter: Waiter = {
        enter: () => {
          signal?.removeEventListener('abort', give)
          resolve(this.#release())
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

  #release(): () => void {
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const next = this.#waiting.shift()
      if (next) next.enter()
      else this.#held--
    }
  }
}

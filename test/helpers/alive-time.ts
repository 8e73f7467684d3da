const TURN_MS = 10

/** Time in which this process could run, in turns of a timer: a pause of the process, however long, counts as one turn. */
class AliveTime {
  #turns = 0
  #timer: NodeJS.Timeout | undefined
  readonly #onOver: () => void

  /** Calls `onOver` when it is over, unless it is stopped before. */
  constructor(ms: number, onOver: () => void) {
    this.#onOver = onOver
    this.#turn(ms / TURN_MS)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #turn(last: number): void {
    this.#timer = setTimeout(() => (++this.#turns < last ? this.#turn(last) : this.#onOver()), TURN_MS)
  }
}

/** Rejects unless a promise settles within some time in which this process could run. */
export async function withinAliveTime<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let time: AliveTime | undefined
  const late = new Promise<never>((_, reject) => {
    time = new AliveTime(ms, () => reject(new Error(`${what} has not settled within ${ms} ms.`)))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    time?.stop()
  }
}

/** Tries until there is no error, and rejects with the last one after some time in which this process could run. */
export async function eventually<T>(ms: number, attempt: () => Promise<T>): Promise<T> {
  let isOver = false
  const time = new AliveTime(ms, () => {
    isOver = true
  })
  try {
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (isOver) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, TURN_MS))
    }
  } finally {
    time.stop()
  }
}

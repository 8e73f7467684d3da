/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Step {
  readonly label: string
  /** When it is its turn, in virtual time. */
  readonly at: number
  run(): Promise<void>
}

/**
 * Runs steps one after the other, in an order that follows from a seed. Each step takes a random time, some take very long:
 * what is called first is often done last. Between two steps everything that follows from the first has happened.
 */
export class Steps {
  readonly #random: () => number
  readonly #waiting: Step[] = []
  readonly trace: string[] = []
  #now = 0

  constructor(seed: number) {
    this.#random = randomOf(seed)
  }

  /** Does something when it is its turn. */
  take<T>(label: string, action: () => T | Promise<T>): Promise<T> {
    // Heavy-tailed: the median is near 1, and one in twenty is above 50.
    const delay = (1 / (1 - this.#random() * 0.999) - 1) ** 1.3
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        label,
        at: this.#now + delay,
        run: () => Promise.resolve(action()).then(resolve, reject) as Promise<void>,
      })
    })
  }

  /** Runs steps until `done` is, and calls `check` after each. */
  async runUntil(done: Promise<unknown>, check: (label: string) => Promise<void>): Promise<void> {
    let isDone = false
    const end = () => {
      isDone = true
    }
    done.then(end, end)
    const giveUpAt = performance.now() + 20_000
    for (;;) {
      await quiet()
      if (isDone) break
      if (performance.now() > giveUpAt) throw new Error(`a call never ends:\n${this.trace.join('\n')}`)
      const next = this.#next()
      if (!next) {
        // A caller waits for an event, or for the time of its next attempt.
        await new Promise((resolve) => setTimeout(resolve, 1))
        continue
      }
      this.#now = next.at
      this.trace.push(next.label)
      await next.run()
      await quiet()
      await check(next.label)
    }
    await done
  }

  #next(): Step | undefined {
    const [first] = this.#waiting
    if (!first) return undefined
    let next = first
    for (const step of this.#waiting) if (step.at < next.at) next = step
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    return next
  }
}

/** Resolves when nothing happens any more without a step. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

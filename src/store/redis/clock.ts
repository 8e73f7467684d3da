/**
 * A lower bound of a server's clock, kept beside this process's monotonic one.
 * No two machines' clocks are ever compared: what matters is judged on the
 * server's time alone, and this says how late it is there at least.
 *
 * A reply that tells the server's time bounds the difference of the two clocks
 * from both sides: the server read its clock after the command left and before
 * the reply came (Cristian's algorithm, 1989). The lower bound is the safe one:
 * a deadline made with it may come early, never late.
 */
export class ServerClock {
  #difference: number | undefined
  #takenAt = 0

  get known(): boolean {
    return this.#difference !== undefined
  }

  /** Whether it was told not long before a moment of `performance.now()`. */
  isRecent(moment: number): boolean {
    return this.known && moment - this.#takenAt < SAMPLE_LIFE_MS
  }

  /** The server's time at a moment of `performance.now()`, at least, in milliseconds since the epoch. */
  at(moment: number): number {
    return moment + (this.#difference ?? performance.timeOrigin)
  }

  /** A reply told the server's time in whole milliseconds: the command left and the reply came at these local moments. */
  sample(serverTime: number, left: number, came: number): void {
    const lowest = serverTime - came
    const highest = serverTime + 1 - left
    const tighter = this.#difference === undefined || lowest > this.#difference
    // A clock that was set back, or one that drifts: the old bound holds no longer.
    const wrong = this.#difference !== undefined && highest < this.#difference
    if (!tighter && !wrong && came - this.#takenAt < SAMPLE_LIFE_MS) return
    this.#difference = lowest
    this.#takenAt = came
  }

  /** Another server may answer from now on. */
  forget(): void {
    this.#difference = undefined
  }
}

/** Clocks drift some 50 µs in a second at worst; ten seconds keep that under a millisecond. */
const SAMPLE_LIFE_MS = 10_000

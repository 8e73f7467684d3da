/**
 * An estimate of a server's clock, kept beside this process's monotonic one.
 * No two machines' clocks are ever compared: what matters is judged on the
 * server's time alone, and this says what that is about now.
 *
 * A sample is off by half its round trip at most, so the quickest of the last
 * seconds counts (as in NTP's clock filter, RFC 5905 §10).
 */
export class ServerClock {
  #offset: number | undefined
  #bestRoundTrip = Number.POSITIVE_INFINITY
  #takenAt = 0

  get known(): boolean {
    return this.#offset !== undefined
  }

  /** The server's time at a moment of `performance.now()`, in milliseconds since the epoch. */
  at(moment: number): number {
    return moment + (this.#offset ?? performance.timeOrigin)
  }

  /** A reply told the server's time: the command left and the reply came at these local moments. */
  sample(serverTime: number, left: number, came: number): void {
    const roundTrip = came - left
    if (roundTrip > this.#bestRoundTrip && came - this.#takenAt < SAMPLE_LIFE_MS) return
    this.#offset = serverTime - (left + came) / 2
    this.#bestRoundTrip = roundTrip
    this.#takenAt = came
  }

  /** Another server may answer from now on. */
  forget(): void {
    this.#offset = undefined
    this.#bestRoundTrip = Number.POSITIVE_INFINITY
  }
}

/** Clocks drift some 50 µs in a second at worst; ten seconds keep that under a millisecond. */
const SAMPLE_LIFE_MS = 10_000

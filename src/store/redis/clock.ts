/** How long a sample is good for: clocks drift 50 µs in a second at worst, so this keeps the drift under a millisecond. */
const SAMPLE_LIFE_MS = 10_000

/** The greatest rate at which a clock is slewed: an old bound is one for that much less. */
const MAX_DRIFT = 0.0005

/** A bound that may be this far from the server's time is not good enough to decide freshness for long. */
const IMPRECISE_MS = 100

/**
 * A lower bound of a server's clock, kept beside this process's monotonic clock. Two machines' clocks are never compared:
 * everything is decided in the server's time, and this estimates it.
 *
 * A reply with the server's time bounds the difference of the two clocks from both sides: the server read its clock
 * after the command was sent and before the reply came (Cristian's algorithm, 1989). The lower bound is the safe one:
 * a deadline made with it may be early, never late.
 */
export class ServerClock {
  #difference: number | undefined
  /** The difference that is assumed while none is known: after a reconnect it is mostly the same server. */
  #assumed: number | undefined
  #sampledAt = 0
  #forgottenAt = Number.NEGATIVE_INFINITY
  /** How far the bound may be from the server's time. */
  #uncertaintyMs = 0

  get known(): boolean {
    return this.#difference !== undefined
  }

  /** Whether the clock was sampled not long before `moment`, which is one of `performance.now()`. */
  isRecent(moment: number): boolean {
    return this.known && moment - this.#sampledAt < SAMPLE_LIFE_MS && this.#uncertaintyMs < IMPRECISE_MS
  }

  /** Lower bound of the server's time at `moment` of `performance.now()`, in milliseconds since the epoch. */
  at(moment: number): number {
    return moment + (this.#difference ?? this.#assumed ?? performance.timeOrigin)
  }

  /**
   * Takes a reply with the server's time in whole milliseconds; `sentAt` and `receivedAt` are of `performance.now()`.
   * A reply to what was sent before the clock was forgotten is ignored: it is of another server.
   */
  sample(serverTime: number, sentAt: number, receivedAt: number): void {
    if (sentAt <= this.#forgottenAt) return
    const lowest = serverTime - receivedAt
    const highest = serverTime + 1 - sentAt
    const isTighter = this.#difference === undefined || lowest > this.#difference
    // A clock that was set back, or that drifts: the old bound is no bound any more.
    const isWrong = this.#difference !== undefined && highest < this.#difference
    const ageMs = receivedAt - this.#sampledAt
    if (!isTighter && !isWrong && ageMs < SAMPLE_LIFE_MS) return
    // A reply that came late, as where this process was frozen, is a worse bound than the old one.
    const old = isWrong || this.#difference === undefined ? lowest : this.#difference - ageMs * MAX_DRIFT
    this.#difference = Math.max(lowest, old)
    this.#uncertaintyMs = highest - this.#difference
    this.#sampledAt = receivedAt
  }

  /** Takes the reply to a `TIME` that was sent at `sentAt` and has just come. */
  sampleReply(time: readonly unknown[], sentAt: number): void {
    this.sample(Math.floor(serverTimeOf(time)), sentAt, performance.now())
  }

  /** Takes a reply like `sample`, in place of what was known before, which has proved wrong. */
  correct(serverTime: number, sentAt: number, receivedAt: number): void {
    if (sentAt > this.#forgottenAt) this.#difference = undefined
    this.sample(serverTime, sentAt, receivedAt)
  }

  /** Drops what is known: another server may answer next. */
  forget(): void {
    this.#assumed = this.#difference ?? this.#assumed
    this.#difference = undefined
    this.#forgottenAt = performance.now()
  }
}

/**
 * Milliseconds since the epoch in the reply to `TIME`, with a fraction.
 * @see https://redis.io/docs/latest/commands/time/
 */
export function serverTimeOf(reply: unknown): number {
  const [seconds, microseconds] = reply as readonly [Buffer, Buffer]
  return Number(seconds) * 1000 + Number(microseconds) / 1000
}

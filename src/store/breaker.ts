import type { CacheNotRespondingError } from '../errors.js'

/** Number of requests without an answer, one after the other, at which a breaker opens. */
const IN_A_ROW = 3

/** A breaker also opens where half of at least this many requests of the last ten seconds have no answer. */
const MIN_IN_WINDOW = 10
const STEP_MS = 1_000
const STEPS = 10

/** Index of a step that holds nothing. */
const NONE = Number.NEGATIVE_INFINITY

/** Time after closing during which one request without an answer opens a breaker again. */
const PROBATION_MS = 5_000

/** Pauses before the probes of an open breaker; the last one is repeated. */
const PROBE_PAUSES_MS = [100, 200, 400, 800, 1_000]

/** Closed: requests are sent. Open: they fail at once. */
export type BreakerState = 'closed' | 'open'

/** Requests of one second. */
interface Step {
  index: number
  answered: number
  unanswered: number
}

/**
 * The state of a circuit breaker: whether a server that does not answer still gets requests. It has neither a clock nor
 * timers; every moment is one of `performance.now()`.
 *
 * Silence and a missing connection count as no answer. An error reply is an answer.
 */
export class Breaker {
  readonly #steps: Step[] = Array.from({ length: STEPS }, () => ({ index: NONE, answered: 0, unanswered: 0 }))
  #inARow = 0
  #isOpen = false
  #failure: CacheNotRespondingError | undefined
  #openedAt = 0
  #closedAt = Number.NEGATIVE_INFINITY
  #probes = 0

  get isOpen(): boolean {
    return this.#isOpen
  }

  get state(): BreakerState {
    return this.#isOpen ? 'open' : 'closed'
  }

  /** The last failure, for which the breaker opened or stays open. */
  get failure(): CacheNotRespondingError | undefined {
    return this.#failure
  }

  /** Records a request that was answered in time. */
  answered(now: number): void {
    if (this.#isOpen) return
    this.#inARow = 0
    this.#step(now).answered++
  }

  /**
   * Records a request without an answer, which was sent at `sentAt`. Returns whether the breaker has opened. One that was
   * sent before the breaker closed says nothing about the time after that.
   */
  unanswered(failure: CacheNotRespondingError, sentAt: number, now: number): boolean {
    if (!this.#isOpen && sentAt < this.#closedAt) return false
    this.#failure = failure
    if (this.#isOpen) return false
    this.#inARow++
    this.#step(now).unanswered++
    if (!this.#isTooMuch(now)) return false
    this.#isOpen = true
    this.#openedAt = now
    this.#probes = 0
    return true
  }

  /** The pause before the next probe: longer each time. */
  nextProbeMs(): number {
    const last = PROBE_PAUSES_MS.length - 1
    return PROBE_PAUSES_MS[Math.min(this.#probes++, last)] as number
  }

  /** Records that a probe was answered. Returns for how long the breaker was open, in milliseconds. */
  close(now: number): number {
    this.#isOpen = false
    this.#closedAt = now
    this.#inARow = 0
    this.#failure = undefined
    for (const step of this.#steps) step.index = NONE
    return now - this.#openedAt
  }

  #isTooMuch(now: number): boolean {
    if (this.#inARow >= IN_A_ROW || now - this.#closedAt < PROBATION_MS) return true
    const oldest = Math.floor(now / STEP_MS) - STEPS
    let answered = 0
    let unanswered = 0
    for (const step of this.#steps) {
      if (step.index <= oldest) continue
      answered += step.answered
      unanswered += step.unanswered
    }
    const all = answered + unanswered
    return all >= MIN_IN_WINDOW && unanswered * 2 >= all
  }

  #step(now: number): Step {
    const index = Math.floor(now / STEP_MS)
    const step = this.#steps[index % STEPS] as Step
    if (step.index !== index) Object.assign(step, { index, answered: 0, unanswered: 0 })
    return step
  }
}

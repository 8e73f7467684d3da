import { CacheClosedError, CacheNotRespondingError } from '../errors.js'

/**
 * Maximum number of requests to the store that `getOrSet` has under way at once. More would only wait elsewhere, where each
 * costs more: new leases would lapse while requests for others are served, and all would miss their deadlines.
 */
const MAX_UNDER_WAY = 256

/** Failures in a row after which the store counts as silent: more than can be under way at once. */
const MAX_FAILURES = MAX_UNDER_WAY + 32

/** A request that waits for its turn. */
interface Turn {
  /** The text of its key. */
  readonly key: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Limits how many requests to the store are under way at once. The others wait, in the order of their calls. */
export class Turns {
  /** Requests of computations that have begun: they go first, since others wait for them. */
  readonly #first = new Queue()
  readonly #others = new Queue()
  #underWay = 0
  #failures = 0
  #isClosed = false

  /** Whether a request may be sent now, without waiting. */
  get isFree(): boolean {
    return this.#isClosed || this.#underWay < MAX_UNDER_WAY
  }

  /**
   * Sends a request when it is its turn, and returns its result. `hasBegun` is for a computation that has begun.
   * @throws CacheNotRespondingError also where the store has not answered the requests before it
   * @throws CacheClosedError
   */
  run<T>(key: string, request: () => Promise<T>, hasBegun: boolean): Promise<T> {
    if (this.isFree) return this.count(request())
    return this.wait(key, hasBegun).then(() => {
      this.take()
      return this.count(request())
    })
  }

  /**
   * Resolves when it is a request's turn; `take` and `count` must follow.
   * @throws CacheNotRespondingError where the store has not answered the requests before it
   * @throws CacheClosedError
   */
  wait(key: string, hasBegun: boolean): Promise<void> {
    const queue = hasBegun ? this.#first : this.#others
    return new Promise((resolve, reject) => queue.push({ key, resolve, reject }))
  }

  /** Rejects all waiting requests. Later ones are sent at once. */
  close(): void {
    this.#isClosed = true
    for (const queue of [this.#first, this.#others]) queue.rejectAll((key) => new CacheClosedError(key))
  }

  /** Uses a turn that has come: from now on the request itself is counted. */
  take(): void {
    this.#underWay--
  }

  /** Counts a request until it is answered. */
  count<T>(answer: Promise<T>): Promise<T> {
    this.#underWay++
    answer.then(this.#answered, this.#failed)
    return answer
  }

  readonly #answered = () => {
    this.#failures = 0
    this.#end()
  }

  /** While the store is silent, the waiting requests fail with those that were sent. */
  readonly #failed = (error: unknown) => {
    if (error instanceof CacheNotRespondingError && ++this.#failures >= MAX_FAILURES) {
      for (const queue of [this.#first, this.#others]) queue.rejectAll(() => error)
    }
    this.#end()
  }

  #end(): void {
    this.#underWay--
    while (this.isFree) {
      const next = this.#first.shift() ?? this.#others.shift()
      if (!next) return
      this.#underWay++
      next.resolve()
    }
  }
}

/** First in, first out. */
class Queue {
  #turns: Turn[] = []
  #next = 0

  push(turn: Turn): void {
    this.#turns.push(turn)
  }

  shift(): Turn | undefined {
    const turn = this.#turns[this.#next]
    if (turn === undefined) return undefined
    this.#next++
    // Drops the used half at once, instead of moving the rest each time.
    if (this.#next * 2 > this.#turns.length) {
      this.#turns = this.#turns.slice(this.#next)
      this.#next = 0
    }
    return turn
  }

  rejectAll(errorFor: (key: string) => unknown): void {
    const waiting = this.#turns.slice(this.#next)
    this.#turns = []
    this.#next = 0
    for (const { key, reject } of waiting) reject(errorFor(key))
  }
}

import { CacheClosedError, CacheNotRespondingError } from '../errors.js'

/**
 * Maximum number of questions to the store, of all that `getOrSet` asks, that are under way at once. More would wait on
 * their way there all the same, where each costs more, new leases would lapse behind those asked for later, and the
 * deadlines of all would be missed.
 */
const MAX_UNDER_WAY = 256

/** After more failures in a row than can be under way at once the store is taken for silent: all would wait in vain. */
const MAX_FAILURES = MAX_UNDER_WAY + 32

/** A question that waits. */
interface Turn {
  /** The text of the key that it is about. */
  readonly key: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Lets few questions at once go to the store, and the others wait for their turn, in the order of their calls. */
export class Turns {
  /** For computations that have begun: what they hold is free the sooner. */
  readonly #first = new Line()
  readonly #others = new Line()
  #underWay = 0
  #failures = 0
  #isClosed = false

  /** Whether a question may go now, without waiting. */
  get isFree(): boolean {
    return this.#isClosed || this.#underWay < MAX_UNDER_WAY
  }

  /**
   * The answer to a question, which goes when it is its turn; before others where something has begun that waits for it.
   * @throws CacheNotRespondingError also when the store does not answer the questions before it
   * @throws CacheClosedError
   */
  run<T>(key: string, question: () => Promise<T>, hasBegun: boolean): Promise<T> {
    if (this.isFree) return this.count(question())
    return this.wait(key, hasBegun).then(() => {
      this.take()
      return this.count(question())
    })
  }

  /**
   * Resolves when it is a question's turn, which is to be taken then.
   * @throws CacheNotRespondingError when the store does not answer the questions before it
   * @throws CacheClosedError
   */
  wait(key: string, hasBegun: boolean): Promise<void> {
    const line = hasBegun ? this.#first : this.#others
    return new Promise((resolve, reject) => line.push({ key, resolve, reject }))
  }

  /** Rejects all that wait, and lets whatever asks from now on go at once. */
  close(): void {
    this.#isClosed = true
    for (const line of [this.#first, this.#others]) line.rejectAll((key) => new CacheClosedError(key))
  }

  /** The question is asked now: what counts from now on is its answer. */
  take(): void {
    this.#underWay--
  }

  /** Counts a question that goes at once. */
  count<T>(answer: Promise<T>): Promise<T> {
    this.#underWay++
    answer.then(this.#answered, this.#failed)
    return answer
  }

  readonly #answered = () => {
    this.#failures = 0
    this.#end()
  }

  /** Nobody waits longer than others for a store that is silent. */
  readonly #failed = (error: unknown) => {
    if (error instanceof CacheNotRespondingError && ++this.#failures >= MAX_FAILURES) {
      for (const line of [this.#first, this.#others]) line.rejectAll(() => error)
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
class Line {
  #turns: Turn[] = []
  #next = 0

  push(turn: Turn): void {
    this.#turns.push(turn)
  }

  shift(): Turn | undefined {
    const turn = this.#turns[this.#next]
    if (turn === undefined) return undefined
    this.#next++
    // What has had its turn is let go, without moving the others each time.
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

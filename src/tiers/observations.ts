import type { Observation } from '../store/store.js'

/** More misses than this in one request are not remembered one by one. */
const MAX_OBSERVATIONS = 50_000

/**
 * What a request saw standing where it found nothing. A `set` that follows such
 * a miss is a fill: it may be made from data that was read right after the miss,
 * so it is written only while what was seen still stands.
 *
 * The oldest observation of a key counts, and it outlives the response: work
 * that goes on after it must not turn a fill into a plain write.
 */
export class Observations {
  readonly #seen = new Map<string, Promise<Observation | undefined>>()
  #overflowed = false

  /** A miss is being observed. A failure proves nothing. */
  add(text: string, observing: Promise<Observation>): void {
    const seen = observing.then(
      ({ standing, generations }) => ({ standing, generations }),
      () => undefined,
    )
    this.#remember(text, seen)
  }

  /** The key was a miss, but nobody can say what stood there: a fill of it cannot be proved. */
  miss(text: string): void {
    if (!this.#seen.has(text)) this.#remember(text, Promise.resolve(undefined))
  }

  /** Whether a `set` of this key is a fill. */
  isFill(text: string): boolean {
    return this.#overflowed || this.#seen.has(text)
  }

  /** What a fill of this key must still find; `undefined` when it cannot be proved. */
  async basis(text: string): Promise<Observation | undefined> {
    return this.#seen.get(text)
  }

  /** This request's own fill stands there now: its next one follows from it. */
  renew(text: string, observation: Observation): void {
    this.#seen.set(text, Promise.resolve(observation))
  }

  #remember(text: string, observation: Promise<Observation | undefined>): void {
    if (this.#seen.size < MAX_OBSERVATIONS) this.#seen.set(text, observation)
    else this.#overflowed = true
  }
}

import { MARKER_LIFE_MS, type Observation } from '../store/store.js'

/** More misses than this in one request are not remembered one by one. */
const MAX_OBSERVATIONS = 50_000

interface Seen {
  /** What stood there; `undefined` when nobody can say. */
  basis: Promise<Observation | undefined>
  readonly at: number
  /** Misses that no `set` has answered yet. */
  open: number
}

/**
 * What a request saw standing where it found nothing. A `set` that follows such
 * a miss is a fill: it may be made from data that was read right after the miss,
 * so it is written only while what was seen still stands.
 *
 * The oldest observation of a key counts, and it outlives the response: work
 * that goes on after it must not turn a fill into a plain write. But a timer or
 * a pool that was born in a request keeps its context for ever. So after the
 * end a miss is observed afresh once every earlier one has been answered, or
 * was left open for as long as a marker stands.
 */
export class Observations {
  readonly #seen = new Map<string, Seen>()
  #overflowed = false
  #ended = false

  /** A miss of this key: whether it is to be observed now, for `add`. */
  miss(text: string, now: number): boolean {
    const seen = this.#seen.get(text)
    if (seen && !(this.#ended && (seen.open <= 0 || now - seen.at > MARKER_LIFE_MS))) {
      seen.open++
      return false
    }
    return seen !== undefined || !this.#overflowed
  }

  /** A miss is being observed. A failure proves nothing. */
  add(text: string, observing: Promise<Observation>, now: number): void {
    const basis = observing.then(
      ({ standing, generations }) => ({ standing, generations }),
      () => undefined,
    )
    this.#remember(text, { basis, at: now, open: 1 })
  }

  /** The key was a miss, but nobody can say what stood there: a fill of it cannot be proved. */
  unprovable(text: string, now: number): void {
    if (this.miss(text, now)) this.#remember(text, { basis: Promise.resolve(undefined), at: now, open: 1 })
  }

  /** Whether anything was missed. */
  get hasMissed(): boolean {
    return this.#seen.size > 0
  }

  /** Whether a `set` of this key is a fill. */
  isFill(text: string): boolean {
    return this.#overflowed || this.#seen.has(text)
  }

  /** What a fill of this key must still find; `undefined` when it cannot be proved. */
  async basis(text: string): Promise<Observation | undefined> {
    return this.#seen.get(text)?.basis
  }

  /** A `set` answers a miss, whatever it comes to. */
  answer(text: string): void {
    const seen = this.#seen.get(text)
    if (seen) seen.open--
  }

  /** This request's own fill stands there now: its next one follows from it. */
  renew(text: string, observation: Observation): void {
    const seen = this.#seen.get(text)
    if (seen) seen.basis = Promise.resolve(observation)
  }

  /** The response has ended. */
  end(): void {
    this.#ended = true
  }

  #remember(text: string, seen: Seen): void {
    if (this.#seen.size < MAX_OBSERVATIONS || this.#seen.has(text)) this.#seen.set(text, seen)
    else this.#overflowed = true
  }
}

import { MARKER_LIFE_MS, type Observation } from '../store/store.js'

/** Maximum number of keys that are observed in one request. After it every `set` is a fill that cannot be proved. */
const MAX_OBSERVATIONS = 50_000

/** An observed miss. */
interface Observed {
  /** Result of the store; `undefined` where it failed. */
  basis: Promise<Observation | undefined>
  readonly at: number
  /** Number of misses that no `set` has followed yet. */
  open: number
}

/**
 * The observed misses of one request. A `set` that follows a miss is a fill: its value may be made from data that was read
 * right after the miss, so it is written only while the observed frame is unchanged.
 *
 * The oldest observation of a key counts. It is kept after the response has ended: work that goes on then must not turn
 * a fill into a plain write.
 *
 * A timer or a pool that was created in a request keeps that request's context for ever. So after the response has ended,
 * a new miss of a key replaces its observation in two cases: each earlier miss was followed by a `set`, or the marker of
 * the earlier miss has expired.
 */
export class Observations {
  readonly #observed = new Map<string, Observed>()
  #overflowed = false
  #ended = false

  /** Counts a miss, and returns whether it has to be observed now: then `add` must follow. */
  miss(text: string, now: number): boolean {
    const observed = this.#observed.get(text)
    if (observed && !(this.#ended && (observed.open <= 0 || now - observed.at > MARKER_LIFE_MS))) {
      observed.open++
      return false
    }
    return observed !== undefined || !this.#overflowed
  }

  /** Adds an observation that is under way. Where it fails, a fill cannot be proved. */
  add(text: string, observing: Promise<Observation>, now: number): void {
    const basis = observing.then(
      ({ frameId, generations }) => ({ frameId, generations }),
      () => undefined,
    )
    this.#add(text, { basis, at: now, open: 1 })
  }

  /** Adds a miss that cannot be observed: a fill of its key cannot be proved. */
  unprovable(text: string, now: number): void {
    if (this.miss(text, now)) this.#add(text, { basis: Promise.resolve(undefined), at: now, open: 1 })
  }

  /** Whether any key was missed. */
  get hasMissed(): boolean {
    return this.#observed.size > 0
  }

  /** Whether a `set` of this key is a fill. */
  isFill(text: string): boolean {
    return this.#overflowed || this.#observed.has(text)
  }

  /** The observation that a fill of this key must name; `undefined` where it cannot be proved. */
  async basis(text: string): Promise<Observation | undefined> {
    return this.#observed.get(text)?.basis
  }

  /** Counts a `set` that follows a miss, whatever its outcome. */
  answer(text: string): void {
    const observed = this.#observed.get(text)
    if (observed) observed.open--
  }

  /** Replaces an observation by the result of this request's own fill, which is under way: its next fill follows that. */
  renew(text: string, basis: Promise<Observation | undefined>): void {
    const observed = this.#observed.get(text)
    if (observed) observed.basis = basis
  }

  /** The response has ended. */
  end(): void {
    this.#ended = true
  }

  #add(text: string, observed: Observed): void {
    if (this.#observed.size < MAX_OBSERVATIONS || this.#observed.has(text)) this.#observed.set(text, observed)
    else this.#overflowed = true
  }
}

import { ComputeCycleError } from '../errors.js'
import { type Bypass, Isolation } from '../tiers/context.js'
import type { Flight } from './flight.js'

/** A run of a factory, and whatever runs inside it: isolated from the requests around, and known to need what it waits for. */
export class Computation extends Isolation {
  readonly owner: object
  readonly #keys: readonly string[]
  readonly #around: Computation | undefined
  #flights: () => readonly Flight[]

  /**
   * `owner` is the cache whose keys these are: two caches may call different things by one name. `flights` gives those
   * whose factory this is, as long as anyone waits for them.
   */
  constructor(owner: object, keys: readonly string[], flights: () => readonly Flight[], bypass?: Bypass) {
    super(bypass)
    this.owner = owner
    this.#keys = keys
    this.#flights = flights
    this.#around = Computation.inner()
  }

  /** The computation that what runs now belongs to: the innermost whose factory has not ended. */
  static inner(): Computation | undefined {
    let computation = Isolation.current()
    while (computation instanceof Computation) {
      if (!computation.hasEnded) return computation
      computation = computation.#around
    }
    return undefined
  }

  /** The flights whose factories wait for what is called now. */
  static waiting(): readonly Flight[] {
    return Computation.inner()?.flights ?? []
  }

  /** The flights whose factory this is. */
  get flights(): readonly Flight[] {
    return this.#flights()
  }

  /** Nobody waits for its flights any more: what goes on in its factory must not keep them. */
  abandon(): void {
    this.#flights = none
  }

  /**
   * Refuses a key that is being computed around this.
   * @throws ComputeCycleError
   */
  rejectCycle(owner: object, key: string): void {
    const chain = [key]
    for (let computation: Computation | undefined = this; computation; computation = computation.#around) {
      if (computation.hasEnded) continue
      if (computation.owner === owner && computation.#keys.includes(key)) {
        throw new ComputeCycleError([key, ...chain])
      }
      chain.unshift(computation.#keys.join('", "'))
    }
  }

  override end(): void {
    super.end()
    // What goes on after it keeps this, but must not keep what was computed.
    this.#flights = none
  }
}

function none(): readonly Flight[] {
  return []
}

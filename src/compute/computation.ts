import { ComputeCycleError } from '../errors.js'
import { Isolation } from '../tiers/context.js'
import type { Flight } from './flight.js'

/** A run of a factory, and whatever runs inside it: isolated from the requests around, and known to need what it waits for. */
export class Computation extends Isolation {
  readonly #keys: readonly string[]
  readonly #flights: readonly Flight[]
  readonly #around: Computation | undefined

  constructor(keys: readonly string[], flights: readonly Flight[], around = Computation.inner()) {
    super()
    this.#keys = keys
    this.#flights = flights
    this.#around = around
  }

  /** The computation that what runs now belongs to; none once its factory has ended. */
  static inner(): Computation | undefined {
    const isolation = Isolation.current()
    return isolation instanceof Computation && !isolation.hasEnded ? isolation : undefined
  }

  /** The flights whose factory this is. */
  get flights(): readonly Flight[] {
    return this.#flights
  }

  /**
   * Refuses a key that is being computed around this.
   * @throws ComputeCycleError
   */
  refuseOwn(key: string): void {
    const chain = [key]
    for (let computation: Computation | undefined = this; computation; computation = computation.#around) {
      if (computation.hasEnded) return
      if (computation.#keys.includes(key)) throw new ComputeCycleError([key, ...chain])
      chain.unshift(computation.#keys.join('", "'))
    }
  }
}

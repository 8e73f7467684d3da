import { ComputeCycleError } from '../errors.js'
import { type Bypass, Isolation } from '../tiers/context.js'
import type { Flight } from './flight.js'

/** One run of a factory, with all that runs inside it: isolated from requests, and a node in the graph of computations that wait for each other. */
export class Computation extends Isolation {
  readonly owner: object
  readonly #keys: readonly string[]
  readonly #around: Computation | undefined
  #flights: () => readonly Flight[]

  /**
   * `owner` stands for the cache: two caches may use one key for different things. `flights` returns the flights that this
   * factory computes for, as long as anyone waits for them.
   */
  constructor(owner: object, keys: readonly string[], flights: () => readonly Flight[], bypass?: Bypass) {
    super(bypass)
    this.owner = owner
    this.#keys = keys
    this.#flights = flights
    this.#around = Computation.inner()
  }

  /** The innermost computation around the current call whose factory has not ended. */
  static inner(): Computation | undefined {
    let computation = Isolation.current()
    while (computation instanceof Computation) {
      if (!computation.hasEnded) return computation
      computation = computation.#around
    }
    return undefined
  }

  /** The flights whose factories wait for the current call. */
  static waiting(): readonly Flight[] {
    return Computation.inner()?.flights ?? []
  }

  /** The flights that this factory computes for. */
  get flights(): readonly Flight[] {
    return this.#flights()
  }

  /** Drops its flights, for which no caller waits any longer: a factory that never ends must not keep them in memory. */
  abandon(): void {
    this.#flights = none
  }

  /** @throws ComputeCycleError for a key that this computation, or one around it, computes */
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
    // Work that goes on keeps this object in memory, and must not keep the computed value.
    this.#flights = none
  }
}

function none(): readonly Flight[] {
  return []
}

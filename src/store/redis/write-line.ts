import type { Write } from './script-calls.js'
import { COMMIT, RELEASE, RENEW } from './scripts/leases.js'
import type { Script } from './scripts/script.js'

/** Maximum number of writes in one go, of each kind. */
const MAX_WRITES = 256

/**
 * Writes that end a computation, or keep its lease. They go before all others: behind as many new leases as a process
 * can ask for at once, each lease would lapse before its value is stored. They are bound to a token that the store has
 * handed out, so it makes no difference to anyone else's write which of the two is first.
 */
const URGENT: ReadonlySet<Script> = new Set([COMMIT, RENEW, RELEASE])

/** Writes that wait for their turn, in the order of their calls. */
export class WriteLine {
  readonly #urgent: Write[] = []
  readonly #goes: Write[][] = []

  get isEmpty(): boolean {
    return this.#urgent.length === 0 && this.#goes.length === 0
  }

  add(writes: readonly Write[]): void {
    for (const write of writes) {
      if (URGENT.has(write.script)) {
        this.#urgent.push(write)
        continue
      }
      const last = this.#goes.at(-1)
      if (last && last.length < MAX_WRITES) last.push(write)
      else this.#goes.push([write])
    }
  }

  /** The next to be sent together. */
  take(): Write[] {
    const urgent = this.#urgent.splice(0, MAX_WRITES)
    return urgent.concat(this.#goes.shift() ?? [])
  }

  /** All that wait; nothing is left. */
  takeAll(): Write[] {
    return this.#urgent.splice(0).concat(this.#goes.splice(0).flat())
  }
}

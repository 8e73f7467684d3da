import { provenanceLabel } from '../entry/provenance.js'
import type { KeyedCacheError } from '../errors.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { CacheEvent } from './events.js'
import { Outbox } from './outbox.js'

/** What an invalidation came to, and who asked for it. */
export interface Invalidation {
  readonly children?: boolean
  readonly outcome: CacheEvent['outcome']
  readonly origin: RequestOrigin | undefined
}

/** What is told of a failure's message. */
const MAX_MESSAGE = 300

/**
 * The events of this process since its last report. However many there are, few
 * are held: of the invalidations the last ones, and one trouble for each
 * operation, so that neither drives the other out.
 */
export class EventLog {
  readonly #process: string
  readonly #onFirst: () => void
  readonly #invalidations: Outbox<CacheEvent>
  readonly #troubles = new Map<string, CacheEvent & { count: number; until: number }>()

  /** `process` is this one, `host:pid`; `onFirst` is called once there is something to tell. */
  constructor(process: string, onFirst: () => void) {
    this.#process = process
    this.#onFirst = onFirst
    this.#invalidations = new Outbox(onFirst)
  }

  get isEmpty(): boolean {
    return this.#invalidations.isEmpty && this.#troubles.size === 0
  }

  invalidated(
    type: 'delete' | 'expire' | 'clear',
    key: string,
    { children, outcome, origin }: Invalidation,
  ): void {
    const [route, user] = [provenanceLabel(origin?.route), provenanceLabel(origin?.user)]
    const at = Date.now()
    this.#invalidations.add({ type, at, key, children, outcome, process: this.#process, route, user })
  }

  /** An operation of the store has failed, about a key or about none. */
  failed(operation: string, key: string | undefined, { message }: KeyedCacheError): void {
    const at = Date.now()
    const known = this.#troubles.get(operation)
    if (known) {
      known.count++
      known.until = at
      return
    }
    this.#troubles.set(operation, {
      ...{ type: 'trouble', at, key: key ?? '', outcome: 'failed', process: this.#process },
      ...{ operation, message: message.slice(0, MAX_MESSAGE), count: 1, until: at },
    })
    this.#onFirst()
  }

  /** All of it as JSON, oldest first; nothing is left. */
  take(): string[] {
    const { items, leftOut } = this.#invalidations.drain()
    const [oldest, ...later] = items
    const kept = oldest ? [leftOut > 0 ? { ...oldest, leftOut } : oldest, ...later] : []
    const events = [...kept, ...this.#troubles.values()].sort((one, other) => one.at - other.at)
    this.#troubles.clear()
    return events.map((event) => JSON.stringify(event))
  }
}

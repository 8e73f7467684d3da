import { provenanceLabel } from '../entry/provenance.js'
import type { KeyedCacheError } from '../errors.js'
import type { RequestOrigin } from '../tiers/request-scope.js'
import type { CacheEvent } from './cache-event.js'
import { ReportQueue } from './report-queue.js'

/** Result of an invalidation, and the request it came from. */
export interface InvalidationResult {
  readonly children?: boolean
  readonly outcome: CacheEvent['outcome']
  readonly origin: RequestOrigin | undefined
}

/** Maximum length of an error message in an event. */
const MAX_MESSAGE = 300

/**
 * Events of this process since its last report. It keeps the last invalidations and one event for each operation that
 * failed, so that neither displaces the other.
 */
export class EventLog {
  readonly #process: string
  readonly #onFirst: () => void
  readonly #invalidations: ReportQueue<CacheEvent>
  readonly #failures = new Map<string, CacheEvent & { count: number; until: number }>()

  /** `process` is this one, `host:pid`; `onFirst` is called when the log stops being empty. */
  constructor(process: string, onFirst: () => void) {
    this.#process = process
    this.#onFirst = onFirst
    this.#invalidations = new ReportQueue(onFirst)
  }

  get isEmpty(): boolean {
    return this.#invalidations.isEmpty && this.#failures.size === 0
  }

  invalidated(
    type: 'delete' | 'expire' | 'clear',
    key: string,
    { children, outcome, origin }: InvalidationResult,
  ): void {
    const [route, user] = [provenanceLabel(origin?.route), provenanceLabel(origin?.user)]
    const at = Date.now()
    this.#invalidations.add({ type, at, key, children, outcome, process: this.#process, route, user })
  }

  /** Records a failed operation of the store; `key` is undefined where it concerned none. */
  storeFailed(operation: string, key: string | undefined, { message }: KeyedCacheError): void {
    const at = Date.now()
    const known = this.#failures.get(operation)
    if (known) {
      known.count++
      known.until = at
      return
    }
    this.#failures.set(operation, {
      ...{ type: 'store-failure', at, key: key ?? '', outcome: 'failed', process: this.#process },
      ...{ operation, message: message.slice(0, MAX_MESSAGE), count: 1, until: at },
    })
    this.#onFirst()
  }

  /** Removes all events and returns them as JSON, oldest first. */
  take(): string[] {
    const { items, leftOut } = this.#invalidations.drain()
    const [oldest, ...later] = items
    const kept = oldest ? [leftOut > 0 ? { ...oldest, leftOut } : oldest, ...later] : []
    const events = [...kept, ...this.#failures.values()].sort((one, other) => one.at - other.at)
    this.#failures.clear()
    return events.map((event) => JSON.stringify(event))
  }
}

import { Observations } from './observations.js'
import { RequestMemory } from './request-memory.js'

/** Where a request comes from, for the record of what it invalidates. */
export interface RequestOrigin {
  /** `POST /products/123` */
  readonly route?: string | undefined
  readonly user?: string | undefined
}

export interface RequestScopeOptions {
  /** Keep what was read and written. */
  readonly memory: boolean
  /** Whether a `set` after a miss is a fill: so in a request with a safe method (RFC 9110 §9.2.1) and in a job. */
  readonly fills: boolean
  /** Asked only when something is invalidated. */
  readonly origin?: (() => RequestOrigin) | undefined
}

/** What the cache knows of one request: its memory and what it observed. */
export class RequestScope {
  readonly memory: RequestMemory | undefined
  readonly observations: Observations | undefined
  readonly #origin: (() => RequestOrigin) | undefined
  readonly #parent: RequestScope | undefined
  #ended = false

  /** Within `parent` it shares what that one knows: a miss there makes a fill of a `set` here. */
  constructor({ memory, fills, origin }: RequestScopeOptions, parent?: RequestScope) {
    this.#parent = parent
    this.#origin = origin
    this.memory = parent?.isOpen ? parent.memory : memory ? new RequestMemory() : undefined
    this.observations = parent?.observations ?? (fills ? new Observations() : undefined)
  }

  get isOpen(): boolean {
    return !this.#ended
  }

  origin(): RequestOrigin {
    return this.#origin?.() ?? this.#parent?.origin() ?? {}
  }

  /** The response has ended: reads fall through from now on, fills stay fills. */
  end(): void {
    this.#ended = true
    if (this.memory !== this.#parent?.memory) this.memory?.end()
    if (this.observations !== this.#parent?.observations) this.observations?.end()
  }
}

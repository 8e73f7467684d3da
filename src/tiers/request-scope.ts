import type { CallLog } from './call-log.js'
import { Observations } from './observations.js'
import { RequestMemory } from './request-memory.js'

/** Where an invalidation comes from, for the record. */
export interface RequestOrigin {
  /** Method and path: `POST /products/123`. */
  readonly route?: string | undefined
  /** The name of the user. */
  readonly user?: string | undefined
}

export interface RequestScopeOptions {
  /** Whether it has a request memory. */
  readonly memory: boolean
  /** Whether a `set` after a miss is a fill: in a request with a safe method (RFC 9110 §9.2.1), and in a job. */
  readonly fills: boolean
  /** Called for an invalidation only. */
  readonly origin?: (() => RequestOrigin) | undefined
  /** Bypasses the cache until it ends; with a scope, for as long as that scope does. */
  readonly bypasses?: boolean | RequestScope | undefined
  /** Whether it reads for a computation: never from process memory. */
  readonly isolated?: boolean | undefined
  /** Collects the calls of a request that is logged. */
  readonly log?: CallLog | undefined
}

/** One request, or job, of one cache: its memory, its observations, its origin. */
export class RequestScope {
  readonly memory: RequestMemory | undefined
  readonly observations: Observations | undefined
  readonly log: CallLog | undefined
  readonly #isolated: boolean
  readonly #origin: (() => RequestOrigin) | undefined
  readonly #owns: { readonly memory: boolean; readonly observations: boolean }
  /** The scope whose request bypasses the cache. */
  readonly #bypassing: RequestScope | undefined
  #ended = false
  #computing = 0
  #withoutMemory: RequestScope | undefined

  /** Shares memory and observations of an open `parent`: a `set` here after a miss there is a fill. */
  constructor(
    { memory, fills, origin, bypasses, isolated, log }: RequestScopeOptions,
    parent?: RequestScope,
  ) {
    const shared = parent?.isOpen ? parent.memory : undefined
    this.#origin = origin ?? (parent === undefined ? undefined : parent.#origin)
    this.memory = parent?.isOpen ? shared : memory ? new RequestMemory() : undefined
    this.observations = parent?.observations ?? (fills ? new Observations() : undefined)
    this.log = log ?? (parent === undefined ? undefined : parent.log)
    this.#isolated = isolated ?? (parent === undefined ? false : parent.#isolated)
    const around = bypasses instanceof RequestScope ? bypasses : parent
    this.#bypassing = bypasses === true ? this : around === undefined ? undefined : around.#bypassing
    this.#owns = {
      memory: this.memory !== shared,
      observations: this.observations !== parent?.observations,
    }
  }

  get isOpen(): boolean {
    return !this.#ended
  }

  /** Whether it bypasses the cache: nothing is read or stored, only deletes go through. */
  get bypasses(): boolean {
    // A timer or a pool that was created in the request keeps its scope for ever.
    return this.#bypassing?.isOpen ?? false
  }

  /**
   * Whether a stored value may be made from what it reads: by a factory, or by a `set` after a miss. It must not read
   * process memory then, which could be older than the beginning of the computation.
   */
  get isComputingForStore(): boolean {
    return this.#isolated || (this.observations?.hasMissed ?? false)
  }

  /** Whether a computation runs for it. */
  get isComputing(): boolean {
    return this.#computing > 0
  }

  /** Begins a computation for it. The returned function ends it. */
  compute(): () => void {
    this.#computing++
    return () => {
      this.#computing--
    }
  }

  /** A scope without its memory, for a factory that has lost its async context. */
  withoutMemory(): RequestScope {
    this.#withoutMemory ??= new RequestScope({
      memory: false,
      fills: true,
      origin: this.#origin,
      bypasses: this,
      isolated: true,
    })
    return this.#withoutMemory
  }

  origin(): RequestOrigin {
    return this.#origin?.() ?? {}
  }

  /** Ends it with the response: reads fall through to the store from now on, fills stay fills. */
  end(): void {
    this.#ended = true
    if (this.#owns.memory) this.memory?.end()
    if (this.#owns.observations) this.observations?.end()
  }
}

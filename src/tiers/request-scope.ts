import type { CallLog } from './call-log.js'
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
  /** It does without the cache until it ends; with a scope, for as long as that one does. */
  readonly bypasses?: boolean | RequestScope | undefined
  /** It reads for a computation: from the store, never from the process's memory. */
  readonly isolated?: boolean | undefined
  /** Takes down what is asked of the cache, where the request is one of the sample. */
  readonly log?: CallLog | undefined
}

/** What the cache knows of one request: its memory and what it observed. */
export class RequestScope {
  readonly memory: RequestMemory | undefined
  readonly observations: Observations | undefined
  readonly log: CallLog | undefined
  readonly #isolated: boolean
  readonly #origin: (() => RequestOrigin) | undefined
  readonly #owns: { readonly memory: boolean; readonly observations: boolean }
  /** The scope whose request does without the cache. */
  readonly #bypassing: RequestScope | undefined
  #ended = false
  #computing = 0
  #withoutMemory: RequestScope | undefined

  /** Within `parent` it shares what that one knows: a miss there makes a fill of a `set` here. */
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

  /** Whether it does without the cache: nothing is read and nothing stored, only deletes go through. */
  get bypasses(): boolean {
    // A timer or a pool that was born in the request keeps its scope for ever.
    return this.#bypassing?.isOpen ?? false
  }

  /**
   * Whether what it reads may be made into what is stored: by a factory, or by a `set` after a miss. Then nothing may
   * come from the process's memory, which could be older than that beginning.
   */
  get isComputingForStore(): boolean {
    return this.#isolated || (this.observations?.hasMissed ?? false)
  }

  /** Whether something is being computed for it. */
  get isComputing(): boolean {
    return this.#computing > 0
  }

  /** Something is computed for it from now on; gives what says that it is no more. */
  compute(): () => void {
    this.#computing++
    return () => {
      this.#computing--
    }
  }

  /** The same for who must not read what it remembers. */
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

  /** The response has ended: reads fall through from now on, fills stay fills. */
  end(): void {
    this.#ended = true
    if (this.#owns.memory) this.memory?.end()
    if (this.#owns.observations) this.observations?.end()
  }
}

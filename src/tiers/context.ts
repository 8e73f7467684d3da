import { AsyncLocalStorage } from 'node:async_hooks'
import { RequestScope } from './request-scope.js'

/** What runs now is within this: a request's or job's scope of one cache, or a computation of any. */
type Context =
  | { readonly parent: Context | undefined; readonly owner: Scopes; readonly scope: RequestScope }
  // What is around an isolation is out of reach, so it is not kept.
  | { readonly isolation: Isolation }

/** One for all caches: a computation of one must not read what a request remembers of another. */
const contexts = new AsyncLocalStorage<Context>()

/** A request that does without its cache, and so does what is computed for it. */
export interface Bypass {
  readonly cache: Scopes
  readonly scope: RequestScope
}

/**
 * Keeps what runs inside from what the requests around it remember: a value
 * computed from that may be older than a delete that the store knows of.
 */
export class Isolation {
  readonly bypass: Bypass | undefined
  readonly #scopes = new Map<Scopes, RequestScope>()
  #ended = false

  constructor(bypass?: Bypass) {
    this.bypass = bypass
  }

  /** The isolation that what runs now is within, if any, however many requests and jobs it has opened itself. */
  static current(): Isolation | undefined {
    let context = contexts.getStore()
    while (context && 'parent' in context) context = context.parent
    return context?.isolation
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  run<T>(fn: () => T): T {
    return contexts.run({ isolation: this }, fn)
  }

  /** Its scope of one cache: empty at the beginning. */
  scopeOf(owner: Scopes): RequestScope {
    let scope = this.#scopes.get(owner)
    if (!scope) {
      const bypasses = this.bypass?.cache === owner ? this.bypass.scope : false
      scope = new RequestScope({ memory: owner.memory, fills: true, bypasses, isolated: true })
      if (this.#ended) scope.end()
      this.#scopes.set(owner, scope)
    }
    return scope
  }

  /** What goes on after it falls through to the store. */
  end(): void {
    this.#ended = true
    for (const scope of this.#scopes.values()) scope.end()
  }
}

/** One cache's scopes: whatever runs now finds its own, however deep in a service. */
export class Scopes {
  /** Whether requests have a memory. */
  readonly memory: boolean

  constructor(memory: boolean) {
    this.memory = memory
  }

  /** The innermost scope around what runs now; `bound`, if given, unless what runs now is a computation within it. */
  current(bound?: RequestScope): RequestScope | undefined {
    let context = contexts.getStore()
    while (context) {
      if ('isolation' in context) return context.isolation.scopeOf(this)
      if (context.owner === this && (bound === undefined || context.scope === bound)) return context.scope
      context = context.parent
    }
    // Its context is lost: it may be the factory of a computation that began there.
    return bound?.isComputing ? bound.withoutMemory() : bound
  }

  run<T>(scope: RequestScope, fn: () => T): T {
    let parent = contexts.getStore()
    // A job that starts the next one, again and again, must not leave a chain of all that there were.
    while (parent && 'owner' in parent && parent.owner === this && !parent.scope.isOpen)
      parent = parent.parent
    return contexts.run({ parent, owner: this, scope }, fn)
  }
}

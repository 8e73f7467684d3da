import { AsyncLocalStorage } from 'node:async_hooks'
import { RequestScope } from './request-scope.js'

/** The async context of a call: the scope of a request or job of one cache, or a computation of any cache. */
type Context =
  | { readonly parent: Context | undefined; readonly owner: Scopes; readonly scope: RequestScope }
  // Contexts around an isolation are out of reach: they are not kept in memory.
  | { readonly isolation: Isolation }

/** One for all caches: a computation of one cache must not read the request memory of another. */
const contexts = new AsyncLocalStorage<Context>()

/** A request that bypasses its cache, for the computations that run for it: they bypass it too. */
export interface Bypass {
  readonly cache: Scopes
  readonly scope: RequestScope
}

/**
 * Isolates a function from the request memories around it: a value computed from them could be older than a delete that the
 * store has confirmed.
 */
export class Isolation {
  readonly bypass: Bypass | undefined
  readonly #scopes = new Map<Scopes, RequestScope>()
  #ended = false

  constructor(bypass?: Bypass) {
    this.bypass = bypass
  }

  /** The isolation around the current call, if any, also through requests and jobs that it has opened. */
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

  /** Scope of one cache, which is empty at the beginning. */
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

  /** Ends it: work that goes on falls through to the store. */
  end(): void {
    this.#ended = true
    for (const scope of this.#scopes.values()) scope.end()
  }
}

/** The scopes of one cache. Each call finds the scope that it is in, however deep in a service. */
export class Scopes {
  /** Whether requests have a request memory. */
  readonly memory: boolean

  constructor(memory: boolean) {
    this.memory = memory
  }

  /** The innermost scope around the current call. With `bound`, that scope, unless a computation is in between. */
  current(bound?: RequestScope): RequestScope | undefined {
    let context = contexts.getStore()
    while (context) {
      if ('isolation' in context) return context.isolation.scopeOf(this)
      if (context.owner === this && (bound === undefined || context.scope === bound)) return context.scope
      context = context.parent
    }
    // The async context is lost: the call may be made by a factory that the bound scope has started.
    return bound?.isComputing ? bound.withoutMemory() : bound
  }

  /** Runs a function, and all that it starts, in a scope. */
  run<T>(scope: RequestScope, fn: () => T): T {
    let parent = contexts.getStore()
    // Jobs that start each other must not build a chain of all jobs before them.
    while (parent && 'owner' in parent && parent.owner === this && !parent.scope.isOpen)
      parent = parent.parent
    return contexts.run({ parent, owner: this, scope }, fn)
  }
}

import { createHmac } from 'node:crypto'
import type { Inspection } from '../inspection.js'
import { CacheKey, type KeyInput } from '../key/cache-key.js'
import { treeKeyOf } from '../key/tree-key.js'
import type { Logger } from '../logger.js'
import type { CacheStats } from '../stats/cache-stats.js'
import type { RequestRecord } from '../stats/request-record.js'
import type { DeleteOutcome, ExpireOutcome } from '../tiers/outcome.js'
import { RequestScope, type RequestScopeOptions } from '../tiers/request-scope.js'
import type { Core } from './core.js'
import { inspectKey } from './inspect.js'
import {
  DELETE_OPTIONS,
  type DeleteOptions,
  EXPIRE_OPTIONS,
  type ExpireOptions,
  expire,
  remove,
} from './invalidating.js'
import { statisticsScope } from './shared-statistics.js'

/**
 * The part of a cache that the middleware, the dashboard and the models use, and no application: see `internalsOf`.
 * `View` is the cache's own class.
 */
export class CacheInternals<View> {
  readonly #core: Core
  readonly #boundScope: RequestScope | undefined
  readonly #open: (core: Core, scope: RequestScope) => View

  constructor(
    core: Core,
    boundScope: RequestScope | undefined,
    open: (core: Core, scope: RequestScope) => View,
  ) {
    this.#core = core
    this.#boundScope = boundScope
    this.#open = open
  }

  /** Where warnings go. */
  get logger(): Logger {
    return this.#core.options.logger
  }

  /** Whether other processes see the same entries. */
  get isShared(): boolean {
    return this.#core.store.shared
  }

  /** The processes that figures and events cover: only this one, where a store of the application keeps none. */
  get statisticsScope(): CacheStats['scope'] {
    return statisticsScope(this.#core)
  }

  /** Whether operations are counted: see the option `stats`. */
  get isCounting(): boolean {
    return this.#core.options.stats
  }

  /** The share of the requests that are logged, from 0 to 1. */
  get requestLogShare(): number {
    return this.#core.options.requestLogShare
  }

  /** Deletes a key, and returns what became of it. */
  async deleteOutcome(key: KeyInput, options?: DeleteOptions): Promise<DeleteOutcome> {
    const { children = false } = DELETE_OPTIONS.take(options)
    return await remove(this.#core, children ? treeKeyOf(key) : CacheKey.from(key), children, this.#scope)
  }

  /** Marks a key as stale, and returns what became of it. */
  async expireOutcome(key: KeyInput, options?: ExpireOptions): Promise<ExpireOutcome> {
    const { children = false } = EXPIRE_OPTIONS.take(options)
    return await expire(this.#core, children ? treeKeyOf(key) : CacheKey.from(key), children, this.#scope)
  }

  /** Inspects a key. A value of more than `bytes` is an `UnbuiltValue`. */
  async inspectUpTo(key: KeyInput, bytes: number): Promise<Inspection> {
    return await inspectKey(this.#core, CacheKey.from(key), bytes)
  }

  /**
   * Signs a text by HMAC-SHA-256, for all processes of this cache: the store keeps the key. Where it keeps none, each
   * process has its own.
   * @throws CacheNotRespondingError
   */
  async sign(text: string): Promise<Buffer> {
    return createHmac('sha256', await this.#core.secret())
      .update(text)
      .digest()
  }

  /** Leaves the current request out of the request log. */
  leaveOut(): void {
    this.#scope?.log?.leaveOut()
  }

  /** Adds a request to the request log. */
  addRequest(request: Omit<RequestRecord, 'process'>): void {
    this.#core.requests.add({ ...request, process: this.#core.options.process })
  }

  /** Makes the scope of one request; `end()` must follow. */
  openScope(options: Omit<RequestScopeOptions, 'memory'>): RequestScope {
    return new RequestScope({ ...options, memory: this.#core.options.requestMemory })
  }

  /** Runs a function, and all that it starts, in a scope. */
  runInScope<T>(scope: RequestScope, fn: () => T): T {
    return this.#core.scopes.run(scope, fn)
  }

  /** A view of this cache for one request: it finds the scope also where the async context is lost. */
  bindTo(scope: RequestScope): View {
    return this.#open(this.#core, scope)
  }

  /** Whether both are views of one cache. */
  isViewOf(other: CacheInternals<View>): boolean {
    return this.#core === other.#core
  }

  get #scope(): RequestScope | undefined {
    return this.#core.scopes.current(this.#boundScope)
  }
}

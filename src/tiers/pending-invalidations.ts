// The machine's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import { detached, ignore } from '../background.js'
import { CacheKey } from '../key/cache-key.js'
import { before } from '../store/deadline.js'
import type { Logger } from '../store/failsafe.js'
import type { Origin, Store } from '../store/store.js'

/** An invalidation that did not surely reach the store. */
interface Pending {
  /** Nothing: everything under the prefix. */
  readonly key: CacheKey | undefined
  readonly children: boolean
  readonly origin: Origin
  /** By `performance.now()`: what failed may take effect until then. */
  readonly notBefore: number
}

/** Timers may fire a moment early. */
const SLACK_MS = 2

/** More than this are remembered by family, with all below, and then as everything. */
const MAX_PENDING = 1_000

/** The longest pause between two attempts. */
const MAX_PAUSE_MS = 5_000

/** How long the last attempt may take at least. */
const LAST_MS = 50

/**
 * The invalidations of this process that failed. Until they have been repeated
 * as deletes, this process takes those keys for not cached. Others may see the
 * old values until then, and what is remembered dies with the process.
 *
 * One is repeated only when its own deadline has passed, since a `set` that
 * failed may take effect until then; and it is repeated even if the key was
 * written since, since nobody knows in which order the store saw the two.
 */
export class PendingInvalidations {
  readonly #store: Store
  readonly #logger: Logger
  readonly #timeoutMs: number
  readonly #pending = new Map<string, Pending>()
  #pauseMs: number
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `timeoutMs` is the deadline of the store's operations. */
  constructor(store: Store, timeoutMs: number, logger: Logger) {
    this.#store = store
    this.#logger = logger
    this.#timeoutMs = timeoutMs
    this.#pauseMs = timeoutMs
  }

  /** How many there are, together with those that stand for many. */
  get size(): number {
    return this.#pending.size
  }

  /** Whether a key is to be taken for not cached. */
  covers(key: CacheKey): boolean {
    if (this.#pending.size === 0) return false
    const trees = ['', key.text, ...key.ancestors].map(treeOf)
    return this.#pending.has(key.text) || trees.some((name) => this.#pending.has(name))
  }

  /** Remembers one that failed just now: with `children` everything below the key too, without a key everything. */
  add(key: CacheKey | undefined, children: boolean, origin: Origin): void {
    this.#remember({ key, children, origin, notBefore: performance.now() + this.#timeoutMs })
    if (this.#pending.size > MAX_PENDING)
      this.#widen(({ key }) => key && CacheKey.from(key.segments[0] as string))
    if (this.#pending.size > MAX_PENDING) this.#widen(() => undefined)
    this.#schedule()
  }

  /** One last attempt, once what has failed cannot take effect any more: for a little longer than the store's deadline. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#isClosed = true
    if (this.#pending.size === 0) return
    let latest = 0
    for (const { notBefore } of this.#pending.values()) latest = Math.max(latest, notBefore)
    const began = performance.now()
    await pause(Math.max(0, latest - began) + SLACK_MS)
    const remainingMs = Math.max(LAST_MS, this.#timeoutMs - (performance.now() - began))
    await before(performance.now() + remainingMs, this.#repeatDue(), 'The store').catch(ignore)
  }

  #remember(pending: Pending): void {
    const { key, children } = pending
    // A new one at the end, also under an old name: it has a deadline of its own.
    const name = key === undefined ? treeOf('') : children ? treeOf(key.text) : key.text
    this.#pending.set(name, pending)
  }

  /** Instead of many, few that cover them. */
  #widen(around: (pending: Pending) => CacheKey | undefined): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const one of all) this.#remember({ ...one, key: around(one), children: true })
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#timer ??= detached(() => setTimeout(() => void this.#attempt(), this.#pauseMs)).unref()
  }

  async #attempt(): Promise<void> {
    try {
      const count = await this.#repeatDue()
      this.#pauseMs = this.#timeoutMs
      if (count > 0)
        this.#logger.warn(`keyedcache: the store is back; ${count} deletes that had failed were repeated.`)
    } catch {
      // It has been reported when it failed first, and will be tried again.
      this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs * 2)
    } finally {
      this.#timer = undefined
      if (this.#pending.size > 0) this.#schedule()
    }
  }

  /** Repeats all whose time has come, none waiting for another; gives how many. */
  async #repeatDue(): Promise<number> {
    const now = performance.now() + SLACK_MS
    const due = [...this.#pending].filter(([, { notBefore }]) => notBefore <= now)
    const repeating = due.map(async ([name, pending]) => {
      await this.#repeat(pending)
      // One that failed meanwhile has taken its place: that is to be repeated too.
      if (this.#pending.get(name) === pending) this.#pending.delete(name)
    })
    await Promise.allSettled(repeating)
    await Promise.all(repeating)
    return due.length
  }

  #repeat({ key, children, origin }: Pending): Promise<unknown> {
    return key ? this.#store.remove(key, { children, origin }) : this.#store.clear(origin)
  }
}

/** No key's text begins so. */
function treeOf(text: string): string {
  return `{}${text}`
}

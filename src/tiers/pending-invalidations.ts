// The machine's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import { detached, ignore } from '../background.js'
import { CacheKey } from '../key/cache-key.js'
import { before } from '../store/deadline.js'
import type { Logger } from '../store/failsafe.js'
import type { Origin, Store } from '../store/store.js'
import { PendingWarnings } from './pending-warnings.js'

/** An invalidation that the store has not confirmed. */
interface Pending {
  /** Undefined: everything under the prefix. */
  readonly key: CacheKey | undefined
  readonly children: boolean
  readonly origin: Origin
  /** By `performance.now()`: the failed command may take effect until then. */
  readonly notBefore: number
}

/** Timers may fire a moment early. */
const SLACK_MS = 2

/** Maximum number; more are replaced by whole families, and then by everything. */
const MAX_PENDING = 1_000

/** Longest pause between two attempts, in milliseconds. */
const MAX_PAUSE_MS = 5_000

/** Minimum time for the last attempt, in milliseconds. */
const LAST_MS = 50

/**
 * Invalidations of this process that the store has not confirmed. Until they are repeated as deletes, this process
 * treats their keys as not cached, and other processes may read the old values. They are lost with the process.
 *
 * Each is repeated only after its own deadline, because a failed `set` may take effect until then. It is repeated even if
 * the key was written since, because the order in which the store received the two is unknown.
 */
export class PendingInvalidations {
  readonly #store: Store
  readonly #warnings: PendingWarnings
  readonly #timeoutMs: number
  readonly #pending = new Map<string, Pending>()
  #pauseMs: number
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `timeoutMs` is the deadline of the store's operations. */
  constructor(store: Store, timeoutMs: number, logger: Logger) {
    this.#store = store
    this.#warnings = new PendingWarnings(logger, () => [...this.#pending.values()].map(nameOf))
    this.#timeoutMs = timeoutMs
    this.#pauseMs = timeoutMs
  }

  /** Number of pending invalidations; one of a family or of everything counts once. */
  get size(): number {
    return this.#pending.size
  }

  /** Whether a key must be treated as not cached. */
  covers(key: CacheKey): boolean {
    if (this.#pending.size === 0) return false
    const trees = ['', key.text, ...key.ancestors].map(treeName)
    return this.#pending.has(key.text) || trees.some((name) => this.#pending.has(name))
  }

  /** Adds one that failed just now: with `children` also everything below the key, without a key everything. */
  add(key: CacheKey | undefined, children: boolean, origin: Origin): void {
    this.#put({ key, children, origin, notBefore: performance.now() + this.#timeoutMs })
    if (this.#pending.size > MAX_PENDING)
      this.#widen(({ key }) => key && CacheKey.from(key.segments[0] as string))
    if (this.#pending.size > MAX_PENDING) this.#widen(() => undefined)
    if (this.#isClosed) return
    this.#warnings.added()
    this.#schedule()
  }

  /** Makes one last attempt after all deadlines have passed, for a little longer than the store's deadline. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#isClosed = true
    if (this.#pending.size > 0) await this.#lastAttempt()
    this.#warnings.close()
  }

  async #lastAttempt(): Promise<void> {
    let latest = 0
    for (const { notBefore } of this.#pending.values()) latest = Math.max(latest, notBefore)
    const began = performance.now()
    await pause(Math.max(0, latest - began) + SLACK_MS)
    const remainingMs = Math.max(LAST_MS, this.#timeoutMs - (performance.now() - began))
    await before(performance.now() + remainingMs, this.#repeatDue(), 'The store').catch(ignore)
  }

  #put(pending: Pending): void {
    const { key, children } = pending
    const name = key === undefined ? treeName('') : children ? treeName(key.text) : key.text
    this.#pending.set(name, pending)
  }

  /** Replaces all by few that cover them. */
  #widen(around: (pending: Pending) => CacheKey | undefined): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const one of all) this.#put({ ...one, key: around(one), children: true })
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#timer ??= detached(() => setTimeout(() => void this.#attempt(), this.#pauseMs)).unref()
  }

  async #attempt(): Promise<void> {
    try {
      const count = await this.#repeatDue()
      this.#pauseMs = this.#timeoutMs
      if (count > 0) this.#warnings.repeated(count)
    } catch {
      // The failure was reported when it happened first.
      this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs * 2)
    } finally {
      this.#timer = undefined
      if (this.#pending.size > 0) this.#schedule()
    }
  }

  /** Repeats all that are due, at the same time, and returns their number. */
  async #repeatDue(): Promise<number> {
    const now = performance.now() + SLACK_MS
    const due = [...this.#pending].filter(([, { notBefore }]) => notBefore <= now)
    const repeating = due.map(async ([name, pending]) => {
      await this.#repeat(pending)
      // A newer failure of the same key is still pending.
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

function nameOf({ key, children }: Pending): string {
  if (key === undefined) return 'all keys'
  return children ? `"${key.text}" with everything below` : `"${key.text}"`
}

/** No key's text begins like this. */
function treeName(text: string): string {
  return `{}${text}`
}

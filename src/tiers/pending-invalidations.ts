// Node's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import { detached, ignore } from '../background.js'
import { CacheKey } from '../key/cache-key.js'
import type { Logger } from '../logger.js'
import { withDeadline } from '../store/deadline.js'
import type { InvalidationOrigin, Store } from '../store/store.js'
import { PendingWarnings } from './pending-warnings.js'

/** An invalidation that the store has not confirmed. */
interface PendingInvalidation {
  /** `undefined` for everything under the prefix. */
  readonly key: CacheKey | undefined
  readonly children: boolean
  readonly origin: InvalidationOrigin
  /** By `performance.now()`: the operation that failed may take effect until then. */
  readonly notBefore: number
}

/** Timers may fire this much early. */
const SLACK_MS = 2

/** Maximum number of pending invalidations: beyond it they are merged into one for each family, and then into one of everything. */
const MAX_PENDING = 1_000

/** Maximum delay between two attempts. */
const MAX_DELAY_MS = 5_000

/** Minimum time for the last attempt. */
const LAST_ATTEMPT_MS = 50

/**
 * The invalidations of this process that the store has not confirmed. They are repeated as deletes. Until then their keys
 * count as not cached in this process; others may still read the old values. They are lost where the process ends.
 *
 * One is repeated only after its own deadline, since a `set` that failed may take effect until then. It is repeated also
 * where the key was written since: the order in which the store saw the two is not known.
 */
export class PendingInvalidations {
  readonly #store: Store
  readonly #warnings: PendingWarnings
  readonly #timeoutMs: number
  readonly #pending = new Map<string, PendingInvalidation>()
  #delayMs: number
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** `timeoutMs` is the deadline of an operation of the store. */
  constructor(store: Store, timeoutMs: number, logger: Logger) {
    this.#store = store
    this.#warnings = new PendingWarnings(logger, () => [...this.#pending.values()].map(inWords))
    this.#timeoutMs = timeoutMs
    this.#delayMs = timeoutMs
  }

  /** How many there are; a merged one counts once. */
  get size(): number {
    return this.#pending.size
  }

  /** Whether an invalidation of this key is pending. */
  covers(key: CacheKey): boolean {
    return isCovered(key, this.#pending)
  }

  /** What is pending now, for readers of keys that are not known yet. */
  snapshot(): Pick<PendingInvalidations, 'size' | 'covers'> {
    const names = new Set(this.#pending.keys())
    return { size: names.size, covers: (key) => isCovered(key, names) }
  }

  /** Adds one that has just failed: with `children` of everything below the key too, without a key of everything. */
  add(key: CacheKey | undefined, children: boolean, origin: InvalidationOrigin): void {
    this.#set({ key, children, origin, notBefore: performance.now() + this.#timeoutMs })
    if (this.#pending.size > MAX_PENDING)
      this.#merge(({ key }) => key && CacheKey.from(key.segments[0] as string))
    if (this.#pending.size > MAX_PENDING) this.#merge(() => undefined)
    if (!this.#isClosed) this.#warnings.added()
    this.#schedule()
  }

  /** Makes a last attempt, after the deadlines of those that failed: it takes little longer than one operation. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#isClosed = true
    if (this.#pending.size > 0) await this.#lastAttempt()
    this.#warnings.close()
  }

  async #lastAttempt(): Promise<void> {
    let latest = 0
    for (const { notBefore } of this.#pending.values()) latest = Math.max(latest, notBefore)
    const startedAt = performance.now()
    await pause(Math.max(0, latest - startedAt) + SLACK_MS)
    const remainingMs = Math.max(LAST_ATTEMPT_MS, this.#timeoutMs - (performance.now() - startedAt))
    await withDeadline(performance.now() + remainingMs, this.#repeatDue(), 'The store').catch(ignore)
  }

  #set(pending: PendingInvalidation): void {
    const { key, children } = pending
    // One of the same name is replaced: the new one has a later deadline.
    const name = key === undefined ? treeOf('') : children ? treeOf(key.text) : key.text
    this.#pending.set(name, pending)
  }

  /** Replaces them by fewer that cover them. */
  #merge(around: (pending: PendingInvalidation) => CacheKey | undefined): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const one of all) this.#set({ ...one, key: around(one), children: true })
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#timer ??= detached(() => setTimeout(() => void this.#attempt(), this.#delayMs)).unref()
  }

  async #attempt(): Promise<void> {
    try {
      const count = await this.#repeatDue()
      this.#delayMs = this.#timeoutMs
      if (count > 0) this.#warnings.repeated(count)
    } catch {
      // Reported when it failed first; the next attempt follows.
      this.#delayMs = Math.min(MAX_DELAY_MS, this.#delayMs * 2)
    } finally {
      this.#timer = undefined
      if (this.#pending.size > 0) this.#schedule()
    }
  }

  /** Repeats those whose deadlines have passed, all at once, and resolves to their number. */
  async #repeatDue(): Promise<number> {
    const now = performance.now() + SLACK_MS
    const due = [...this.#pending].filter(([, { notBefore }]) => notBefore <= now)
    const repeating = due.map(async ([name, pending]) => {
      await this.#repeat(pending)
      // One that failed meanwhile may have replaced it: that has to be repeated too.
      if (this.#pending.get(name) === pending) this.#pending.delete(name)
    })
    await Promise.allSettled(repeating)
    await Promise.all(repeating)
    return due.length
  }

  #repeat({ key, children, origin }: PendingInvalidation): Promise<unknown> {
    return key ? this.#store.remove(key, { children, origin }) : this.#store.clear(origin)
  }
}

function isCovered(key: CacheKey, names: Pick<ReadonlySet<string>, 'size' | 'has'>): boolean {
  if (names.size === 0) return false
  return names.has(key.text) || ['', key.text, ...key.ancestors].some((text) => names.has(treeOf(text)))
}

function inWords({ key, children }: PendingInvalidation): string {
  if (key === undefined) return 'all keys'
  return children ? `"${key.text}" with everything below` : `"${key.text}"`
}

/** The name of a whole tree. No text of a key begins like it. */
function treeOf(text: string): string {
  return `{}${text}`
}

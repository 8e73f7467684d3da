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
  /** By `performance.now()`: the last operation for it that failed may take effect until then. */
  notBefore: number
  /** When it was last repeated without success, by `performance.now()`. */
  failedAt: number
  isUnderWay: boolean
}

/** Timers may fire this much early. */
const SLACK_MS = 2

/** Maximum number of pending invalidations: beyond it they are merged into one for each family, and then into one of everything. */
const MAX_PENDING = 1_000

/** Pause after an attempt that failed. An answer of the store ends it. */
const PAUSE_MS = 500

/** Minimum time for the last attempt. */
const LAST_ATTEMPT_MS = 50

/**
 * The invalidations of this process that the store has not confirmed. They are repeated as deletes. Until then their keys
 * count as not cached in this process; others may still read the old values. They are lost where the process ends.
 *
 * One is repeated only after its own deadline, since a `set` that failed may take effect until then. The same holds after a
 * repetition that failed. It is repeated also where the key was written since: the order in which the store saw the two is
 * not known.
 *
 * While the store does not answer, a single one is tried twice a second. All are repeated once that one is confirmed.
 */
export class PendingInvalidations {
  readonly #store: Store
  readonly #warnings: PendingWarnings
  readonly #timeoutMs: number
  readonly #pending = new Map<string, PendingInvalidation>()
  /** Attempts that are under way. */
  #attempts = 0
  /** Whether the last attempt failed for all that it repeated. */
  #isAway = false
  /** Nothing may be repeated earlier, by `performance.now()`. */
  #dueAt = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** When the timer starts the next attempt. */
  #nextAt = Number.POSITIVE_INFINITY
  #isClosed = false

  /** `timeoutMs` is the deadline of an operation of the store. */
  constructor(store: Store, timeoutMs: number, logger: Logger) {
    this.#store = store
    this.#warnings = new PendingWarnings(logger, () => [...this.#pending.values()].map(inWords))
    this.#timeoutMs = timeoutMs
  }

  /** How many there are; a merged one counts once. */
  get size(): number {
    return this.#pending.size
  }

  /** Whether an invalidation of this key is pending. */
  covers(key: CacheKey): boolean {
    return isCovered(key, this.#pending)
  }

  /** The keys that are covered now, for a reader that does not know its keys yet. */
  snapshot(): Pick<PendingInvalidations, 'size' | 'covers'> {
    const names = new Set(this.#pending.keys())
    return { size: names.size, covers: (key) => isCovered(key, names) }
  }

  /**
   * Adds one that has just failed: with `children` of everything below the key too, without a key of everything.
   * `mayRunLater` is whether what failed may still take effect, until its deadline.
   */
  add(key: CacheKey | undefined, children: boolean, origin: InvalidationOrigin, mayRunLater = true): void {
    const notBefore = performance.now() + (mayRunLater ? this.#timeoutMs : 0)
    this.#set({ key, children, origin, notBefore, failedAt: 0, isUnderWay: false })
    if (this.#pending.size > MAX_PENDING)
      this.#merge(({ key }) => key && CacheKey.from(key.segments[0] as string))
    if (this.#pending.size > MAX_PENDING) this.#merge(() => undefined)
    if (this.#isClosed) return
    this.#warnings.added()
    this.#dueAt = Math.min(this.#dueAt, notBefore)
    if (this.#attempts === 0) this.#schedule(notBefore)
  }

  /** The store has answered an operation: what is pending is repeated as soon as its deadline has passed. */
  storeAnswered(): void {
    if (this.#pending.size === 0 || this.#attempts > 0 || this.#isClosed) return
    if (performance.now() + SLACK_MS < this.#dueAt) this.#schedule(this.#dueAt)
    else this.#start()
  }

  /** Repeats everything whose deadline has passed, at once: the store is known to be back. */
  replayNow(): void {
    if (this.#pending.size === 0 || this.#isClosed) return
    this.#isAway = false
    this.#start()
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
    const repeating = Promise.all([...this.#pending].map(([name, pending]) => this.#repeat(name, pending)))
    await withDeadline(performance.now() + remainingMs, repeating, 'The store').catch(ignore)
  }

  #set(pending: PendingInvalidation): void {
    const { key, children } = pending
    const name = key === undefined ? treeOf('') : children ? treeOf(key.text) : key.text
    // One of the same name is replaced; both deadlines must have passed.
    const notBefore = Math.max(pending.notBefore, this.#pending.get(name)?.notBefore ?? 0)
    this.#pending.set(name, { ...pending, notBefore, isUnderWay: false })
  }

  /** Replaces them by fewer that cover them. */
  #merge(around: (pending: PendingInvalidation) => CacheKey | undefined): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const one of all) this.#set({ ...one, key: around(one), children: true })
  }

  /** Starts the next attempt at this moment of `performance.now()`, or earlier where that is planned. */
  #schedule(at: number): void {
    if (this.#nextAt <= at) return
    clearTimeout(this.#timer)
    this.#nextAt = at
    this.#timer = detached(() => setTimeout(() => this.#start(), Math.max(0, at - performance.now()))).unref()
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#nextAt = Number.POSITIVE_INFINITY
    void detached(() => this.#attempt())
  }

  async #attempt(): Promise<void> {
    this.#attempts++
    const due = this.#due()
    const first = this.#isAway ? due.slice(0, 1) : due
    let confirmed = await this.#repeatAll(first)
    if (confirmed > 0) confirmed += await this.#repeatAll(due.slice(first.length))
    if (confirmed > 0) this.#warnings.repeated(confirmed)
    if (due.length > 0) this.#isAway = confirmed === 0
    this.#attempts--
    if (this.#attempts > 0 || this.#isClosed) return
    this.#dueAt = Math.min(...[...this.#pending.values()].map(({ notBefore }) => notBefore))
    if (this.#pending.size === 0) return
    const hasFailed = confirmed < due.length
    this.#schedule(hasFailed ? Math.max(this.#dueAt, performance.now() + PAUSE_MS) : this.#dueAt)
  }

  /** Those whose deadlines have passed; first the one whose last repetition is longest ago. */
  #due(): [name: string, pending: PendingInvalidation][] {
    const now = performance.now() + SLACK_MS
    return [...this.#pending]
      .filter(([, { notBefore, isUnderWay }]) => notBefore <= now && !isUnderWay)
      .sort(([, one], [, other]) => one.failedAt - other.failedAt)
  }

  /** Repeats these at once, and resolves to the number of those that the store has confirmed. */
  async #repeatAll(due: readonly (readonly [name: string, pending: PendingInvalidation])[]): Promise<number> {
    const confirmed = await Promise.all(due.map(([name, pending]) => this.#repeat(name, pending)))
    return confirmed.filter(Boolean).length
  }

  /** Resolves to whether the store has confirmed it. */
  async #repeat(name: string, pending: PendingInvalidation): Promise<boolean> {
    const { key, children, origin } = pending
    pending.isUnderWay = true
    try {
      await (key ? this.#store.remove(key, { children, origin }) : this.#store.clear(origin))
      // One that failed meanwhile may have replaced it: that has to be repeated too.
      if (this.#pending.get(name) === pending) this.#pending.delete(name)
      return true
    } catch {
      // Reported when it failed first; the next attempt follows.
      pending.failedAt = performance.now()
      pending.notBefore = pending.failedAt + this.#timeoutMs
      return false
    } finally {
      pending.isUnderWay = false
    }
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

// The machine's own, also while a test has faked the global ones: a deadline is for a server, which takes real time.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { CacheNotRespondingError } from '../errors.js'

export interface DeadlineOptions {
  /** Whether the process stays alive until the answer or the deadline. Default: true. */
  readonly keepsAlive?: boolean
}

/** For work that no caller waits for: the process may end before it does. */
export const BACKGROUND: DeadlineOptions = { keepsAlive: false }

/** A timer that is later than this was delayed by this process itself, which delayed the answer too. */
const DELAYED_MS = 20

/** Maximum time by which a deadline is postponed for a process that was delayed: enough to read what has arrived. */
const MAX_POSTPONED_MS = 250

/** By how much this process itself was late, for errors of deadlines where it was. */
const ownDelays = new WeakMap<object, number>()

/**
 * By how many milliseconds this process was late when a deadline passed with this error; 0 where it was in time. The
 * other side is not silent where the process had no time to read, or to send.
 */
export function ownDelayOf(error: unknown): number {
  return (typeof error === 'object' && error !== null && ownDelays.get(error)) || 0
}

/**
 * Settles as `promise` does, or rejects with a `CacheNotRespondingError` at `deadline`, a moment of
 * `performance.now()`. The deadline is postponed once, by at most a quarter of a second, where this process was too busy
 * to read the answer.
 */
export function withDeadline<T>(
  deadline: number,
  promise: Promise<T>,
  what: string,
  { keepsAlive = true }: DeadlineOptions = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isSettled = false
    let ownDelayMs = 0
    let timer: NodeJS.Timeout
    const wait = (ms: number, then: () => void) => {
      timer = setTimeout(then, Math.max(0, ms))
      if (!keepsAlive) timer.unref()
    }
    // The answer may have arrived: this lets it be read before the rejection.
    const rejectSoon = () => void setImmediate(rejectNow)
    const postponeOnce = () => {
      const delayedMs = performance.now() - deadline
      if (delayedMs <= DELAYED_MS) {
        rejectSoon()
        return
      }
      ownDelayMs = delayedMs
      wait(Math.min(delayedMs, MAX_POSTPONED_MS), rejectSoon)
    }
    const rejectNow = () => {
      if (isSettled) return
      const error = new CacheNotRespondingError(`${what} is not responding: no answer in time.`)
      if (ownDelayMs > 0) ownDelays.set(error, ownDelayMs)
      reject(error)
    }
    wait(deadline - performance.now(), postponeOnce)
    const settle = () => {
      isSettled = true
      clearTimeout(timer)
    }
    promise.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error)
      },
    )
  })
}

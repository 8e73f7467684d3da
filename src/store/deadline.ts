// The machine's own, also while a test has faked the global ones: a deadline is for a server, which takes real time.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { CacheNotRespondingError } from '../errors.js'

export interface Waiting {
  /** Whether somebody waits for it: then the process stays alive until it is answered, or its deadline. Default: true. */
  readonly isAwaited?: boolean
}

/** A timer that fires later than this was held up by this process itself, which held up the answer too. */
const HELD_UP_MS = 20

/** Maximum time that a deadline is put off, once, for a process that was held up: enough to read what has come. */
const MAX_MORE_MS = 250

/**
 * Settles as `promise` does, or rejects with a `CacheNotRespondingError` at a
 * moment of `performance.now()`. It is put off once, by a quarter of a second at most, where this process was held up.
 */
export function before<T>(
  deadline: number,
  promise: Promise<T>,
  what: string,
  { isAwaited = true }: Waiting = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let settled = false
    let timer: NodeJS.Timeout
    const wait = (ms: number, then: () => void) => {
      timer = setTimeout(then, Math.max(0, ms))
      if (!isAwaited) timer.unref()
    }
    // The answer may be there already: a last look before giving up.
    const lookOnce = () => void setImmediate(expire)
    const look = () => {
      const heldUpMs = performance.now() - deadline
      if (heldUpMs > HELD_UP_MS) wait(Math.min(heldUpMs, MAX_MORE_MS), lookOnce)
      else lookOnce()
    }
    const expire = () => {
      if (!settled) reject(new CacheNotRespondingError(`${what} is not responding: no answer in time.`))
    }
    wait(deadline - performance.now(), look)
    const settle = () => {
      settled = true
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

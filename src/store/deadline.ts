// The machine's own, also while a test has faked the global ones: a deadline is for a server, which takes real time.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { CacheNotRespondingError } from '../errors.js'
import type { Store } from './store.js'

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

/** Any store, each of whose operations takes `timeoutMs` at most and fails with the one error that callers know. */
export function withDeadlines(store: Store, timeoutMs: number): Store {
  const limit = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await before(performance.now() + timeoutMs, operation(), store.description)
    } catch (error) {
      if (error instanceof CacheNotRespondingError) throw error
      throw new CacheNotRespondingError(`${store.description} is not responding: ${String(error)}.`, {
        cause: error,
      })
    }
  }
  const { statistics, tracking, usage } = store
  const secret = store.secret?.bind(store)
  return {
    description: store.description,
    shared: store.shared,
    ...(statistics && { statistics }),
    ...(tracking && { tracking }),
    ...(usage && { usage: () => limit(() => usage.call(store)) }),
    ...(secret && { secret: () => limit(secret) }),
    read: (key, options) => limit(() => store.read(key, options)),
    observe: (key) => limit(() => store.observe(key)),
    write: (key, entry, options) => limit(() => store.write(key, entry, options)),
    remove: (key, options) => limit(() => store.remove(key, options)),
    expire: (key, options) => limit(() => store.expire(key, options)),
    clear: (origin) => limit(() => store.clear(origin)),
    acquire: (key, token, options) => limit(() => store.acquire(key, token, options)),
    renew: (key, token, leaseMs) => limit(() => store.renew(key, token, leaseMs)),
    commit: (key, token, entry, options) => limit(() => store.commit(key, token, entry, options)),
    release: (key, token, options) => limit(() => store.release(key, token, options)),
    watch: (key, wake) => store.watch(key, wake),
    peek: (key) => limit(() => store.peek(key)),
    list: (options) => limit(() => store.list(options)),
    check: () => limit(() => store.check()),
    close: () => store.close(),
  }
}

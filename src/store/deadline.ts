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

/**
 * Settles as `promise` does, or rejects with a `CacheNotRespondingError` at a
 * moment of `performance.now()`: later by as long as this process was held up itself.
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
    const wait = (until: number) => {
      timer = setTimeout(look, Math.max(0, until - performance.now()), until)
      if (!isAwaited) timer.unref()
    }
    const look = (until: number) => {
      const heldUpMs = performance.now() - until
      if (heldUpMs > HELD_UP_MS) wait(performance.now() + heldUpMs)
      // The answer may be there already: a last look before giving up.
      else setImmediate(expire)
    }
    const expire = () => {
      if (!settled) reject(new CacheNotRespondingError(`${what} is not responding: no answer in time.`))
    }
    wait(deadline)
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

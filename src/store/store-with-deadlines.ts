import { CacheNotRespondingError } from '../errors.js'
import { Circuit } from './circuit.js'
import { BACKGROUND, ownDelayOf, withDeadline } from './deadline.js'
import type { Store } from './store.js'
import { watchWithDeadline } from './watch-with-deadline.js'
import { wrapStore } from './wrap-store.js'

/**
 * A store each of whose operations ends within `timeoutMs`, those of its statistics, its watches and its end included.
 * It rejects with a `CacheNotRespondingError`, whatever the store itself fails with. It has a circuit breaker.
 */
export function storeWithDeadlines(store: Store, timeoutMs: number): Store {
  const circuit = new Circuit({
    server: () => store.description,
    probe: () => withDeadline(performance.now() + timeoutMs, answerOf(store), store.description, BACKGROUND),
  })
  const inTime = async <T>(proceed: () => Promise<T>, counts: boolean): Promise<T> => {
    const sentAt = performance.now()
    try {
      const result = proceed()
      if (counts) follow(result, circuit, sentAt, sentAt + timeoutMs)
      return await withDeadline(sentAt + timeoutMs, result, store.description)
    } catch (error) {
      if (!(error instanceof CacheNotRespondingError)) {
        throw new CacheNotRespondingError(`${store.description} is not responding: ${String(error)}.`, {
          cause: error,
        })
      }
      // A store that fails at once costs its callers nothing, and may take the next operation.
      const hasCostTime = performance.now() - sentAt >= timeoutMs / 2
      if (counts && hasCostTime && ownDelayOf(error) === 0) circuit.unanswered(error, sentAt)
      throw error
    }
  }
  return {
    ...wrapStore(store, async (operation, proceed) => {
      if (operation !== 'check') circuit.throwIfOpen()
      // Statistics that fail do not keep callers from their values.
      return await inTime(proceed, !operation.startsWith('statistics.'))
    }),
    health: circuit,
    watch: (key, wake) => watchWithDeadline(store, key, wake, timeoutMs),
    close: () => {
      circuit.stop()
      return inTime(async () => store.close(), false)
    },
  }
}

/** Records the answer of an operation, which may come after its deadline. */
function follow(result: Promise<unknown>, circuit: Circuit, sentAt: number, deadline: number): void {
  const answered = () => circuit.answered(sentAt, performance.now() > deadline)
  result.then(answered, (error: unknown) => {
    if (!(error instanceof CacheNotRespondingError)) answered()
  })
}

/** Resolves when the store answers, also with an error. */
async function answerOf(store: Store): Promise<void> {
  try {
    await store.check()
  } catch (error) {
    if (error instanceof CacheNotRespondingError) throw error
  }
}

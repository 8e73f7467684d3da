// Node's own, also while a test has faked the global one: it waits for servers.
import { clearTimeout, setTimeout } from 'node:timers'

/**
 * Resolves to the first answer. The next one is asked for when the one before has failed, or has not come for
 * `patienceMs`. Rejects with all errors when every one has failed.
 */
export function firstAnswer<T>(asks: readonly (() => Promise<T>)[], patienceMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const errors: unknown[] = []
    let asked = 0
    let timer: NodeJS.Timeout | undefined
    const askNext = () => {
      clearTimeout(timer)
      const ask = asks[asked++]
      if (ask === undefined) {
        if (errors.length === asks.length) reject(new AggregateError(errors, 'no node has answered'))
        return
      }
      timer = setTimeout(askNext, patienceMs).unref()
      ask().then(
        (answer) => {
          clearTimeout(timer)
          asked = asks.length
          resolve(answer)
        },
        (error: unknown) => {
          errors.push(error)
          askNext()
        },
      )
    }
    askNext()
  })
}

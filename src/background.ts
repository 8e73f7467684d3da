import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Runs a function outside of any request. Work that outlives the request which started it must not hold that request's
 * async context in memory, nor run in it.
 */
export const detached = AsyncLocalStorage.snapshot()

/** Handles the rejection of work whose failure is reported elsewhere. */
export function ignore(): void {}

/** Settles as `promise` does; after `ms` milliseconds it takes the result of `late`, by default `undefined`. */
export async function within<T, L = undefined>(
  ms: number,
  promise: T | PromiseLike<T>,
  late?: () => L,
): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined
  const waited = new Promise<L>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(late?.() as L)
      } catch (error) {
        reject(error)
      }
    }, ms)
  })
  try {
    return await Promise.race([promise, waited])
  } finally {
    clearTimeout(timer)
  }
}

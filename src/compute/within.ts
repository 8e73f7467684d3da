import { setTimeout as pause } from 'node:timers/promises'

/** What comes within so many milliseconds; nothing if it takes longer. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const stopped = new AbortController()
  const late = pause(ms, undefined, { signal: stopped.signal }).catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    stopped.abort()
  }
}

import { setTimeout as pause } from 'node:timers/promises'

export const FACTORY_MS = 200
/** Time for which the waiter has waited when the holder is killed, in milliseconds. */
const WAITED_MS = 50
const CAP_MS = 30_000
let deaths = 0

/**
 * Kills the process that computes a key. Returns the milliseconds until a process that already waits for the key, and one
 * that reads it only then, have the value; `Infinity` after half a minute, an `Error` if the library throws. Each may have
 * to compute the value itself, which takes `FACTORY_MS`.
 */
export async function deadHolder(holder, waiter, newcomer) {
  const query = { key: `dead::${deaths++}`, ms: FACTORY_MS }
  const computing = holder.computing(query.key)
  const lost = holder.run('read', { ...query, held: true })
  await Promise.race([computing, lost])
  const waiting = settled(waiter.run('read', query))
  await pause(WAITED_MS)
  const killed = performance.now()
  await Promise.allSettled([lost, holder.kill()])
  const outcomes = await Promise.all([waiting, settled(newcomer.run('read', query))])
  return outcomes.map(({ at, error }) => error ?? at - killed)
}

/** Time of fulfilment, or the error of a rejection; `Infinity` after the maximum. */
export async function settled(promise, cap = CAP_MS) {
  const timeout = new AbortController()
  const outcome = await Promise.race([
    promise.then(
      () => ({ at: performance.now() }),
      (error) => ({ error }),
    ),
    pause(cap, { at: Number.POSITIVE_INFINITY }, { signal: timeout.signal }).catch(() => undefined),
  ])
  timeout.abort()
  return outcome
}

import { setTimeout as pause } from 'node:timers/promises'

export const FACTORY_MS = 200
/** How long the other process has waited when the one that computes is killed. */
const WAITED_MS = 50
const CAP_MS = 30_000
let deaths = 0

/**
 * The process that computes a key is killed in the midst of it. Milliseconds
 * from then until one that has already asked for the key, and one that asks
 * only now, have the value; `Infinity` after half a minute, an `Error` where
 * the library throws one. Each may have to compute itself, which takes
 * `FACTORY_MS`.
 */
export async function deadHolder(holder, waiter, newcomer) {
  const query = { key: `dead::${deaths++}`, ms: FACTORY_MS }
  const computing = holder.computing(query.key)
  const lost = holder.ask('read', { ...query, held: true })
  await Promise.race([computing, lost])
  const waiting = settled(waiter.ask('read', query))
  await pause(WAITED_MS)
  const killed = performance.now()
  await Promise.allSettled([lost, holder.kill()])
  const outcomes = await Promise.all([waiting, settled(newcomer.ask('read', query))])
  return outcomes.map(({ at, error }) => error ?? at - killed)
}

/** When it is fulfilled, or with what rejected; `Infinity` after the cap. */
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

/**
 * A latency histogram: the number of operations in each class. The first class ends at 1 µs, each further one √2 times
 * later, so that a quantile is off by a fifth at most. Trailing empty classes are left out.
 */
export type Latency = number[]

/** Number of classes; the last ends at about 4 minutes and holds everything beyond. */
export const CLASSES = 57

export function noLatency(): Latency {
  return []
}

function classOf(ms: number): number {
  const us = ms * 1_000
  return us <= 1 ? 0 : Math.min(CLASSES - 1, Math.ceil(Math.log2(us) * 2))
}

export function record(latency: Latency, ms: number): void {
  const index = classOf(ms)
  for (let i = latency.length; i <= index; i++) latency.push(0)
  latency[index] = (latency[index] as number) + 1
}

export function addLatency(to: Latency, from: readonly number[]): void {
  for (const [index, count] of from.entries()) {
    for (let i = to.length; i <= index; i++) to.push(0)
    to[index] = (to[index] as number) + count
  }
}

/**
 * Estimates a quantile of a latency histogram, in milliseconds; `undefined` when nothing was timed.
 * @example quantile((await cache.stats()).totals.latency.store, 0.99)
 */
export function quantile(latency: readonly number[], share: number): number | undefined {
  const total = latency.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let rest = Math.ceil(total * share)
  const index = latency.findIndex((count) => {
    rest -= count
    return rest <= 0
  })
  // The geometric middle of its class.
  return 2 ** ((index - 0.5) / 2) / 1_000
}

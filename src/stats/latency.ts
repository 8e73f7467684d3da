/**
 * How long operations took: how many in each of these classes, of which each
 * reaches √2 times as far as the one before it, from 1 µs on. A quantile of it
 * is off by a fifth at most.
 */
export type Latency = number[]

/** The last class reaches to some 4 minutes, and has all that is beyond. */
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

/** About how many milliseconds a share of the operations took at most; `undefined` without any. */
export function quantile(latency: readonly number[], share: number): number | undefined {
  const total = latency.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  let left = Math.ceil(total * share)
  const index = latency.findIndex((count) => {
    left -= count
    return left <= 0
  })
  // The geometric middle of its class.
  return 2 ** ((index - 0.5) / 2) / 1_000
}

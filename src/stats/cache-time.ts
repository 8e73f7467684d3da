/** A call's time within its request, in milliseconds. */
interface Interval {
  readonly afterMs: number
  readonly durationMs: number
}

/** Time in which at least one call was under way, in milliseconds: concurrent calls count once. */
export function cacheMsOf(calls: readonly Interval[]): number {
  let total = 0
  let until = Number.NEGATIVE_INFINITY
  for (const { afterMs, durationMs } of [...calls].sort((one, other) => one.afterMs - other.afterMs)) {
    const end = afterMs + durationMs
    total += Math.max(0, end - Math.max(afterMs, until))
    until = Math.max(until, end)
  }
  return total
}

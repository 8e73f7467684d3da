/** A stretch of time, in milliseconds. */
interface Stretch {
  readonly afterMs: number
  readonly durationMs: number
}

/** How long at least one of these was under way: those at one time count once. */
export function busyMs(stretches: readonly Stretch[]): number {
  let total = 0
  let until = Number.NEGATIVE_INFINITY
  for (const { afterMs, durationMs } of [...stretches].sort((one, other) => one.afterMs - other.afterMs)) {
    const end = afterMs + durationMs
    total += Math.max(0, end - Math.max(afterMs, until))
    until = Math.max(until, end)
  }
  return total
}

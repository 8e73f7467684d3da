/** Duration of `run`, in milliseconds. */
export async function time(run) {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/**
 * Runs `measure` for each contender in turns, so that a busy moment of the machine affects all of them; each round starts
 * with another one. Returns the results by name.
 */
export async function takeTurns(contenders, rounds, measure) {
  const names = Object.keys(contenders)
  const results = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]
      results[name].push(await measure(contenders[name], name))
    }
  }
  return results
}

/**
 * Runs an operation by `concurrency` callers for about `ms`; each starts its next one when its last has ended. Latency is
 * the median of every 16th operation. The CPU time is that of this process, and more reliable than the rate on a busy
 * machine.
 */
export async function load(operation, concurrency, ms) {
  const latencies = []
  let operations = 0
  const usedBefore = process.cpuUsage()
  const start = performance.now()
  const end = start + ms
  const caller = async () => {
    let now = performance.now()
    while (now < end) {
      for (let i = 0; i < 15; i++) await operation()
      const left = performance.now()
      await operation()
      now = performance.now()
      latencies.push(now - left)
      operations += 16
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const perSecond = (operations * 1000) / (performance.now() - start)
  const { user, system } = process.cpuUsage(usedBefore)
  return { perSecond, latencyMs: median(latencies), cpuMicros: (user + system) / operations }
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Median of the ratios between two contenders in the same round: noise that affects both cancels out. */
export function medianRatio(values, others) {
  return median(values.map((value, round) => value / others[round]))
}

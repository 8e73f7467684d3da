/** Milliseconds that `run` takes. */
export async function time(run) {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/**
 * Contenders take turns, so that a busy moment of the machine hits all of them;
 * each round starts with another one. Gives what `measure` gave, per name.
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
 * `concurrency` callers, each of which starts its next operation when its last
 * one has ended, for about `ms`. Latency is the median of every 16th operation;
 * the CPU time is this process's, and says more than the rate where others
 * want the machine's cores too.
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

/** The median of what the rounds say, each against the same round of another: noise that hits both cancels out. */
export function medianRatio(values, others) {
  return median(values.map((value, round) => value / others[round]))
}

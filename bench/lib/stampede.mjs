const KEYS = 20
const CALLERS = 50
const FACTORY_MS = 200
/** Time until the first process begins, in milliseconds: all have received their start by then. */
const LEAD_MS = 150
let rounds = 0

/** Reads each of `KEYS` uncached keys by `CALLERS` callers in each process; process i begins `offsets[i]` ms after the first. */
export async function stampede(crew, offsets) {
  const round = rounds++
  const keys = Array.from({ length: KEYS }, (_, i) => `stampede-${round}::${i}`)
  const start = Date.now() + LEAD_MS
  const reports = await Promise.all(
    crew.map((member, i) =>
      member.run('stampede', { at: start + offsets[i], keys, callers: CALLERS, ms: FACTORY_MS }),
    ),
  )
  const waits = reports.flatMap((report) => report.waits).sort((a, b) => a - b)
  return {
    computations: sum(reports, 'computations'),
    errors: sum(reports, 'errors'),
    p99BeyondFactory: waits[Math.ceil(waits.length * 0.99) - 1] - FACTORY_MS,
  }
}

export const STAMPEDE = { keys: KEYS, callers: CALLERS, factoryMs: FACTORY_MS }

function sum(reports, figure) {
  return reports.reduce((total, report) => total + report[figure], 0)
}

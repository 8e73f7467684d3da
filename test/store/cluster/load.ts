import { setTimeout as pause } from 'node:timers/promises'
import { PROBE } from '../../../src/store/redis/scripts/probe.js'
import type { Servers } from '../../../src/store/redis/servers.js'

/** Names with all three masters among their owners. */
export const names = Array.from({ length: 30 }, (_, index) => `shop:product::${index}`)

export const valuesOf = ({ values }: { readonly values: readonly (Buffer | null)[] }) => {
  return values.map((value) => value?.toString() ?? null)
}

/** Writes by a script, and returns what is stored then. */
export async function write(servers: Servers, name: string, value: string): Promise<string> {
  const { rest } = await servers.run(PROBE, [name], [Buffer.from(value)])
  return String(rest[0])
}

export interface Load {
  /** Number of writes, each with a read after it. */
  calls(): number
  /** Resolves when each name was written and read this often from now on. */
  rounds(count: number): Promise<void>
  /** What went wrong since the last look: errors, and values that were read and not written. */
  takeFailures(): string[]
  /** Ends the load. */
  stop(): Promise<string[]>
}

/** Reads and writes all the time. Each name has one writer, which reads what it wrote, unless that write has failed. */
export function startLoad(servers: Servers): Load {
  let failures: string[] = []
  const calls = new Map(names.map((name) => [name, 0]))
  let isRunning = true
  const work = async (name: string) => {
    for (let value = 1; isRunning; value++) {
      try {
        await write(servers, name, String(value))
        const [read] = await servers.read([name, ...names.slice(0, 3)], valuesOf)
        if (read !== String(value)) failures.push(`${name} is ${read} instead of ${value}`)
      } catch (error) {
        failures.push((error as Error).message)
      }
      calls.set(name, value)
      await pause(5)
    }
  }
  const working = Promise.all(names.map(work))
  const takeFailures = () => {
    const taken = failures
    failures = []
    return taken
  }
  return {
    calls: () => [...calls.values()].reduce((sum, count) => sum + count),
    async rounds(count) {
      const before = new Map(calls)
      const isMissing = (name: string) => {
        return (calls.get(name) as number) < (before.get(name) as number) + count
      }
      while (names.some(isMissing)) await pause(5)
    },
    takeFailures,
    async stop() {
      isRunning = false
      await working
      return takeFailures()
    },
  }
}

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Figures } from '../../src/stats/metrics.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { killMembersAfterEach, startMembers } from './crew.js'
import { random } from './random.mjs'

const PROCESSES = 8
const KEYS = 20
const CALLERS = 50
const FACTORY_MS = 200
/** Maximum wait beyond the time of the factory, in 99 of 100 cases. */
const BEYOND_MS = 50
/**
 * Eight processes on a small machine take each other's cores, the more the less of their code is compiled yet: all
 * rounds must compute once; of so many some that follow each other must be in time, by their median.
 */
const ROUNDS = 80
const IN_A_ROW = 5

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
killMembersAfterEach()

test('8 processes in which 50 callers ask for each of 20 keys at once compute each key once', async () => {
  await stampede('at once', () => 0)
}, 60_000)

test('8 processes whose calls start at any time of a computation compute each key once', async () => {
  const seed = process.env.SEED ?? randomBytes(4).toString('hex')
  console.log(`SEED=${seed}`)
  const pick = random(seed)
  await stampede('one after another', () => pick(FACTORY_MS))
}, 60_000)

async function stampede(name: string, delayMs: () => number): Promise<void> {
  const members = await startMembers(PROCESSES, {
    redis: server.url,
    keyPrefix: 'stampede',
    timeouts: { store: '2s' },
  })
  const rounds: number[] = []
  for (let round = 1; round <= ROUNDS && !(median(rounds.slice(-IN_A_ROW)) <= BEYOND_MS); round++) {
    const keys = Array.from({ length: KEYS }, (_, index) => `${name}::${round}::${index}`)
    const reports = await Promise.all(
      members.map((member) =>
        member.run('stampede', { keys, callers: CALLERS, ms: FACTORY_MS, delayMs: delayMs() }),
      ),
    )

    expect(reports.flatMap(({ computed }) => computed).sort()).toEqual([...keys].sort())
    for (const index of keys.keys()) {
      expect(new Set(reports.flatMap(({ values }) => values[index])).size).toBe(1)
    }
    const sum = (of: (totals: Figures) => number) => reports.reduce((all, { totals }) => all + of(totals), 0)
    const asked = PROCESSES * CALLERS * KEYS * round
    expect(sum(({ computations }) => computations)).toBe(KEYS * round)
    // Callers after the commit found the value.
    expect(sum(({ avoided, hits }) => avoided + hits)).toBe(asked - KEYS * round)
    expect(sum(({ takeovers }) => takeovers)).toBe(0)

    const beyond = p99(reports.flatMap(({ waits }) => waits)) - FACTORY_MS
    rounds.push(beyond)
    console.log(
      `${name}, round ${round}: 99 % waited at most the factory's ${FACTORY_MS} ms and ${beyond.toFixed(1)} ms`,
    )
  }
  expect(median(rounds.slice(-IN_A_ROW))).toBeLessThanOrEqual(BEYOND_MS)
}

/** The median of the last rounds; NaN before there are enough. */
function median(rounds: readonly number[]): number {
  return rounds.length < IN_A_ROW ? Number.NaN : (rounds.toSorted((a, b) => a - b)[IN_A_ROW >> 1] as number)
}

function p99(values: number[]): number {
  const sorted = values.sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN
}

// Tests promises between processes: stampedes, deletes that overtake a computation, a killed process, a frozen Redis.
// `npm run promises`, about four minutes; `npm run promises -- keyedcache bentocache` for some of them.
import { readFileSync } from 'node:fs'
import { endCrew, startCrew } from './lib/crew.mjs'
import { deadHolder, FACTORY_MS } from './lib/dead-holder.mjs'
import { CAP_MS, frozenRedis } from './lib/frozen-redis.mjs'
import { PEERS } from './lib/peers.mjs'
import { deleteRace } from './lib/race.mjs'
import { startRedis } from './lib/redis.mjs'
import { median } from './lib/rounds.mjs'
import { STAMPEDE, stampede } from './lib/stampede.mjs'
import { count, machine, table } from './lib/table.mjs'

const PROCESSES = 8
const ROUNDS = 7
/** Stampedes before the measured ones, so that code is compiled. */
const WARM_UPS = 25
const RACES = 50
const DEATHS = 3
const SPREAD_MS = 200
const GIVE_UP_MS = 600_000

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
setTimeout(() => {
  console.error(`Not done after ${GIVE_UP_MS / 60_000} minutes: gives up.`)
  process.exit(1)
}, GIVE_UP_MS).unref()

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PEERS)
const unknown = names.find((name) => !(name in PEERS))
if (unknown) throw new Error(`No library is called ${unknown}; there are ${Object.keys(PEERS).join(', ')}.`)

/** Random starts, the same for every library. */
const SPREADS = Array.from({ length: ROUNDS }, () =>
  Array.from({ length: PROCESSES }, () => Math.random() * SPREAD_MS),
)
const AT_ONCE = Array(PROCESSES).fill(0)

console.log(machine())
const { keys, callers, factoryMs } = STAMPEDE
console.log(`
Stampede: ${PROCESSES} processes, in each ${callers} callers for each of ${keys} keys; computing takes
${factoryMs} ms; processes begin together, or at random within ${SPREAD_MS} ms; medians of ${ROUNDS} rounds
after ${WARM_UPS} that do not count.
Stale: a read that began after the delete gave the old value; in brackets, where nothing was being computed.
Takeover: from the death of the process that computes until another has the value, its own ${FACTORY_MS} ms
of computing included; medians of ${DEATHS}.
Redis frozen: a get-or-compute of an unknown key.`)
const database = await startRedis()
const rows = []
for (const name of names) rows.push([`${name} ${versionOf(name)}`, ...(await measure(name))])
await database.stop()
table(
  'What happens',
  [
    '',
    `computed in a stampede, of ${keys}`,
    'p99 beyond it, ms',
    'computed, random starts',
    'p99 beyond it, ms',
    `stale after a delete, of ${RACES}`,
    `after a group's, of ${RACES}`,
    'takeover: waiting, ms',
    'takeover: asking, ms',
    'Redis frozen, ms',
  ],
  rows,
)

async function measure(name) {
  const redis = await startRedis()
  const crew = await startCrew(name, redis.url, database.url, PROCESSES)
  for (let i = 0; i < WARM_UPS; i++) await stampede(crew, AT_ONCE)
  const together = []
  const spread = []
  for (const offsets of SPREADS) {
    together.push(await stampede(crew, AT_ONCE))
    spread.push(await stampede(crew, offsets))
  }
  const stale = await staleReads(crew, false)
  const { groups } = await crew[0].run('open')
  const staleInGroup = groups ? await staleReads(crew, true) : '–'
  const deaths = []
  const [first, second, ...holders] = crew
  for (const holder of holders.slice(0, DEATHS)) deaths.push(await deadHolder(holder, first, second))
  const frozen = await frozenRedis(redis, first)
  await endCrew(crew)
  await redis.stop()
  return [
    ...inStampede(together),
    ...inStampede(spread),
    stale,
    staleInGroup,
    ...[0, 1].map((who) => outcome(deaths.map((death) => death[who]))),
    outcome([frozen], CAP_MS),
  ]
}

async function staleReads(crew, grouped) {
  const overtaken = await deleteRace(crew, RACES, { grouped })
  const control = await deleteRace(crew, RACES, { grouped, overtaking: false })
  return `${overtaken} (${control})`
}

function inStampede(rounds) {
  const of = (figure) => median(rounds.map((round) => round[figure]))
  const errors = rounds.reduce((total, round) => total + round.errors, 0)
  return [`${of('computations')}${errors > 0 ? ` (${errors} errors)` : ''}`, count(of('p99BeyondFactory'))]
}

/** Median of the times, or the first error. */
function outcome(results, cap) {
  const error = results.find((result) => result instanceof Error)
  if (error) return `error: ${error.message.split('\n')[0]}`
  const ms = median(results)
  return Number.isFinite(ms) ? count(ms) : `> ${count(cap)}`
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(PEERS[name].manifest, new URL('lib/', import.meta.url)), 'utf8'))
    .version
}

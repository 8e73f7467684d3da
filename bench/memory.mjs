// Measures memory tiers: cost of a hit, and how long a value is served after another process has deleted it.
// `npm run memory`, about a minute; `npm run memory -- bentocache` for some of them.
import { readFileSync } from 'node:fs'
import { endCrew, startCrew } from './lib/crew.mjs'
import { CAP_MS, staleAfterDelete, staleWhenCutOff, staleWhenOvertaken } from './lib/old-values.mjs'
import { MEMORIES } from './lib/peers.mjs'
import { startProxy } from './lib/proxy.mjs'
import { startRedis } from './lib/redis.mjs'
import { median, medianRatio, takeTurns } from './lib/rounds.mjs'
import { count, machine, table, times } from './lib/table.mjs'

const ROUNDS = 15
const READS = 5_000
const DELETES = 50
const OVERTAKEN = 20
/** Reads of a contender that asks Redis every time: they are slow enough. */
const SLOW_READS = 200
const BASE = 'keyedcache, memory'
const GIVE_UP_MS = 600_000

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
setTimeout(() => {
  console.error(`Not done after ${GIVE_UP_MS / 60_000} minutes: gives up.`)
  process.exit(1)
}, GIVE_UP_MS).unref()

const names = process.argv.length > 2 ? [BASE, ...process.argv.slice(2)] : Object.keys(MEMORIES)
const unknown = names.find((name) => !(name in MEMORIES))
if (unknown)
  throw new Error(`No library is called ${unknown}; there are ${Object.keys(MEMORIES).join(', ')}.`)

console.log(machine())
console.log(`
Hit: one of ${READS} repeated get-or-computes of one key, one after the other; median of ${ROUNDS} rounds in turns.
After a delete: process B changes a row and deletes its key; time for which A still serves the old value, median and
longest of ${DELETES}. Overtaken: the reply to A's read arrives after the message of the delete; number of ${OVERTAKEN} reads
after which A serves the old value, and for how long. Cut off: A receives nothing more; time for which it serves the
value that B has deleted. Each is watched for ${count(CAP_MS)} ms at most.`)

const database = await startRedis()
const members = {}
for (const name of names) members[name] = await openPair(name)
const query = { key: 'hot', row: true, ms: 0 }
for (const { a, b } of Object.values(members)) {
  await b.run('write', { key: 'hot', version: 1 })
  for (let n = 0; n < 3; n++) await a.run('repeat', { ...query, times: SLOW_READS })
}
const hits = await takeTurns(members, ROUNDS, ({ a }, name) =>
  a.run('repeat', { ...query, times: name === 'keyedcache, no memory' ? SLOW_READS : READS }),
)
const rows = []
for (const name of names) {
  rows.push([`${name} ${versionOf(name)}`, ...inHits(name), ...(await oldValues(members[name]))])
  await endPair(members[name])
}
await database.stop()
table(
  'Memory tiers',
  [
    '',
    'hit, ns',
    `of ${BASE}`,
    'values are',
    'stale after a delete: median, ms',
    'longest, ms',
    `stale when overtaken, of ${OVERTAKEN}`,
    'for, ms',
    'stale when cut off, ms',
  ],
  rows,
)

/** Starts two processes, one of them behind a proxy. */
async function openPair(name) {
  const redis = await startRedis()
  const proxy = await startProxy(redis.url)
  const [a] = await startCrew(name, proxy.url, database.url, 1)
  const [b] = await startCrew(name, redis.url, database.url, 1)
  return { redis, proxy, a, b }
}

async function endPair({ redis, proxy, a, b }) {
  await endCrew([a, b])
  await proxy.stop()
  await redis.stop()
}

function inHits(name) {
  return [count(median(hits[name])), times(medianRatio(hits[name], hits[BASE]))]
}

async function oldValues({ a, b, proxy }) {
  const isShared = await a.run('isShared', query)
  const afterDelete = []
  for (let n = 0; n < DELETES; n++) afterDelete.push(await staleAfterDelete(a, b))
  const overtaken = []
  for (let n = 0; n < OVERTAKEN; n++) {
    const ms = await staleWhenOvertaken(a, b, proxy)
    overtaken.push(ms)
    // Three times the maximum show enough.
    if (ms === Number.POSITIVE_INFINITY && n >= 2) break
  }
  const old = overtaken.filter((ms) => ms > 0)
  return [
    isShared ? 'shared' : 'copies',
    median(afterDelete).toFixed(1),
    until(Math.max(...afterDelete)),
    overtaken.length < OVERTAKEN ? `${old.length} of ${overtaken.length}` : old.length,
    old.length === 0 ? '–' : until(Math.max(...old)),
    until(await staleWhenCutOff(a, b, proxy)),
  ]
}

function until(ms) {
  return Number.isFinite(ms) ? count(ms) : `> ${count(CAP_MS)}`
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(MEMORIES[name].manifest, new URL('lib/', import.meta.url)), 'utf8'))
    .version
}

// Values that a process keeps: what a hit costs, and for how long one is served that another process has deleted.
// `npm run memory`, about a minute; `npm run memory -- bentocache` for some of them.
import { readFileSync } from 'node:fs'
import { endCrew, startCrew } from './lib/crew.mjs'
import { CAP_MS, cutOff, newsOfDelete, overtakenByNews } from './lib/old-values.mjs'
import { MEMORIES } from './lib/peers.mjs'
import { startProxy } from './lib/proxy.mjs'
import { startRedis } from './lib/redis.mjs'
import { median, medianRatio, takeTurns } from './lib/rounds.mjs'
import { count, machine, table, times } from './lib/table.mjs'

const ROUNDS = 15
const READS = 5_000
const DELETES = 50
const OVERTAKEN = 20
/** A read that Redis must answer takes long enough. */
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
A hit: one of ${READS} repeated get-or-computes of one key, one after the other; median of ${ROUNDS} rounds in turns.
News: process B changes a row and deletes its key; for how long after that has returned A serves the old one,
median and longest of ${DELETES}. Overtaken: A's read is answered after the news of the delete have come; how often of
${OVERTAKEN} A goes on to serve the old value, and for how long. Cut off: nothing reaches A any more; for how long it serves
what B has deleted. Nothing is looked at for longer than ${count(CAP_MS)} ms.`)

const database = await startRedis()
const members = {}
for (const name of names) members[name] = await openPair(name)
const query = { key: 'hot', row: true, ms: 0 }
for (const { a, b } of Object.values(members)) {
  await b.ask('write', { key: 'hot', version: 1 })
  for (let n = 0; n < 3; n++) await a.ask('repeat', { ...query, times: SLOW_READS })
}
const hits = await takeTurns(members, ROUNDS, ({ a }, name) =>
  a.ask('repeat', { ...query, times: name === 'keyedcache, no memory' ? SLOW_READS : READS }),
)
const rows = []
for (const name of names) {
  rows.push([`${name} ${versionOf(name)}`, ...inHits(name), ...(await oldValues(members[name]))])
  await endPair(members[name])
}
await database.stop()
table(
  'What a process remembers',
  [
    '',
    'a hit, ns',
    `of ${BASE}`,
    'values are',
    'news: median, ms',
    'longest, ms',
    `old when overtaken, of ${OVERTAKEN}`,
    'for, ms',
    'cut off: served old for, ms',
  ],
  rows,
)

/** Two processes, of which one has a proxy between it and Redis. */
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
  const isShared = await a.ask('isShared', query)
  const news = []
  for (let n = 0; n < DELETES; n++) news.push(await newsOfDelete(a, b))
  const overtaken = []
  for (let n = 0; n < OVERTAKEN; n++) {
    const ms = await overtakenByNews(a, b, proxy)
    overtaken.push(ms)
    // It has been seen that it does not end soon: not twenty times.
    if (ms === Number.POSITIVE_INFINITY && n >= 2) break
  }
  const old = overtaken.filter((ms) => ms > 0)
  return [
    isShared ? 'shared' : 'copies',
    median(news).toFixed(1),
    until(Math.max(...news)),
    overtaken.length < OVERTAKEN ? `${old.length} of ${overtaken.length}` : old.length,
    old.length === 0 ? '–' : until(Math.max(...old)),
    until(await cutOff(a, b, proxy)),
  ]
}

function until(ms) {
  return Number.isFinite(ms) ? count(ms) : `> ${count(CAP_MS)}`
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(MEMORIES[name].manifest, new URL('lib/', import.meta.url)), 'utf8'))
    .version
}
